"""Well-known schedules, each a function that combines shapes and operators; a phase of 0 steps is left out."""

import math
import operator
from functools import reduce
from typing import Annotated

from stepsize.arguments import (
    Choice,
    Count,
    EndlessCount,
    EndlessPhase,
    Fraction,
    Length,
    Many,
    MaybeReal,
    Phase,
    Positive,
    Real,
    Steps,
)
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError
from stepsize.schedules.base import Nested, Schedule
from stepsize.schedules.formulas import Constant, Cosine, Exponential, InversePower
from stepsize.schedules.piecewise import Triangle
from stepsize.schedules.transitions import AnyShape, transition

PhaseLengths = Annotated[tuple[int, ...], Many(Length(0))]


@checked
def warmup(schedule: Nested, steps: Phase, init_lr: Real = 0.0, shape: AnyShape = "linear") -> Schedule:
    """A warmup from `init_lr` to the schedule's first value, and then the schedule.

    `shape` is a word, a class or a function, as for `wsd`.

    Example:
        >>> warmup(Cosine(0.2, 0.02, 7), 3)
        Linear(0.0, 0.2, 3) >> Cosine(0.2, 0.02, 7)

    Reference: Goyal et al., "Accurate, Large Minibatch SGD", arXiv 1706.02677 (2017).
    """
    up = _way("warmup", steps, ("shape", shape), ("init_lr", init_lr), ("", schedule(0)))
    return _joined("warmup", [*up, schedule])


@checked
def warmup_cosine(
    peak_lr: Real, warmup_steps: Phase, total_steps: Steps, init_lr: Real = 0.0, final_lr: Real = 0.0
) -> Schedule:
    """Linear warmup, then half a cosine wave down; `total_steps` includes the warmup.

    Example:
        >>> warmup_cosine(0.3, 5, 20, final_lr=0.01)
        Linear(0.0, 0.3, 5) >> Cosine(0.3, 0.01, 15)
    """
    if warmup_steps >= total_steps:
        raise ArgumentError("warmup_cosine", "warmup_steps", f"less than total_steps = {total_steps}", warmup_steps)
    return warmup(Cosine(peak_lr, final_lr, total_steps - warmup_steps), warmup_steps, init_lr)


@checked
def wsd(
    peak_lr: Real,
    warmup_steps: Phase,
    stable_steps: Phase,
    decay_steps: Phase,
    init_lr: Real = 0.0,
    final_lr: Real = 0.0,
    shape: AnyShape = "linear",
    warmup_shape: AnyShape = "linear",
) -> Schedule:
    """Warmup, stable, decay: a warmup, a constant rate, and a decay.

    A shape is the word "linear", "cosine", "1-sqrt", "exponential" (`Geometric`), "rex", "rex(0.7)" (its beta) or
    "polynomial(2)" (its power); or a class such as `Cosine`, or a function, that makes a schedule of
    (start, end, steps).

    Example:
        >>> wsd(0.3, 100, 700, 200)
        Linear(0.0, 0.3, 100) >> Constant(0.3, 700) >> Linear(0.3, 0.0, 200)
        >>> wsd(0.3, 100, 700, 200, final_lr=0.003, shape="exponential", warmup_shape=Cosine)
        Cosine(0.0, 0.3, 100) >> Constant(0.3, 700) >> Geometric(0.3, 0.003, 200)

    Reference: Hu et al., "MiniCPM", arXiv 2404.06395 (2024); for "1-sqrt", Hagele et al., arXiv 2405.18392 (2024).
    """
    peak = ("peak_lr", peak_lr)
    up = _way("wsd", warmup_steps, ("warmup_shape", warmup_shape), ("init_lr", init_lr), peak)
    down = _way("wsd", decay_steps, ("shape", shape), peak, ("final_lr", final_lr))
    return _joined("wsd", up + _level(peak_lr, stable_steps) + down)


@checked
def wsds(
    peak_lr: Real,
    warmup_steps: Phase,
    stable_steps: PhaseLengths,
    decay_steps: PhaseLengths,
    init_lr: Real = 0.0,
    final_lr: Real = 0.0,
    shape: AnyShape = "linear",
    warmup_shape: AnyShape = "linear",
) -> Schedule:
    """WSD-S: several stable phases, each followed by a decay; the next phase begins at the peak again.

    `stable_steps` and `decay_steps` have a length for each phase. Each decay ends in a model worth keeping.

    Example:
        >>> wsds(0.3, 100, stable_steps=(400, 300), decay_steps=(50, 80))  # doctest: +NORMALIZE_WHITESPACE
        Linear(0.0, 0.3, 100) >> Constant(0.3, 400) >> Linear(0.3, 0.0, 50)
        >> Constant(0.3, 300) >> Linear(0.3, 0.0, 80)

    Reference: Wen et al., "Understanding Warmup-Stable-Decay Learning Rates", arXiv 2410.05192 (2024).
    """
    if len(stable_steps) != len(decay_steps):
        rule = f"as many lengths as stable_steps has: {len(stable_steps)}"
        raise ArgumentError("wsds", "decay_steps", rule, decay_steps)
    peak = ("peak_lr", peak_lr)
    phases = _way("wsds", warmup_steps, ("warmup_shape", warmup_shape), ("init_lr", init_lr), peak)
    for stable, decay in zip(stable_steps, decay_steps, strict=True):
        phases += _level(peak_lr, stable) + _way("wsds", decay, ("shape", shape), peak, ("final_lr", final_lr))
    return _joined("wsds", phases)


