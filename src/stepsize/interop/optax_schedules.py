"""optax's schedules as schedules of stepsize, each a function with optax's arguments."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from stepsize.arguments import MaybeReal, NonNegative, Phase, Positive, Real, Steps, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.phases import in_turn, polynomial
from stepsize.schedules import Constant, Cosine, Exponential, Linear, Schedule, Staircase, maximum, minimum


def _polynomial(
    *, init_value: Real, end_value: Real, power: Positive, transition_steps: Phase, transition_begin: Phase = 0
) -> Schedule:
    if transition_steps == 0:
        return Constant(init_value)
    return _later(polynomial(init_value, end_value, transition_steps, power), transition_begin)


def _linear(*, init_value: Real, end_value: Real, transition_steps: Phase, transition_begin: Phase = 0) -> Schedule:
    return _later(_line(init_value, end_value, transition_steps), transition_begin)


@dataclass(frozen=True, kw_only=True)
class Decay:
    """The settings of an exponential decay."""

    transition_steps: Phase
    decay_rate: NonNegative
    transition_begin: Phase = 0
    staircase: Switch = False
    end_value: MaybeReal = None

    def of(self, start: float) -> Schedule:
        if self.transition_steps == 0 or self.decay_rate == 0.0:
            return Constant(start)
        shape = Staircase if self.staircase else Exponential
        decay = _later(shape(start, self.decay_rate, self.transition_steps), self.transition_begin)
        if self.end_value is None:
            return decay
        return maximum(decay, self.end_value) if self.decay_rate < 1.0 else minimum(decay, self.end_value)


def _exponential(*, init_value: Real, decay: Decay) -> Schedule:
    return decay.of(init_value)


def _cosine(*, init_value: Real, decay_steps: Steps, alpha: Real = 0.0, exponent: Positive = 1.0) -> Schedule:
    if exponent == 1.0:
        return Cosine(init_value, init_value * alpha, decay_steps)
    return init_value * (1.0 - alpha) * Cosine(1.0, 0.0, decay_steps) ** exponent + init_value * alpha


def _warmup_constant(*, init_value: Real, peak_value: Real, warmup_steps: Phase) -> Schedule:
    return _line(init_value, peak_value, warmup_steps)


def _warmup_cosine(
    *,
    init_value: Real,
    peak_value: Real,
    warmup_steps: Phase,
    decay_steps: Steps,
    end_value: Real = 0.0,
    exponent: Positive = 1.0,
) -> Schedule:
    if warmup_steps >= decay_steps:
        rule = f"more than warmup_steps = {warmup_steps}, which it includes"
        raise ArgumentError("warmup_cosine_decay_schedule", "decay_steps", rule, decay_steps)
    if exponent == 1.0 and peak_value:
        decay: Schedule = Cosine(peak_value, end_value, decay_steps - warmup_steps)
    else:
        alpha = end_value / peak_value if peak_value else 0.0
        decay = _cosine(init_value=peak_value, decay_steps=decay_steps - warmup_steps, alpha=alpha, exponent=exponent)
    return _warmed_up(init_value, peak_value, warmup_steps, decay)


def _warmup_exponential(*, init_value: Real, peak_value: Real, warmup_steps: Phase, decay: Decay) -> Schedule:
    return _warmed_up(init_value, peak_value, warmup_steps, decay.of(peak_value))


def _warmed_up(start: float, peak: float, steps: int, decay: Schedule) -> Schedule:
    return in_turn([(_line(start, peak, steps), steps), (decay, math.inf)])


def _line(start: float, end: float, steps: int) -> Schedule:
    return Linear(start, end, steps) if steps else Constant(start)


def _later(schedule: Schedule, steps: int) -> Schedule:
    return schedule.shift(steps) if steps else schedule


SHAPES: dict[str, Callable[..., Schedule]] = {
    "constant_schedule": lambda *, value: Constant(value),
    "cosine_decay_schedule": _cosine,
    "exponential_decay": _exponential,
    "linear_schedule": _linear,
    "polynomial_schedule": _polynomial,
    "warmup_constant_schedule": _warmup_constant,
    "warmup_cosine_decay_schedule": _warmup_cosine,
    "warmup_exponential_decay_schedule": _warmup_exponential,
}
