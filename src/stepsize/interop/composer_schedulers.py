"""What each of Composer's schedulers does on its clock of batches, samples or tokens."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stepsize.arguments import Positive, Real, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.composer_clock import Clock
from stepsize.interop.config import Items
from stepsize.interop.phases import joined, phase, times
from stepsize.schedules import Constant, Cosine, Exponential, Linear, MultiStep, Polynomial, Schedule, Staircase


def _step(lr: float, clock: Clock, *, step_size: Any, gamma: Real = 0.1) -> Schedule:
    return Staircase(lr, gamma, clock.length(step_size, "step_size"))


def _multi_step(lr: float, clock: Clock, *, milestones: Items, gamma: Real = 0.1) -> Schedule:
    return MultiStep(lr, gamma, tuple(sorted(clock.length(each, "milestones") for each in milestones)))


def _constant(lr: float, clock: Clock, *, alpha: Real = 1.0, t_max: Any = "1dur") -> Schedule:
    steps = clock.length(t_max, "t_max")
    return Constant(lr) if alpha == 1 else Constant(times(lr, alpha), steps) >> Constant(lr)


def _linear(lr: float, clock: Clock, *, alpha_i: Real = 1.0, alpha_f: Real = 0.0, t_max: Any = "1dur") -> Schedule:
    return Linear(times(lr, alpha_i), times(lr, alpha_f), clock.length(t_max, "t_max"))


def _exponential(lr: float, clock: Clock, *, gamma: Positive, decay_period: Any = "1ep") -> Schedule:
    return Exponential(lr, gamma, clock.length(decay_period, "decay_period"))


def _cosine(lr: float, clock: Clock, *, t_max: Any = "1dur", alpha_f: Real = 0.0) -> Schedule:
    return Cosine(lr, times(lr, alpha_f), clock.length(t_max, "t_max"))


def _cosine_restarts(lr: float, clock: Clock, *, t_0: Any, t_mult: Positive = 1.0, alpha_f: Real = 0.0) -> Schedule:
    low, steps = times(lr, alpha_f), clock.length(t_0, "t_0")
    if t_mult % 1 == 0:
        return Cosine(lr, low, steps).repeat(math.inf, 1.0, t_mult)
    cycles: list[Schedule] = []  # each length is that of the one before, rounded down
    left = clock.length("1dur", "max_duration")
    while left > 0:
        if steps == 0:
            rule = "large enough that no cycle has a length of 0 before the end of the run"
            raise ArgumentError("CosineAnnealingWarmRestartsScheduler", "t_mult", rule, t_mult)
        cycles.append(Cosine(lr, low, steps))
        left, steps = left - steps, int(t_mult * steps)
    return joined(*cycles)


def _polynomial(lr: float, clock: Clock, *, power: Real, t_max: Any = "1dur", alpha_f: Real = 0.0) -> Schedule:
    return Polynomial(lr, times(lr, alpha_f), clock.length(t_max, "t_max"), power)


def _up(lr: float, clock: Clock, t_warmup: Any, scale_warmup: bool) -> Schedule | None:
    steps = clock.length(t_warmup, "t_warmup", scaled=False)
    if not scale_warmup:
        return phase(Linear, 0.0, lr, steps)
    scaled = clock.length(t_warmup, "t_warmup")  # the ramp is scaled, and the update at which it ends is not
    return Linear(0.0, lr, scaled).head(steps) if steps else None


def _after(clock: Clock, t_warmup: Any, t_max: Any) -> int:
    end = clock.length(t_max, "t_max")
    scale = clock.scale if str(t_max).endswith("dur") else max(1.0, clock.scale)  # the run is checked unscaled too
    run, unit = replace(clock, scale=scale).duration()
    if end < run and unit == clock.unit:
        raise ArgumentError("from_composer", "t_max", f"at least the run of {run:,}{clock.unit}", t_max)
    return end - clock.length(t_warmup, "t_warmup", scaled=False)


def _multi_step_with_warmup(
    lr: float,
    clock: Clock,
    *,
    t_warmup: Any,
    milestones: Items,
    gamma: Real = 0.1,
    scale_warmup: Switch = False,
) -> Schedule:
    steps = clock.length(t_warmup, "t_warmup", scaled=False)
    down = _multi_step(lr, clock, milestones=milestones, gamma=gamma)
    begun = (down.tail(steps) if steps < down.steps else Constant(down(steps))) if steps else down
    return joined(_up(lr, clock, t_warmup, scale_warmup), begun)


def _constant_with_warmup(
    lr: float,
    clock: Clock,
    *,
    t_warmup: Any,
    alpha: Real = 1.0,
    t_max: Any = "1dur",
    scale_warmup: Switch = False,
) -> Schedule:
    _after(clock, t_warmup, t_max)
    return joined(_up(times(lr, alpha), clock, t_warmup, scale_warmup), Constant(times(lr, alpha)))


def _linear_with_warmup(
    lr: float,
    clock: Clock,
    *,
    t_warmup: Any,
    alpha_i: Real = 1.0,
    alpha_f: Real = 0.0,
    t_max: Any = "1dur",
    scale_warmup: Switch = False,
) -> Schedule:
    top, low = times(lr, alpha_i), times(lr, alpha_f)
    down = phase(Linear, top, low, _after(clock, t_warmup, t_max)) or Constant(top)
    return joined(_up(top, clock, t_warmup, scale_warmup), down)


def _cosine_with_warmup(
    lr: float,
    clock: Clock,
    *,
    t_warmup: Any,
    t_max: Any = "1dur",
    alpha_f: Real = 0.0,
    scale_warmup: Switch = False,
) -> Schedule:
    down = phase(Cosine, lr, times(lr, alpha_f), _after(clock, t_warmup, t_max)) or Constant(lr)
    return joined(_up(lr, clock, t_warmup, scale_warmup), down)


def _polynomial_with_warmup(
    lr: float,
    clock: Clock,
    *,
    t_warmup: Any,
    power: Real = 2.0,
    t_max: Any = "1dur",
    alpha_f: Real = 0.0,
    scale_warmup: Switch = False,
) -> Schedule:
    steps = _after(clock, t_warmup, t_max)
    down = Polynomial(lr, times(lr, alpha_f), steps, power) if steps > 0 else Constant(lr)
    return joined(_up(lr, clock, t_warmup, scale_warmup), down)


SCHEDULERS: dict[str, Callable[..., Schedule]] = {
    "ConstantScheduler": _constant,
    "ConstantWithWarmupScheduler": _constant_with_warmup,
    "CosineAnnealingScheduler": _cosine,
    "CosineAnnealingWarmRestartsScheduler": _cosine_restarts,
    "CosineAnnealingWithWarmupScheduler": _cosine_with_warmup,
    "ExponentialScheduler": _exponential,
    "LinearScheduler": _linear,
    "LinearWithWarmupScheduler": _linear_with_warmup,
    "MultiStepScheduler": _multi_step,
    "MultiStepWithWarmupScheduler": _multi_step_with_warmup,
    "PolynomialScheduler": _polynomial,
    "PolynomialWithWarmupScheduler": _polynomial_with_warmup,
    "StepScheduler": _step,
}
