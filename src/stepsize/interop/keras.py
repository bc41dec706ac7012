"""Keras's schedules, from objects, their serialized form or the source of a call; and schedules for its optimizers."""

from collections.abc import Mapping
from typing import Annotated, Any

from stepsize.arguments import Instance
from stepsize.checked_calls import checked
from stepsize.errors import MissingExtraError
from stepsize.horizon import Horizon
from stepsize.interop.calls import read_call, settings_of_call
from stepsize.interop.config import bind, chosen, section
from stepsize.interop.keras_schedules import SCHEDULES
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Schedule, parse
from stepsize.schedules.text import MaybeHorizon


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
    return read(config, Run.of("from_keras", horizon)).rates


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a schedule of Keras's, of its serialized form or of the source of a call."""
    if hasattr(config, "get_config"):
        config = {"class_name": type(config).__name__, "config": config.get_config()}
    if isinstance(config, Mapping):
        name = chosen(run.owner, "class_name", config.get("class_name"), SCHEDULES)
        settings = section(run.owner, config, "config")
    else:
        call = read_call(run.owner, config)
        name = chosen("", call.name, call.name.rpartition(".")[2], SCHEDULES)
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


@checked
def to_keras(
    schedule: Annotated[Schedule | str, Instance(Schedule | str, "a schedule or its text")],
    horizon: MaybeHorizon = None,
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
