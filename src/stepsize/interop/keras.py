"""Schedules for Keras's optimizers."""

from typing import Annotated, Any

from stepsize.arguments import Instance, Maybe, checked
from stepsize.errors import MissingExtraError
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse


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
