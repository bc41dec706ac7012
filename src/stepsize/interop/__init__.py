"""Schedules for the programs of other libraries."""

from typing import Any

from stepsize.arguments import checked
from stepsize.errors import MissingExtraError
from stepsize.schedules.base import Nested

__all__ = ["to_keras"]


@checked
def to_keras(schedule: Nested) -> Any:
    """The schedule as a Keras `LearningRateSchedule`, for any backend; a saved model contains it as text.

    Raises:
        MissingExtraError: Keras is not installed.

    Example:
        >>> import keras
        >>> optimizer = keras.optimizers.SGD(to_keras(Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)))
    """
    try:
        from stepsize.interop.keras import KerasSchedule
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise MissingExtraError.naming("keras", "keras") from None
    return KerasSchedule(schedule)
