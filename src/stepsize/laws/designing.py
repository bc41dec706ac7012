"""The schedule with the lowest predicted loss, and the best short ones: a member of each family of shapes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from stepsize.arguments import NonNegative, Phase, Positive, Steps
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError, FitError, StepsizeError, raise_together
from stepsize.laws.forecast import Fit, check_peak
from stepsize.laws.law import Floats, Law
from stepsize.laws.momentum_law import MomentumLaw
from stepsize.schedules import Cosine, Knots, Linear, Polynomial, Schedule, Table, warmup, wsd
from stepsize.schedules.transitions import AnyShape

KNOTS = (12, 48, 192)  # the number of knots in each stage of the search, which starts at the result of the one before
STEEPEST = 4.0  # the largest power of a decay
DEEPEST = 30.0  # a rate falls to e^-30 of its range above the lowest allowed rate


@dataclass(frozen=True)
class Member:
    """The best schedule of a family, and by how much its predicted loss exceeds the best of all."""

    family: str
    schedule: Schedule
    final_loss: float
    excess: float


@dataclass(frozen=True)
class Design:
    """The best schedule under a law, step by step, its predicted loss, and short schedules that come near it.

    `members` are the best schedules of some families, best first; `members[0].schedule` is the one for a configuration
    file. `cautions` say where the best schedule goes beyond the runs of the fit.
    """

    schedule: Table
    final_loss: float
    members: tuple[Member, ...]
    cautions: tuple[str, ...]


@checked
def design(
    found: Fit | Law,
    peak_lr: Positive,
    steps: Steps,
    *,
    warmup_steps: Phase = 0,
    final_lr: NonNegative = 0.0,
    monotone: bool = True,
) -> Design:
    """Find the schedule of a given length with the lowest predicted final loss.

    After a linear warmup the rate lies between `final_lr` and `peak_lr`. It is a straight line between about two
    hundred knots, which minimise the exact final loss of the law by its gradient. The search starts from the best
    member of the families below, and from the result with fewer knots. The families are warmup-stable-decay, by the
    length and shape of the decay, straight lines and cosines, each by its final rate.

    The result may lie beyond what the law was fitted to: train it before you rely on it.

    Args:
        found: a fit, or a law, but not the momentum law, under which every decay pays.
        peak_lr: the highest rate; stay near that of the runs.
        steps: total length, warmup included.
        warmup_steps: length of the linear warmup from 0 to the peak; stay near that of the runs.
        final_lr: the lowest allowed rate.
        monotone: the rate never rises after the warmup. A law knows little about rises, so a free search finds its
            errors: check such a result twice.

    Raises:
        ArgumentError: the warmup takes all the steps, or `final_lr` is above `peak_lr`.
        FitError: the law is a `MomentumLaw`, or the peak is far from that of the runs.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, design
        >>> law = MultiPowerLaw(3.04, 0.525, 0.508, 364.0, 2.07, 0.583, 0.641)
        >>> best = design(law, 3e-4, 4000, warmup_steps=200)
        >>> best.members[0].family, best.members[0].excess < 0.001
        ('wsd, power', True)

    Reference: Luo et al., arXiv 2503.12811 (2025), who optimise schedules under their law.
    """
    law = found.law if isinstance(found, Fit) else found
    if isinstance(law, MomentumLaw):
        why = "under the momentum law a later decay always pays more, so the best schedule depends only on the bounds"
        raise FitError(f"design needs another law: {why}")
    limits = Limits(steps, peak_lr, warmup_steps, final_lr)
    if isinstance(found, Fit):
        check_peak(peak_lr, found.runs)
    members = sorted(((name, *best_member(name, law, limits)) for name in FAMILIES), key=lambda member: member[2])
    best: Schedule
    _, best, loss = members[0]
    for knots in _KnotSearch(law, limits, monotone).from_schedule(best):
        reached = law.final(knots, steps).loss
        if reached < loss:
            best, loss = knots, reached
    table = Table(tuple(best.sample(steps).tolist()))
    return Design(
        schedule=table,
        final_loss=loss,
        members=tuple(Member(*member, member[2] - loss) for member in members),
        cautions=found.cautions(table) if isinstance(found, Fit) else (),
    )


@dataclass(frozen=True)
class Limits:
    """The limits of a design: its length, peak, warmup, and lowest rate after the warmup."""

    steps: int
    peak_lr: float
    warmup_steps: int
    final_lr: float

    def __post_init__(self) -> None:
        errors: list[StepsizeError] = []
        if self.warmup_steps >= self.steps - 1:
            rule = f"less than steps - 1 = {self.steps - 1}"
            errors.append(ArgumentError("design", "warmup_steps", rule, self.warmup_steps))
        if self.final_lr > self.peak_lr:
            advice = f"the peak is {self.peak_lr:g}"
            errors.append(ArgumentError("design", "final_lr", "at most the peak", self.final_lr, advice))
        raise_together(errors)

    @property
    def after_warmup(self) -> int:
        return self.steps - self.warmup_steps

    def end(self, x: Floats) -> float:
        """The final rate to three digits, x[0] of the way from the lowest rate to the peak."""
        return max(float(f"{self.final_lr + x[0] * (self.peak_lr - self.final_lr):.3g}"), self.final_lr)


def _wsd(limits: Limits, x: Floats, shape: AnyShape) -> Schedule:
    decay = min(limits.after_warmup, max(1, round(x[1] * limits.after_warmup)))
    stable = limits.after_warmup - decay
    return wsd(limits.peak_lr, limits.warmup_steps, stable, decay, 0.0, limits.end(x), shape)


def _down(limits: Limits, x: Floats, shape: Callable[..., Schedule]) -> Schedule:
    return warmup(shape(limits.peak_lr, limits.end(x), limits.after_warmup), limits.warmup_steps)


# How numbers x from 0 to 1 make a member, and where the search starts: x[0] sets the final rate, x[1] the length of the
# decay, x[2] its power.
FAMILIES: dict[str, tuple[Callable[[Limits, Floats], Schedule], tuple[float, ...]]] = {
    "wsd, linear": (lambda limits, x: _wsd(limits, x, "linear"), (0.05, 0.3)),
    "wsd, cosine": (lambda limits, x: _wsd(limits, x, "cosine"), (0.05, 0.3)),
    "wsd, 1-sqrt": (lambda limits, x: _wsd(limits, x, "1-sqrt"), (0.05, 0.3)),
    "wsd, power": (
        lambda limits, x: _wsd(limits, x, partial(Polynomial, power=round(STEEPEST * x[2], 2))),
        (0.05, 0.3, 0.3),
    ),
    "linear": (lambda limits, x: _down(limits, x, Linear), (0.05,)),
    "cosine": (lambda limits, x: _down(limits, x, Cosine), (0.05,)),
}


def best_member(family: str, law: Law, limits: Limits) -> tuple[Schedule, float]:
    """The member of a family with the lowest final loss under the law, and that loss."""
    make, start = FAMILIES[family]

    def loss(x: Floats) -> float:
        return law.final(make(limits, x).sample()).loss

    # Lengths are whole numbers, so a simplex method works and a derivative would not.
    best = minimize(
        loss, np.array(start), method="Nelder-Mead", bounds=[(0.0, 1.0), (0.02, 1.0), (0.02, 1.0)][: len(start)],
        options={"xatol": 2e-3, "fatol": 1e-7, "maxfev": 100 * len(start)},
    )  # fmt: skip
    return make(limits, best.x), float(best.fun)


class _KnotSearch:
    """Search for the best schedule that is a straight line between knots.

    The variable of a knot is its depth: rate = final + (peak - final) e^-depth.
    """

    def __init__(self, law: Law, limits: Limits, monotone: bool) -> None:
        self._law, self._limits, self._monotone = law, limits, monotone
        self._rise = np.linspace(0.0, limits.peak_lr, limits.warmup_steps + 1)[:-1]
        self._span = limits.peak_lr - limits.final_lr
        self._steps: Floats = np.arange(limits.after_warmup, dtype=np.float64)

    def from_schedule(self, start: Schedule) -> Iterator[Knots]:
        """The results of two searches from a schedule: with more knots in each stage, and with all of them at once."""
        left = (start(self._limits.warmup_steps + self._steps) - self._limits.final_lr) / (self._span or 1.0)
        depths = -np.log(np.clip(left, np.exp(-DEEPEST), 1.0))
        for counts in (KNOTS, KNOTS[-1:]):
            places, reached = self._steps, depths
            for count in counts:
                finer = _knot_steps(self._limits.after_warmup, count)
                reached = self._descend(finer, np.interp(finer, places, reached))
                places = finer
            absolute = self._limits.warmup_steps + places
            points = tuple(zip(absolute.tolist(), self._rates(reached).tolist(), strict=True))
            yield Knots(((0.0, 0.0), *points) if self._rise.size else points)

    def _rates(self, depths: Floats) -> Floats:
        return np.asarray(self._limits.final_lr + self._span * np.exp(-depths))

    def _descend(self, places: Floats, depths: Floats) -> Floats:
        """The depths of the knots at the steps `places` that minimise the loss, starting from `depths`."""
        before = np.clip(np.searchsorted(places, self._steps, side="right") - 1, 0, places.size - 2)
        share = (self._steps - places[before]) / (places[before + 1] - places[before])

        def loss_of_depths(depth: Floats) -> tuple[float, Floats]:
            knots = self._rates(depth)
            rates = knots[before] * (1.0 - share) + knots[before + 1] * share
            final = self._law.final(np.concatenate([self._rise, rates]))
            by_rate = final.gradient[self._rise.size :]
            by_knot = np.bincount(before, by_rate * (1.0 - share), places.size)
            by_knot += np.bincount(before + 1, by_rate * share, places.size)
            return final.loss, -(knots - self._limits.final_lr) * by_knot

        def loss_of_falls(falls: Floats) -> tuple[float, Floats]:
            loss, slope = loss_of_depths(np.cumsum(falls))
            return loss, np.cumsum(slope[::-1])[::-1]

        if not self._monotone:
            return np.asarray(_minimum(loss_of_depths, depths))
        return np.cumsum(_minimum(loss_of_falls, np.maximum(np.diff(depths, prepend=0.0), 0.0)))


def _knot_steps(steps: int, count: int) -> Floats:
    """At most `count` steps: half at even distances, half ever closer towards the end."""
    even = np.linspace(0.0, steps - 1.0, min((count + 1) // 2, steps))
    closer = steps - 1.0 - np.geomspace(1.0, steps, min(count // 2, steps)) + 1.0
    return np.unique(np.concatenate([even, closer]).clip(0.0).round())


def _minimum(value: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Any:
    bounds = [(0.0, DEEPEST)] * start.size
    options = {"gtol": 1e-7, "ftol": 1e-11}
    with threadpool_limits(1, "blas"):  # with so few numbers, more threads only wait for each other
        return minimize(value, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
