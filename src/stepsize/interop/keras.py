"""A schedule inside Keras; importing this module imports Keras."""

from typing import Any

import keras

from stepsize.schedules import Schedule, parse


@keras.saving.register_keras_serializable(package="stepsize")
class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule as Keras's optimizers take it; its configuration holds the text."""

    def __init__(self, schedule: Schedule | str) -> None:
        super().__init__()
        self.schedule = parse(schedule) if isinstance(schedule, str) else schedule

    def __call__(self, step: Any) -> Any:
        return self.schedule(step.value if isinstance(step, keras.Variable) else step)

    def get_config(self) -> dict[str, str]:
        """The text of the schedule, from which Keras makes it again."""
        return {"schedule": str(self.schedule)}
