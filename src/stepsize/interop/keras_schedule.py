"""A schedule inside Keras; importing this module imports Keras."""

from typing import Any

import keras

from stepsize.errors import ParseError, StateError
from stepsize.schedules import Schedule, parse


@keras.saving.register_keras_serializable(package="stepsize")
class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule as Keras's optimizers take it; its configuration holds the text."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    @classmethod
    def from_config(cls, config: dict[str, str]) -> "KerasSchedule":
        """The schedule of a saved model; StateError if it contains a function, whose code is not in the model."""
        try:
            return cls(parse(config["schedule"]))
        except ParseError as error:
            advice = "load the model with compile=False, and compile it with to_keras(...) again"
            raise StateError(f"the model's schedule cannot be read: {config['schedule']}", advice) from error

    def __call__(self, step: Any) -> Any:
        return self.schedule(step.value if isinstance(step, keras.Variable) else step)

    def get_config(self) -> dict[str, str]:
        return {"schedule": str(self.schedule)}
