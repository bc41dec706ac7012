"""Keras's schedules, and schedules for its optimizers."""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from stepsize.arguments import (
    Flag,
    Instance,
    Length,
    Many,
    Maybe,
    MaybeReal,
    NonNegative,
    Number,
    Phase,
    Positive,
    Real,
    Steps,
    checked,
)
from stepsize.errors import ArgumentError, MissingExtraError
from stepsize.horizon import Horizon
from stepsize.interop.calls import read_call, settings_of_call
from stepsize.interop.config import bind, chosen
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    InversePower,
    Linear,
    Piecewise,
    Polynomial,
    Schedule,
    Staircase,
    parse,
)

Stairs = Annotated[bool, Flag()]
Boundaries = Annotated[tuple[float, ...], Many(Number(least=0.0), rising="strictly")]
Values = Annotated[tuple[float, ...], Many(Number())]


def _float(owner: str, name: str, value: Any) -> float:
    """The rule of the rate in whose type Keras computes; in integers, pi and other rates would be rounded."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        advice = f"Keras would compute in integers, and round pi and other rates to them: write {float(value)}"
        raise ArgumentError(owner, name, "a float", value, advice)
    return Number()(owner, name, value)


Rate = Annotated[float, _float]


def from_keras(config: Any, *, horizon: Horizon | int | None = None) -> Schedule:
    """The schedule of one of Keras's `LearningRateSchedule` classes.

    `decay_steps` does not include the warmup. A piecewise schedule has its old value at the boundary, and the new one
    a step later. Under `gradient_accumulation_steps` Keras counts micro-batches. Keras computes in the type of
    `initial_learning_rate`, so that CosineDecay(0, ...) has wrong rates; an integer is refused.

    Args:
        config: a schedule of Keras's, its serialized form with `class_name` and `config`, or the source of a call.
        horizon: the run, for a PolynomialDecay with `cycle=True`, whose cycles never end.

    Raises:
        ArgumentError: the class is unknown, or arguments are missing, unknown or not allowed.

    Example:
        >>> from_keras("keras.optimizers.schedules.CosineDecay(0.0, 9500, warmup_target=0.3, warmup_steps=500)")
        Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.0, 9500)

    Source: keras/src/optimizers/schedules/learning_rate_schedule.py of Keras 3.15 (2026).
    """
    return read(config, Run("from_keras", horizon)).rates


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a schedule of Keras's, of its serialized form or of the source of a call."""
    if hasattr(config, "get_config"):
        config = {"class_name": type(config).__name__, "config": config.get_config()}
    if isinstance(config, Mapping):
        name = chosen(run.owner, "class_name", config.get("class_name"), SCHEDULES)
        settings = dict(config.get("config", {}))
    else:
        call = read_call(run.owner, config)
        name = chosen(run.owner, "name", call.name.rpartition(".")[2], SCHEDULES)
        settings = settings_of_call(name, call, SCHEDULES[name])
    if name != "CosineDecay":
        settings.pop("name", None)
    settings = bind(name, SCHEDULES[name], settings)
    rates = SCHEDULES[name](run, **settings)
    warmup_steps = settings.get("warmup_steps", 0) if settings.get("warmup_target") is not None else 0
    peak = settings.get("initial_learning_rate") if warmup_steps == 0 else settings["warmup_target"]
    return ToolSchedule(
        tool="Keras",
        name=name,
        rates=rates,
        peak=peak if peak is not None else max(settings["values"]),
        minimum=peak * settings["alpha"] if peak and "alpha" in settings else settings.get("end_learning_rate"),
        warmup_steps=warmup_steps,
        total_steps=rates.steps,
    )


def _exponential(
    run: Run, *, initial_learning_rate: Rate, decay_steps: Positive, decay_rate: NonNegative, staircase: Stairs = False
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
    cycle: Stairs = False,
) -> Schedule:
    def down(start: float) -> Schedule:
        if power == 1.0:
            return Linear(start, end_learning_rate, decay_steps)
        return Polynomial(start, end_learning_rate, decay_steps, power)

    schedule = down(initial_learning_rate)
    if not cycle:
        return schedule
    # Cycle k is the last part of a decay over k + 1 cycles. It begins after its first step, where the end still holds.
    for k in range(1, -(-run.steps("cycle") // decay_steps)):
        height = (initial_learning_rate - end_learning_rate) / (k + 1) ** power
        before = schedule.head(decay_steps + 1) if k == 1 else schedule >> Constant(end_learning_rate, 1)
        schedule = before >> down(end_learning_rate + height).tail(1)
    return schedule


def _inverse_time(
    run: Run, *, initial_learning_rate: Rate, decay_steps: Positive, decay_rate: NonNegative, staircase: Stairs = False
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
    return (
        Linear(initial_learning_rate, peak, warmup_steps) >> down
        if warmup_steps and warmup_target is not None
        else down
    )


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


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _restarts,
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
}


def _whole(owner: str, steps: float) -> int:
    return int(Length(1)(owner, "decay_steps", steps))


@checked
def to_keras(
    schedule: Annotated[Schedule | str, Instance(Schedule | str, "a schedule or its text")],
    horizon: Annotated[Horizon | None, Maybe(Instance(Horizon, "a Horizon(samples=..., batch=...)"))] = None,
) -> Any:
    """The schedule as a Keras `LearningRateSchedule`, for any backend; a saved model contains it as text.

    Args:
        schedule: a schedule or its text.
        horizon: the run that units in the text refer to.

    Raises:
        MissingExtraError: Keras is not installed.

    Example:
        >>> import keras
        >>> optimizer = keras.optimizers.SGD(to_keras(Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)))
    """
    try:
        from stepsize.interop.keras_schedule import KerasSchedule
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise MissingExtraError.naming("keras", "keras") from None
    return KerasSchedule(parse(schedule, horizon) if isinstance(schedule, str) else schedule)
