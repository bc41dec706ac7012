"""What timm's schedulers do; `s` is the scheduler, or has its attributes."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.phases import Way, begun, joined, level
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import (
    Constant,
    Cosine,
    Geometric,
    InversePower,
    Linear,
    MultiStep,
    OneMinusSqrt,
    Polynomial,
    Schedule,
    Staircase,
)


def _cosine(base: float, s: Any) -> Schedule:
    return _cycles(base, s, lambda peak, steps: _bent(Cosine(peak, s.lr_min, steps), s.k_decay))


def _poly(base: float, s: Any) -> Schedule:
    return _cycles(base, s, lambda peak, steps: _bent(Polynomial(peak, s.lr_min, steps, s.power), s.k_decay))


def _tanh(base: float, s: Any) -> Schedule:
    """(1 - tanh(y)) / 2 is 1 / (1 + e^2y). It does not end at the minimum, but jumps to it."""

    def cycle(peak: float, steps: int) -> Schedule:
        return _scaled((1.0 + Geometric(math.exp(2 * s.lb), math.exp(2 * s.ub), steps)) ** -1.0, peak, s.lr_min)

    return _cycles(base, s, cycle) >> Constant(s.lr_min)


def _bent(schedule: Schedule, power: float) -> Schedule:
    return schedule if power == 1.0 else schedule.warp(power)


def _cycles(base: float, s: Any, cycle: Callable[[float, int], Schedule]) -> Schedule:
    """The cycles one after another. Rounding makes timm begin some of them a step late: they are then cut there."""
    numbers = range(s.cycle_limit)
    lengths = [s.t_initial * s.cycle_mul**i for i in numbers]
    if any(length != int(length) for length in lengths):
        raise ArgumentError("timm", "cycle_mul", "a factor that makes each cycle a whole number of steps", s.cycle_mul)
    late = [_begins_late(s, i) for i in numbers] + [False]
    if not any(late) and (s.cycle_decay == 1.0 or s.lr_min == 0.0):
        once = cycle(base, s.t_initial)
        return once if s.cycle_limit == 1 else once.repeat(s.cycle_limit, s.cycle_decay, s.cycle_mul)
    cycles = []
    for i, length in enumerate(map(int, lengths)):
        each = cycle(base * s.cycle_decay**i, length)
        each = each.head(length + 1) if late[i + 1] else each
        cycles.append(each.tail(1) if late[i] else each)
    return joined(*cycles)


def _begins_late(s: Any, i: int) -> bool:
    if s.cycle_mul == 1.0:
        return False
    begin = (s.cycle_mul**i - 1) / (s.cycle_mul - 1) * s.t_initial
    return math.floor(math.log(1 - begin / s.t_initial * (1 - s.cycle_mul), s.cycle_mul)) < i


def _step(base: float, s: Any) -> Schedule:
    if s.decay_rate == 1.0:
        return Constant(base)
    length = Fraction(repr(s.decay_t))
    stairs: Schedule = Staircase(base, s.decay_rate, length.numerator)
    if length.denominator == 1:
        return stairs
    if Fraction(s.decay_t) > length:  # the float is longer than the decimal, and a stair ends after the whole step
        stairs = Constant(base, 1) >> stairs
    return stairs.reclock(length.denominator)


def _multistep(base: float, s: Any) -> Schedule:
    """A milestone counts one step early."""
    return MultiStep(base, s.decay_rate, tuple(max(milestone - 1, 0) for milestone in s.decay_t))


def _wsd(base: float, s: Any) -> Schedule:
    low, steps, stable_steps = s.lr_min, s.decay_t, s.t_initial - s.decay_t
    if callable(s.decay_fn):
        raise ArgumentError("WSDLRScheduler", "decay_fn", "the name of a decay", s.decay_fn)
    if s.stable_fn == "constant":
        peak = max(base, low)
        return joined(level(peak, stable_steps), _down(s, peak, low, steps))
    stable = InversePower(base, 1.0 / s.stable_timescale, 0.5 if s.stable_fn == "rsqrt" else s.stable_power)
    weight = _down(s, 1.0, 0.0, steps)
    weight = weight.shift(stable_steps) if stable_steps else weight
    return (stable.clip(low) - low) * weight + low if low else stable * weight


def _down(s: Any, peak: float, low: float, steps: int) -> Schedule:
    if s.decay_fn in _WAYS:
        return _WAYS[s.decay_fn](peak, low, steps)
    if s.decay_fn == "power":
        return Linear(peak, low, steps).warp(s.decay_power)
    ratio: float = s.decay_ratio
    return _scaled((Geometric(1.0, ratio, steps) - ratio) / (1.0 - ratio), peak, low)


_WAYS: dict[str, Way] = {"linear": Linear, "cosine": Cosine, "1-sqrt": OneMinusSqrt}


def _scaled(weight: Schedule, peak: float, low: float) -> Schedule:
    scaled = (peak - low) * weight
    return scaled + low if low else scaled


SHAPES: dict[str, Callable[[float, Any], Schedule]] = {
    "CosineLRScheduler": _cosine,
    "MultiStepLRScheduler": _multistep,
    "PolyLRScheduler": _poly,
    "StepLRScheduler": _step,
    "TanhLRScheduler": _tanh,
    "WSDLRScheduler": _wsd,
}


def followed(run: Run, kind: str, s: Any) -> ToolSchedule:
    """The schedule of a scheduler of this class."""
    if s.noise_range_t is not None:
        raise ArgumentError("timm", "noise", "left out", s.noise_range_t, "the noise is random at every step")
    base, warmup = run.unit, s.warmup_t
    low = None if kind in ("MultiStepLRScheduler", "StepLRScheduler") else s.lr_min
    if run.base_lr is None and (low or (warmup and s.warmup_lr_init)):
        rule = "given: min_lr and warmup_lr are rates, and not factors of it"
        raise ArgumentError(run.owner, "base_lr", rule, None)
    rates, prefix = SHAPES[kind](base, s), getattr(s, "warmup_prefix", True)
    if warmup:
        rates = begun(rates, 0 if prefix else warmup)
        target = rates(0) if kind == "TanhLRScheduler" and not prefix else base
        rates = Linear(s.warmup_lr_init, target, warmup) >> rates
    elif rates(0) != base:
        rates = Constant(base, 1) >> begun(rates, 1)
    cycles = range(getattr(s, "cycle_limit", 1))
    total = (
        sum(int(s.t_initial * getattr(s, "cycle_mul", 1.0) ** i) for i in cycles)
        if hasattr(s, "t_initial")
        else math.inf
    )
    each = run.epoch_steps("step_on_epochs") if s.t_in_epochs else 1
    return ToolSchedule(
        tool="timm",
        name=kind,
        rates=rates.every(each) if s.t_in_epochs else rates,
        peak=base,
        minimum=low,
        warmup_steps=warmup * each,
        total_steps=(total + warmup if prefix else total) * each,
        relative=run.base_lr is None,
        mends=({"minimum": "cooldown_epochs: 1"} if low else {})
        | ({} if prefix else dict.fromkeys(("jump", "peak"), "warmup_prefix: true")),
    )
