"""OLMo-core's schedules of one shape, over its own step t = 0, 1, ..."""

from collections.abc import Callable
from typing import Annotated

from stepsize.arguments import (
    Many,
    Maybe,
    MaybeFraction,
    MaybePhase,
    MaybeSteps,
    NonNegative,
    Number,
    Positive,
    Real,
    Whole,
)
from stepsize.errors import ArgumentError
from stepsize.interop.olmo_core_ways import Decay, Warmup, length_of
from stepsize.interop.phases import Way, above, begun, joined, level, minus, phase, times
from stepsize.schedules import Constant, Cosine, Geometric, InversePower, Linear, Schedule


def _constant(peak: float, total: int) -> Schedule:
    return Constant(peak)


def _constant_with_warmup(peak: float, total: int, *, up: Warmup) -> Schedule:
    return joined(up.to(peak, total), Constant(peak))


def _wsd(peak: float, total: int, *, up: Warmup, tail: Decay) -> Schedule:
    return _with_tail(peak, lambda steps: Constant(peak, steps), peak, total, up, tail)


def _power(peak: float, total: int, *, up: Warmup, tail: Decay, b: Real = -0.51) -> Schedule:
    steps = up.steps(total)
    if steps == 0:
        raise ArgumentError("power_lr", "warmup", "at least 1, since OLMo-core divides by it", 0)
    top = peak * ((total - tail.steps(total)) / steps) ** b
    return _with_tail(peak, InversePower(peak, 1 / steps, -b).head, top, total, up, tail)


def _with_tail(
    peak: float, middle: Callable[[int], Schedule], top: float, total: int, up: Warmup, tail: Decay
) -> Schedule:
    """A warmup, a middle, and a line down from `top`; the line may have begun when the warmup ends."""
    rise, fall = up.to(peak, total), Linear(top, tail.decay_min_lr, tail.steps(total))
    left = total - up.steps(total) - fall.steps
    if left >= 0:
        return joined(rise, middle(left) if left else None, fall)
    return joined(rise, level(peak, 1) if rise else None, begun(fall, int(rise is not None) - left))


def _warmed_up(shape: Way, peak: float, total: int, up: Warmup, alpha_f: float, t_max: int | None) -> Schedule:
    low, end = times(peak, alpha_f), t_max or total
    return joined(up.to(peak, end), phase(shape, peak, low, end - up.steps(end)), Constant(low))


def _linear(peak: float, total: int, *, up: Warmup, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    return _warmed_up(Linear, peak, total, up, alpha_f, t_max)


def _cosine(peak: float, total: int, *, up: Warmup, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    return _warmed_up(Cosine, peak, total, up, alpha_f, t_max)


def _half_cosine(peak: float, total: int, *, up: Warmup, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    """A warmup to the middle of a cosine, and its second half."""
    low, end = times(peak, alpha_f), t_max or total
    steps = end - up.steps(end)
    down = Cosine(peak, low, 2 * steps).tail(steps) if steps > 0 else None
    return joined(up.to(low + minus(peak, low) / 2, end), down, Constant(low))


def _cosine_with_tail(
    peak: float, total: int, *, up: Warmup, tail: Decay, alpha_f: Real = 0.1, t_max: MaybeSteps = None
) -> Schedule:
    rates, steps = _cosine(peak, total, up=up, alpha_f=alpha_f, t_max=t_max), tail.steps(total)
    return rates.cooldown(max(0, total - steps), steps, tail.decay_min_lr)


def _inverse_sqrt(peak: float, total: int, *, up: Warmup, alpha_f: Real = 0.1) -> Schedule:
    low, rise = times(peak, alpha_f), up.to(peak, total)
    if rise is None:
        return Constant(low)
    return rise >> above(low, InversePower(minus(peak, low), 1 / rise.steps))


def _exponential(peak: float, total: int, *, lr_min: Positive = 1e-9) -> Schedule:
    return Geometric(lr_min, peak, total)


def _wsds(
    peak: float,
    total: int,
    *,
    period_lengths: Annotated[tuple[int, ...], Many(Whole(1))],
    period_lr_multipliers: Annotated[tuple[float, ...] | None, Maybe(Many(Number(above=0.0)))] = None,
    warmup: MaybePhase = None,
    warmup_fraction: MaybeFraction = None,
    decay: MaybeSteps = None,
    decay_fraction: MaybeFraction = None,
    warmup_min_lr: NonNegative = 0.0,
    decay_min_lr: NonNegative = 0.0,
) -> Schedule:
    """WSD-S: several stable phases, each with its decay."""
    rise = length_of("warmup", period_lengths[0], warmup, warmup_fraction)
    phases: list[Schedule | None] = []
    for index, length in enumerate(period_lengths):
        top = times(peak, period_lr_multipliers[index]) if period_lr_multipliers else peak
        fall = length_of("decay", length, decay, decay_fraction)
        stable = length - fall - (rise if index == 0 else 0)
        if fall == 0 or stable < 0:
            raise ArgumentError("wsds", "decay", f"from 1 to {length - (rise if index == 0 else 0)} updates", fall)
        down: Schedule = Linear(top, decay_min_lr, fall)
        if index == 0:
            phases += [phase(Linear, warmup_min_lr, top, rise), level(top, stable), down]
        else:  # the period before has its minimum at the first step of this one
            phases += [Constant(decay_min_lr, 1), level(top, stable - 1), down if stable else down.tail(1)]
    return joined(*phases)


SHAPES: dict[str, tuple[str, Callable[..., Schedule]]] = {
    "constant": ("ConstantScheduler", _constant),
    "constant_with_warmup": ("ConstantWithWarmup", _constant_with_warmup),
    "cos_with_warmup": ("CosWithWarmup", _cosine),
    "cos_with_warmup_and_linear_decay": ("CosWithWarmupAndLinearDecay", _cosine_with_tail),
    "exponential": ("ExponentialScheduler", _exponential),
    "half_cos_with_warmup": ("HalfCosWithWarmup", _half_cosine),
    "inv_sqrt_with_warmup": ("InvSqrtWithWarmup", _inverse_sqrt),
    "linear_with_warmup": ("LinearWithWarmup", _linear),
    "power_lr": ("PowerLR", _power),
    "wsd": ("WSD", _wsd),
    "wsds": ("WSDS", _wsds),
}
"""The class and the schedule of each scheduler of one shape."""