@checked
def infinite(
    peak_lr: Real,
    stable_lr: Real,
    warmup_steps: Phase,
    decay_steps: Phase,
    stable_steps: EndlessPhase = math.inf,
    anneal_steps: Phase = 0,
    init_lr: Real = 0.0,
    final_lr: MaybeReal = None,
    shape: AnyShape = "cosine",
    warmup_shape: AnyShape = "linear",
    anneal_shape: AnyShape = "exponential",
) -> Schedule:
    """A warmup, a decay to a constant rate that is held as long as data comes, and a final decay.

    `final_lr`, at the end of the last phase, defaults to peak_lr / 10. The first three phases do not depend on the
    run's length; `.cooldown` ends an endless one at any step.

    Example:
        >>> infinite(0.3, 0.15, 100, 400)
        Linear(0.0, 0.3, 100) >> Cosine(0.3, 0.15, 400) >> Constant(0.15)
        >>> infinite(0.3, 0.15, 100, 400, 1000, 200)  # doctest: +NORMALIZE_WHITESPACE
        Linear(0.0, 0.3, 100) >> Cosine(0.3, 0.15, 400) >> Constant(0.15, 1000)
        >> Geometric(0.15, 0.03, 200)

    Reference: Ibrahim et al., "Simple and Scalable Strategies to Continually Pre-train Large Language Models",
    arXiv 2403.08763 (2024); Singh et al., "Beyond Cosine Decay", arXiv 2503.02844 (2025).
    """
    if stable_steps == math.inf and anneal_steps:
        raise ArgumentError("infinite", "anneal_steps", "0 if stable_steps is inf", anneal_steps, "give both lengths")
    peak, stable = ("peak_lr", peak_lr), ("stable_lr", stable_lr)
    end = ("final_lr", peak_lr / 10.0 if final_lr is None else final_lr)
    up = _way("infinite", warmup_steps, ("warmup_shape", warmup_shape), ("init_lr", init_lr), peak)
    down = _way("infinite", decay_steps, ("shape", shape), peak, stable)
    anneal = _way("infinite", anneal_steps, ("anneal_shape", anneal_shape), stable, end)
    return _joined("infinite", up + down + _level(stable_lr, stable_steps) + anneal)


@checked
def rewarm(
    schedule: Nested,
    at: Phase,
    peak_lr: Real,
    warmup_steps: Phase,
    decay_steps: Phase,
    final_lr: Real = 0.0,
    shape: AnyShape = "cosine",
    warmup_shape: AnyShape = "linear",
) -> Schedule:
    """Continue a run on new data: from step `at` on, the rate rises to a new peak and decays again.

    Example:
        >>> rewarm(Cosine(0.3, 0.03, 1000), 1000, 0.3, 10, 500, final_lr=0.03)
        Cosine(0.3, 0.03, 1000).head(1000) >> Linear(0.03, 0.3, 10) >> Cosine(0.3, 0.03, 500)

    Reference: Ibrahim et al., "Simple and Scalable Strategies to Continually Pre-train Large Language Models",
    arXiv 2403.08763 (2024).
    """
    peak = ("peak_lr", peak_lr)
    up = _way("rewarm", warmup_steps, ("warmup_shape", warmup_shape), ("", schedule(at)), peak)
    down = _way("rewarm", decay_steps, ("shape", shape), peak, ("final_lr", final_lr))
    return _joined("rewarm", [schedule.head(at)] * (at > 0) + up + down)


@checked
def one_cycle(
    peak_lr: Real,
    total_steps: Steps,
    warmup_frac: Fraction = 0.3,
    init_lr: MaybeReal = None,
    final_lr: MaybeReal = None,
    shape: AnyShape = "cosine",
) -> Schedule:
    """Up to the peak in the first `warmup_frac` of the run, and down to almost zero in the rest.

    `init_lr` defaults to peak_lr / 25, `final_lr` to init_lr / 1e4. `shape`, a word, a class or a function as for
    `wsd`, is that of both ways. `one_cycle_momentum` has the momentum for it.

    Example:
        >>> one_cycle(0.5, 100)
        Cosine(0.02, 0.5, 30) >> Cosine(0.5, 2e-06, 70)

    Reference: Smith and Topin, "Super-Convergence", arXiv 1708.07120 (2017).
    """
    init_lr = peak_lr / 25.0 if init_lr is None else init_lr
    final_lr = init_lr / 1e4 if final_lr is None else final_lr
    ends = (("init_lr", init_lr), ("peak_lr", peak_lr), ("final_lr", final_lr))
    return _cycle("one_cycle", total_steps, warmup_frac, shape, *ends)


