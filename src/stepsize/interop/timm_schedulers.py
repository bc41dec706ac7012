"""What timm's schedulers do; `s` is the scheduler, or has its attributes."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop import timm_cycles as cycles
from stepsize.interop.phases import Way, above, begun, joined, level
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import (
    Constant,
    Cosine,
    Geometric,
    InversePower,
    Linear,
    MultiStep,
    OneMinusSqrt,
    Schedule,
    Staircase,
)


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
    return above(low, (stable.clip(low) - low if low else stable) * weight)


def _down(s: Any, peak: float, low: float, steps: int) -> Schedule:
    if s.decay_fn in _WAYS:
        return _WAYS[s.decay_fn](peak, low, steps)
    if s.decay_fn == "power":
        return Linear(peak, low, steps).warp(s.decay_power)
    ratio: float = s.decay_ratio
    return above(low, (peak - low) * ((Geometric(1.0, ratio, steps) - ratio) / (1.0 - ratio)))


_WAYS: dict[str, Way] = {"linear": Linear, "cosine": Cosine, "1-sqrt": OneMinusSqrt}


SHAPES: dict[str, Callable[[float, Any], Schedule]] = {
    "CosineLRScheduler": cycles.cosine,
    "MultiStepLRScheduler": _multistep,
    "PolyLRScheduler": cycles.poly,
    "StepLRScheduler": _step,
    "TanhLRScheduler": cycles.tanh,
    "WSDLRScheduler": _wsd,
}


CLASSES = {
    "constant": "StepLRScheduler",
    "cosine": "CosineLRScheduler",
    "multistep": "MultiStepLRScheduler",
    "poly": "PolyLRScheduler",
    "rsqrt": "WSDLRScheduler",
    "step": "StepLRScheduler",
    "tanh": "TanhLRScheduler",
    "wsd": "WSDLRScheduler",
}
"""The class for each name of a scheduler."""


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
    total = sum(cycles.lengths(s)) if hasattr(s, "t_initial") else math.inf
    each = run.epoch_steps("step_on_epochs") if s.t_in_epochs else 1
    return ToolSchedule(
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
