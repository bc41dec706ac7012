"""What each of PaddlePaddle's schedulers does."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from stepsize.arguments import Count, Fraction, Many, NonNegative, Number, Positive, Real, Steps, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.paddle_cycles import CYCLES
from stepsize.interop.tool_schedule import Run
from stepsize.schedules import Constant, Exponential, InversePower, Linear, MultiStep, Piecewise, Schedule, Staircase

Boundaries = Annotated[tuple[int, ...], Many(Whole(1), rising="strictly")]


def _rate(owner: str, name: str, value: Any) -> Schedule:
    """The rule of what follows a warmup: a number, or what another scheduler does."""
    return value if isinstance(value, Schedule) else Constant(Number(least=0.0)(owner, name, value))


def _linear_warmup(
    run: Run, *, learning_rate: Annotated[Any, _rate], warmup_steps: Steps, start_lr: Real, end_lr: Real
) -> Schedule:
    up, after = Linear(start_lr, end_lr, warmup_steps), learning_rate
    return up if after == Constant(end_lr) else up >> after


def _noam(run: Run, *, d_model: Count, warmup_steps: Steps, learning_rate: NonNegative = 1.0) -> Schedule:
    """Its first rate is 0."""
    peak = learning_rate * d_model**-0.5 * warmup_steps**-0.5
    return Linear(0.0, peak, warmup_steps) >> InversePower(peak, 1.0 / warmup_steps)


def _piecewise(run: Run, *, boundaries: Boundaries, values: Annotated[tuple[float, ...], Many(Number())]) -> Schedule:
    if len(values) <= len(boundaries):
        raise ArgumentError("PiecewiseDecay", "values", f"at least {len(boundaries) + 1} values", values)
    return Piecewise((*values[: len(boundaries)], values[-1]), boundaries)


def _multi_step(run: Run, *, learning_rate: NonNegative, milestones: Boundaries, gamma: Fraction = 0.1) -> Schedule:
    return MultiStep(learning_rate, gamma, milestones)


def _step(run: Run, *, learning_rate: NonNegative, step_size: Steps, gamma: Fraction = 0.1) -> Schedule:
    return Staircase(learning_rate, gamma, step_size)


def _exponential(run: Run, *, learning_rate: NonNegative, gamma: Fraction) -> Schedule:
    return Exponential(learning_rate, gamma)


def _natural_exponential(run: Run, *, learning_rate: NonNegative, gamma: Positive) -> Schedule:
    return Exponential(learning_rate, math.exp(-gamma))


def _inverse_time(run: Run, *, learning_rate: NonNegative, gamma: NonNegative) -> Schedule:
    return InversePower(learning_rate, gamma, 1.0)


def _linear(
    run: Run,
    *,
    learning_rate: NonNegative,
    total_steps: Steps,
    start_factor: Positive = 1.0 / 3,
    end_factor: NonNegative = 1.0,
) -> Schedule:
    return Linear(learning_rate * start_factor, learning_rate * end_factor, total_steps)


SCHEDULERS: dict[str, Callable[..., Schedule]] = CYCLES | {
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "LinearLR": _linear,
    "LinearWarmup": _linear_warmup,
    "MultiStepDecay": _multi_step,
    "NaturalExpDecay": _natural_exponential,
    "NoamDecay": _noam,
    "PiecewiseDecay": _piecewise,
    "StepDecay": _step,
}