@checked
def one_cycle_momentum(
    total_steps: Steps, high: Real = 0.95, low: Real = 0.85, warmup_frac: Fraction = 0.3, shape: AnyShape = "cosine"
) -> Schedule:
    """The momentum for `one_cycle`: down from `high` to `low` while the rate goes up, and up again while it goes down.

    Example:
        >>> one_cycle_momentum(100)
        Cosine(0.95, 0.85, 30) >> Cosine(0.85, 0.95, 70)

    Reference: Smith, "A Disciplined Approach to Neural Network Hyper-Parameters", arXiv 1803.09820 (2018).
    """
    ends = (("high", high), ("low", low), ("high", high))
    return _cycle("one_cycle_momentum", total_steps, warmup_frac, shape, *ends)


@checked
def sgdr(
    peak_lr: Real,
    steps: Steps,
    times: EndlessCount,
    final_lr: Real = 0.0,
    scale: Positive = 1.0,
    stretch: Positive = 1.0,
) -> Schedule:
    """Cosine decay with warm restarts.

    Each cycle is `stretch` times as long as the one before, and its height over `final_lr` is `scale` times as large.

    Example:
        >>> sgdr(0.1, 10, 3, stretch=2.0)
        Cosine(0.1, 0.0, 10).repeat(3, 1.0, 2.0)

    Reference: Loshchilov and Hutter, "SGDR", arXiv 1608.03983 (2016).
    """
    if scale == 1.0:
        return Cosine(peak_lr, final_lr, steps).repeat(times, 1.0, stretch)
    waves = Cosine(peak_lr - final_lr, 0.0, steps).repeat(times, scale, stretch)
    return final_lr + waves if final_lr else waves


@checked
def noam(d_model: Count, warmup_steps: Steps, factor: Positive = 1.0) -> Schedule:
    """The schedule of the original transformer: a linear warmup, then 1 / sqrt(t).

        f(t) = factor d_model^-1/2 min((t + 1)^-1/2, (t + 1) warmup_steps^-3/2)

    Example:
        >>> noam(512, 4000)(3999) == 512**-0.5 * 4000**-0.5
        True

    Reference: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762 (2017), section 5.3.
    """
    peak = factor * d_model**-0.5 * warmup_steps**-0.5
    return warmup(InversePower(peak, 1.0 / warmup_steps, 0.5), warmup_steps - 1, peak / warmup_steps)


@checked
def inverse_sqrt(peak_lr: Real, warmup_steps: Phase, init_lr: Real = 0.0) -> Schedule:
    """A linear warmup to `peak_lr`, then peak_lr sqrt(warmup_steps / t); peak_lr / sqrt(t + 1) without a warmup.

    Example:
        >>> inverse_sqrt(0.2, 100)([0, 50, 100, 400])
        array([0. , 0.1, 0.2, 0.1])
    """
    return warmup(InversePower(peak_lr, 1.0 / max(warmup_steps, 1), 0.5), warmup_steps, init_lr)


@checked
def cyclic(
    low: Real,
    high: Real,
    up: Steps,
    down: Steps,
    times: EndlessCount = math.inf,
    mode: Annotated[str, Choice(("triangular", "triangular2", "exp_range"))] = "triangular",
    gamma: Positive = 1.0,
) -> Schedule:
    """Triangles between two rates; their height is constant, halves with each triangle, or shrinks by `gamma` per step.

    Example:
        >>> cyclic(0.1, 0.3, 2, 2, mode="triangular2")([0, 2, 4, 6])
        array([0.1, 0.3, 0.1, 0.2])

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186 (2015).
    """
    if mode == "triangular":
        return Triangle(low, high, up, down).repeat(times)
    if low > high:
        raise ArgumentError("cyclic", "low", f"at most high = {high}", low, "exchange the two")
    height = Triangle(0.0, high - low, up, down)
    if mode == "triangular2":
        return low + height.repeat(times, 0.5)
    shrinking = height.repeat(times) * Exponential(1.0, gamma)
    return low + (shrinking if times == math.inf else shrinking.head(int(times) * (up + down)))


def _cycle(owner: str, total_steps: int, warmup_frac: float, shape: AnyShape, *ends: tuple[str, float]) -> Schedule:
    first, turn, last = ends
    up = math.floor(warmup_frac * total_steps + 0.5)
    way = ("shape", shape)
    return _joined(owner, _way(owner, up, way, first, turn) + _way(owner, total_steps - up, way, turn, last))


def _way(
    owner: str, steps: int, shape: tuple[str, AnyShape], start: tuple[str, float], end: tuple[str, float]
) -> list[Schedule]:
    return [transition(owner, steps, shape, start, end)] if steps else []


def _level(value: float, steps: float) -> list[Schedule]:
    return [Constant(value, steps)] if steps else []


def _joined(owner: str, phases: list[Schedule]) -> Schedule:
    if not phases:
        raise ArgumentError(f"the sum of the phases of {owner}", "", "at least 1 step", 0)
    return reduce(operator.rshift, phases)


RECIPES = (
    warmup,
    warmup_cosine,
    wsd,
    wsds,
    infinite,
    rewarm,
    one_cycle,
    one_cycle_momentum,
    sgdr,
    noam,
    inverse_sqrt,
    cyclic,
)
