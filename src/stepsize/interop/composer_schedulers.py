"""What each of Composer's schedulers does on its clock of batches, samples or tokens."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stepsize.arguments import Positive, Real, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.composer_clock import Clock
from stepsize.interop.config import Items
from stepsize.interop.phases import Way, begun, joined, phase, times
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


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """The settings of a warmup."""

    t_warmup: Any
    scale_warmup: Switch = False

    def steps(self, clock: Clock) -> int:
        return clock.length(self.t_warmup, "t_warmup", scaled=False)

    def up(self, peak: float, clock: Clock) -> Schedule | None:
        """The warmup; if it is scaled, the update at which it ends is not."""
        steps = self.steps(clock)
        if not self.scale_warmup:
            return phase(Linear, 0.0, peak, steps)
        return Linear(0.0, peak, clock.length(self.t_warmup, "t_warmup")).head(steps) if steps else None

    def rest(self, clock: Clock, t_max: Any) -> int:
        end = clock.length(t_max, "t_max")
        scale = clock.scale if str(t_max).endswith("dur") else max(1.0, clock.scale)  # the run is checked unscaled too
        run, unit = replace(clock, scale=scale).duration()
        if end < run and unit == clock.unit:
            raise ArgumentError(clock.run.owner, "t_max", f"at least the run of {run:,}{clock.unit}", t_max)
        return end - self.steps(clock)

    def then(self, shape: Way, peak: float, low: float, clock: Clock, t_max: Any) -> Schedule:
        down = phase(shape, peak, low, self.rest(clock, t_max)) or Constant(peak)
        return joined(self.up(peak, clock), down)


def _multi_step_with_warmup(
    lr: float, clock: Clock, *, warmup: Warmup, milestones: Items, gamma: Real = 0.1
) -> Schedule:
    steps = warmup.steps(clock)
    down = _multi_step(lr, clock, milestones=milestones, gamma=gamma)
    return joined(warmup.up(lr, clock), begun(down, steps))


def _constant_with_warmup(
    lr: float, clock: Clock, *, warmup: Warmup, alpha: Real = 1.0, t_max: Any = "1dur"
) -> Schedule:
    peak = times(lr, alpha)
    warmup.rest(clock, t_max)  # which Composer checks
    return joined(warmup.up(peak, clock), Constant(peak))


def _linear_with_warmup(
    lr: float, clock: Clock, *, warmup: Warmup, alpha_i: Real = 1.0, alpha_f: Real = 0.0, t_max: Any = "1dur"
) -> Schedule:
    return warmup.then(Linear, times(lr, alpha_i), times(lr, alpha_f), clock, t_max)


def _cosine_with_warmup(
    lr: float, clock: Clock, *, warmup: Warmup, t_max: Any = "1dur", alpha_f: Real = 0.0
) -> Schedule:
    return warmup.then(Cosine, lr, times(lr, alpha_f), clock, t_max)


def _polynomial_with_warmup(
    lr: float, clock: Clock, *, warmup: Warmup, power: Real = 2.0, t_max: Any = "1dur", alpha_f: Real = 0.0
) -> Schedule:
    return warmup.then(partial(Polynomial, power=power), lr, times(lr, alpha_f), clock, t_max)


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
