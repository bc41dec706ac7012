"""Keras's schedules as schedules of stepsize, each a function with Keras's arguments."""

import math
import numbers
from collections.abc import Callable
from typing import Annotated, Any

from stepsize.arguments import Length, Many, MaybeReal, NonNegative, Number, Phase, Positive, Real, Steps, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.phases import polynomial
from stepsize.interop.tool_schedule import Run
from stepsize.schedules import Constant, Cosine, Exponential, InversePower, Linear, Piecewise, Schedule, Staircase

Boundaries = Annotated[tuple[float, ...], Many(Number(least=0.0), rising="strictly")]
Values = Annotated[tuple[float, ...], Many(Number())]


def _float(owner: str, name: str, value: Any) -> float:
    """The rule of the rate in whose type Keras computes; in integers, pi and other rates would be rounded."""
    number = Number()(owner, name, value)
    if isinstance(value, numbers.Integral):
        advice = f"Keras would compute in integers, and round pi and other rates to them: write {number}"
        raise ArgumentError(owner, name, "a float", value, advice)
    return number


Rate = Annotated[float, _float]


def _exponential(
    run: Run, *, initial_learning_rate: Rate, decay_steps: Positive, decay_rate: NonNegative, staircase: Switch = False
) -> Schedule:
    if staircase:
        return Staircase(initial_learning_rate, decay_rate, _whole("ExponentialDecay", decay_steps))
    return Exponential(initial_learning_rate, decay_rate, decay_steps)


def _piecewise(run: Run, *, boundaries: Boundaries, values: Values) -> Schedule:
    return Piecewise(values, tuple(math.floor(boundary) + 1 for boundary in boundaries))


def _polynomial(
    run: Run,
    *,
    initial_learning_rate: Rate,
    decay_steps: Steps,
    end_learning_rate: Real = 0.0001,
    power: Positive = 1.0,
    cycle: Switch = False,
) -> Schedule:
    schedule = polynomial(initial_learning_rate, end_learning_rate, decay_steps, power)
    if not cycle:
        return schedule
    # Cycle k is the last part of a decay over k + 1 cycles. It begins after its first step, where the end still holds.
    for k in range(1, -(-run.steps("cycle") // decay_steps)):
        height = (initial_learning_rate - end_learning_rate) / (k + 1) ** power
        before = schedule.head(decay_steps + 1) if k == 1 else schedule >> Constant(end_learning_rate, 1)
        start = end_learning_rate + height
        schedule = before >> polynomial(start, end_learning_rate, decay_steps, power).tail(1)
    return schedule


def _inverse_time(
    run: Run, *, initial_learning_rate: Rate, decay_steps: Positive, decay_rate: NonNegative, staircase: Switch = False
) -> Schedule:
    if staircase:
        steps = _whole("InverseTimeDecay", decay_steps)
        return InversePower(initial_learning_rate, decay_rate, 1.0).every(steps)
    return InversePower(initial_learning_rate, decay_rate / decay_steps, 1.0)


def _cosine(
    run: Run,
    *,
    initial_learning_rate: Rate,
    decay_steps: Steps,
    alpha: Real = 0.0,
    name: Any = None,
    warmup_target: MaybeReal = None,
    warmup_steps: Phase = 0,
) -> Schedule:
    peak = initial_learning_rate if warmup_target is None else warmup_target
    down = Cosine(peak, peak * alpha, decay_steps)
    if not warmup_steps or warmup_target is None:
        return down
    return Linear(initial_learning_rate, peak, warmup_steps) >> down


def _restarts(
    run: Run,
    *,
    initial_learning_rate: Rate,
    first_decay_steps: Steps,
    t_mul: Annotated[float, Number(least=1.0)] = 2.0,
    m_mul: NonNegative = 1.0,
    alpha: Real = 0.0,
) -> Schedule:
    if t_mul != math.floor(t_mul):
        rule = "a whole number, or the cycles end between two steps"
        raise ArgumentError("CosineDecayRestarts", "t_mul", rule, t_mul)
    peak, low = initial_learning_rate, initial_learning_rate * alpha
    if m_mul == 1.0 or low == 0.0:
        return Cosine(peak, low, first_decay_steps).repeat(math.inf, m_mul, t_mul)
    return Cosine(peak - low, 0.0, first_decay_steps).repeat(math.inf, m_mul, t_mul) + low


def _whole(owner: str, steps: float) -> int:
    return int(Length(1)(owner, "decay_steps", steps))


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _restarts,
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
}
