"""Well-known schedules, each a function that combines shapes and operators; a phase of 0 steps is left out."""

import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Annotated

from stepsize.arguments import Choice, Count, EndlessCount, Fraction, MaybeReal, Phase, Positive, Real, Steps, checked
from stepsize.errors import ArgumentError
from stepsize.schedules.base import DecayShape, Nested, Schedule
from stepsize.schedules.formulas import Constant, Cosine, Exponential, InversePower, Linear, OneMinusSqrt
from stepsize.schedules.piecewise import Triangle

DECAYS: dict[str, Callable[[float, float, int], Schedule]] = {
    "linear": Linear,
    "cosine": Cosine,
    "1-sqrt": OneMinusSqrt,
}


@checked
def warmup(schedule: Nested, steps: Phase, init_lr: Real = 0.0) -> Schedule:
    """Put a straight line from `init_lr` to the schedule's first value before the schedule.

    Example:
        >>> warmup(Cosine(0.2, 0.02, 7), 3)
        Linear(0.0, 0.2, 3) >> Cosine(0.2, 0.02, 7)

    Reference: Goyal et al., "Accurate, Large Minibatch SGD", arXiv 1706.02677 (2017).
    """
    return Linear(init_lr, schedule(0), steps) >> schedule if steps else schedule


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
    shape: DecayShape = "linear",
) -> Schedule:
    """Warmup, stable, decay: a straight line up, a constant rate, and a decay.

    Example:
        >>> wsd(0.3, 100, 700, 200)
        Linear(0.0, 0.3, 100) >> Constant(0.3, 700) >> Linear(0.3, 0.0, 200)

    Reference: Hu et al., "MiniCPM", arXiv 2404.06395 (2024); for "1-sqrt", Hagele et al., arXiv 2405.18392 (2024).
    """
    phases: list[Schedule] = []
    if warmup_steps:
        phases.append(Linear(init_lr, peak_lr, warmup_steps))
    if stable_steps:
        phases.append(Constant(peak_lr, stable_steps))
    if decay_steps:
        phases.append(DECAYS[shape](peak_lr, final_lr, decay_steps))
    if not phases:
        raise ArgumentError("the sum of the phases of wsd", "", "at least 1 step", 0)
    return reduce(operator.rshift, phases)


@checked
def one_cycle(
    peak_lr: Real,
    total_steps: Steps,
    warmup_frac: Fraction = 0.3,
    init_lr: MaybeReal = None,
    final_lr: MaybeReal = None,
    shape: DecayShape = "cosine",
) -> Schedule:
    """Up to the peak in the first `warmup_frac` of the run, and down to almost zero in the rest.

    `init_lr` defaults to peak_lr / 25, `final_lr` to init_lr / 1e4.

    Example:
        >>> one_cycle(0.5, 100)
        Cosine(0.02, 0.5, 30) >> Cosine(0.5, 2e-06, 70)

    Reference: Smith and Topin, "Super-Convergence", arXiv 1708.07120 (2017).
    """
    init_lr = peak_lr / 25.0 if init_lr is None else init_lr
    final_lr = init_lr / 1e4 if final_lr is None else final_lr
    up = math.floor(warmup_frac * total_steps + 0.5)
    if up == 0:
        return DECAYS[shape](peak_lr, final_lr, total_steps)
    rise = DECAYS[shape](init_lr, peak_lr, up)
    return rise if up == total_steps else rise >> DECAYS[shape](peak_lr, final_lr, total_steps - up)


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
    decay = InversePower(peak, 1.0 / warmup_steps, 0.5)
    return warmup(decay, warmup_steps - 1, peak / warmup_steps)


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
    """Triangles between two rates, whose height is constant, halves with each, or shrinks by `gamma` at every step.

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


RECIPES = (warmup, warmup_cosine, wsd, one_cycle, sgdr, noam, inverse_sqrt, cyclic)
