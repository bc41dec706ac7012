"""What the theory of convex optimization says about schedules, without any runs: a bound, rankings, refinements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import median_filter
from scipy.optimize import brentq

from stepsize.arguments import Fraction, MaybeCount, MaybeSteps, Positive, Steps
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError
from stepsize.laws.law import Floats, Rates, rates_of
from stepsize.schedules import Schedule, Table, wsd

LEAST_FACTOR = 0.01


@dataclass(frozen=True)
class Bound:
    """The bound of a shape at its best height: `value` is Omega* in units of D G, `rate` is gamma* in units of D / G.

    Multiply the shape by gamma* to reach the bound; D is the distance to the optimum, G the size of the gradients.
    """

    value: float
    rate: float


def convex_bound(schedule_or_rates: Rates, steps: int | None = None) -> Bound:
    """The bound on the excess loss of the last step for convex functions, with a schedule at its best height.

    For eta = gamma w, ||x_1 - x*|| <= D and E ||g_t||^2 <= G^2:

        Omega = D^2 / (2 gamma s_1) + gamma G^2 / 2 (q_1 / s_1 + sum_{k=1..T-1} [w_k / s_{k+1}] [q_k / s_k])
        s_k = w_k + ... + w_T,    q_k = w_k^2 + ... + w_T^2

    which is least, Omega* = D G `value`, at gamma* = D / G `rate`. D and G are the same for all schedules and cancel in
    a ranking. Zeros at the end change nothing and are left out. It takes O(T) operations.

    The bound is about twice the worst case: it ranks schedules and does not predict a loss. On real runs its order
    agreed with that of the measured losses at a rank correlation of 0.5 to 0.87.

    Raises:
        ArgumentError: the schedule never ends and `steps` is None; a rate is negative; or no rate is positive.

    Example:
        >>> from stepsize.laws import convex_bound
        >>> convex_bound(Linear(1.0, 0.0, 400)).value < convex_bound(Cosine(1.0, 0.0, 400)).value
        True

    Reference: Defazio et al., arXiv 2310.07831 (2023), Theorem 10; Schaipp et al., arXiv 2501.18965 (2025), Theorem 1.
    """
    return _bound(rates_of("convex_bound", schedule_or_rates, steps, positive=True))


def _bound(rates: Floats) -> Bound:
    highest = float(rates.max())
    w = rates[: np.flatnonzero(rates)[-1] + 1] / highest
    sums, squares = (np.cumsum(each[::-1])[::-1] for each in (w, w * w))
    first = 0.5 / sums[0]
    rest = 0.5 * squares[0] / sums[0] + 0.5 * float((w[:-1] / sums[1:]) @ (squares[:-1] / sums[:-1]))
    return Bound(float(2.0 * np.sqrt(first * rest)), float(np.sqrt(first / rest)) / highest)


@dataclass(frozen=True)
class Ranked:
    """A schedule in a ranking: its bound, and the ratio of its bound to the best one."""

    name: str
    schedule: Schedule
    bound: Bound
    over_best: float


def rank(schedules: Sequence[Schedule] | Mapping[str, Schedule], steps: int | None = None) -> tuple[Ranked, ...]:
    """Rank schedules by `convex_bound`, best first, each shape at its own best height.

    This is a ranking, not a prediction: differences of the bound are not differences of a loss.

    Args:
        schedules: a sequence, or a mapping from names to schedules.
        steps: the length of all schedules; required if one never ends or their lengths differ.

    Raises:
        ArgumentError: there are no schedules, an item is not a schedule, or the lengths differ.

    Example:
        >>> from stepsize.laws import rank
        >>> [each.name for each in rank({"flat": Constant(0.1), "down": Linear(0.1, 0.0, 400)}, 400)]
        ['down', 'flat']
    """
    named = named_schedules("rank", schedules)
    lengths = {schedule.steps for schedule in named.values()}
    if steps is None and len(lengths) > 1:
        rule = f"a number, because the lengths differ ({', '.join(f'{length:g}' for length in sorted(lengths))})"
        raise ArgumentError("rank", "steps", rule, steps, "write {steps}", steps=1000)
    bounds = {name: convex_bound(schedule, steps) for name, schedule in named.items()}
    best = min(bound.value for bound in bounds.values())
    order = sorted(named, key=lambda name: bounds[name].value)
    return tuple(Ranked(name, named[name], bounds[name], bounds[name].value / best) for name in order)


def named_schedules(owner: str, schedules: Sequence[Schedule] | Mapping[str, Schedule]) -> Mapping[str, Schedule]:
    """Schedules by their names, which are their texts if none are given."""
    if isinstance(schedules, Schedule):
        raise ArgumentError(owner, "schedules", "a sequence or a mapping of schedules", schedules, "write [schedule]")
    named = schedules if isinstance(schedules, Mapping) else {str(each): each for each in schedules}
    if not named:
        raise ArgumentError(owner, "schedules", "at least one schedule", schedules)
    for name, schedule in named.items():
        if not isinstance(schedule, Schedule):
            raise ArgumentError(owner, f"schedules[{name!r}]", "a schedule", schedule, "parse() makes one from a text")
    return named


@checked
def transfer_factor(steps: Steps, longer: Steps, decay_frac: Fraction = 0.2) -> float:
    """The factor on the rate of a constant phase when a tuned run is extended.

    The tuned run has `steps` steps: a constant rate, then a linear decay in its last `decay_frac`. The extended run
    continues from the start of that decay to `longer` steps, again with a linear decay in its last `decay_frac`. The
    factor applies to all rates after the branch and keeps the best height of the whole run, by `convex_bound`, equal to
    that of the tuned run, so the first part still has the right rate.

    Raises:
        ArgumentError: `longer` is not larger than `steps`, or there is no decay or no constant phase.

    Example:
        >>> from stepsize.laws import transfer_factor
        >>> round(transfer_factor(50_000, 100_000), 2), round(transfer_factor(50_000, 200_000), 2)
        (0.53, 0.37)

    Reference: Schaipp et al., arXiv 2501.18965 (2025), who give 0.525 and 0.375, multiples of 0.025.
    """
    if longer <= steps:
        raise ArgumentError("transfer_factor", "longer", f"more than steps = {steps}", longer)
    if not 0 < round(decay_frac * steps) < steps:
        raise ArgumentError("transfer_factor", "decay_frac", "a fraction that gives both phases steps", decay_frac)
    kept, shape = steps - round(decay_frac * steps), _flat_then_down(longer, decay_frac)
    wanted = _bound(_flat_then_down(steps, decay_frac)).rate

    def off(factor: float) -> float:
        return _bound(np.concatenate([shape[:kept], factor * shape[kept:]])).rate - wanted

    # With a factor near 0 the best height falls again, so search for the first root downward from 1.
    low = 1.0
    while off(low) < 0:
        low *= 0.95
        if low < LEAST_FACTOR:
            advice = "extend the run in two stages, and tune the rate between them"
            raise ArgumentError("transfer_factor", "longer", "short enough that a factor exists", longer, advice)
    return float(brentq(off, low, low / 0.95, xtol=1e-12))


def _flat_then_down(steps: int, decay_frac: float) -> Floats:
    decay = round(decay_frac * steps)
    return np.asarray(wsd(1.0, 0, steps - decay, decay).sample())


@checked
def refine(
    norms: ArrayLike,
    peak_lr: Positive,
    steps: MaybeSteps = None,
    window_frac: Fraction = 0.1,
) -> Table:
    """The best schedule for the gradient norms of an earlier run, by the theory of the convex bound.

        eta_t = w_t sum_{p=t+1..T} w_p,    w_t = G_t^-2

    scaled to a highest rate of `peak_lr`. Constant norms give a straight line to zero. Norms that shrink late keep the
    rate high for longer. Norms that are large at first give a warmup.

    Args:
        norms: G_t of the earlier run at even distances, shape `(points,)`; the Euclidean norm for SGD, the 1-norm for
            Adam.
        peak_lr: the highest rate.
        steps: of the schedule; as many as there are norms if None.
        window_frac: the window of the median filter that smooths the norms, as a fraction of the run; 0: no smoothing.

    Raises:
        ArgumentError: there are fewer than two norms, or one is not positive and finite.

    Example:
        >>> from stepsize.laws import refine
        >>> refine([2.0] * 5, peak_lr=0.4).sample()
        array([0.4, 0.3, 0.2, 0.1, 0. ])

    Reference: Defazio et al., "Optimal Linear Decay Learning Rate Schedules and Further Refinements", arXiv 2310.07831
    (2023).
    """
    rule = "a row of at least two norms, all positive and finite"
    try:
        given = np.array(norms, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError("refine", "norms", rule, norms) from None
    if given.ndim != 1 or given.size < 2 or not (np.isfinite(given) & (given > 0)).all():
        raise ArgumentError("refine", "norms", rule, norms)
    window = round(window_frac * given.size)
    smooth = median_filter(given, size=window, mode="nearest") if window > 1 else given
    places = np.linspace(0.0, given.size - 1.0, steps or given.size)
    weights = (np.interp(places, np.arange(given.size), smooth) / smooth.min()) ** -2
    shape = weights * np.append(np.cumsum(weights[::-1])[::-1][1:], 0.0)
    return Table(tuple((peak_lr * (shape / shape.max())).tolist()))


@checked
def merge_weights(decay: Schedule | ArrayLike, checkpoints: MaybeCount = None) -> Floats:
    """The weights c_1 .. c_n that average n checkpoints of a constant rate to imitate a decay.

        c_k = w_k - w_{k+1},    w_{n+1} = 0,    1 = w_1 >= w_2 >= ... >= w_n >= 0

    where w_k is the fraction of the rate in the stretch that ends with checkpoint k. The average then contains every
    update of that stretch w_k times, if the updates would have been the same. The weights sum to 1.

    Args:
        decay: w_1 .. w_n as a row, or a schedule that is sampled at n even distances; divided by its first value.
        checkpoints: n, required for a schedule.

    Raises:
        ArgumentError: the rate rises, or starts at zero; `checkpoints` is missing, or differs from the row's length.

    Example:
        >>> from stepsize.laws import merge_weights
        >>> merge_weights(Linear(1.0, 0.0, 4), 4)
        array([0.25, 0.25, 0.25, 0.25])
    """
    row: Rates = decay
    if isinstance(decay, Schedule):
        if checkpoints is None:
            raise ArgumentError("merge_weights", "checkpoints", "a number if decay is a schedule", checkpoints)
        if not np.isfinite(decay.steps):
            raise ArgumentError("merge_weights", "decay", "a schedule that ends", decay, "write .head(n)")
        row = decay(np.arange(checkpoints) * decay.steps / checkpoints)
    w = rates_of("merge_weights", row)
    if checkpoints not in (None, w.size):
        raise ArgumentError("merge_weights", "checkpoints", f"the number of weights, {w.size}", checkpoints)
    if not w[0] > 0 or (np.diff(w) > 1e-12 * w[0]).any():
        raise ArgumentError("merge_weights", "decay", "positive at first and never rising", decay)
    return np.asarray(-np.diff(w / w[0], append=0.0))
