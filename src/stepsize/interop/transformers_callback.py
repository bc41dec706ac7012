"""The rates that transformers' Trainer applied, in its log and in a curve file; importing this imports transformers."""

import os
import re
from typing import Any

from transformers import Trainer, TrainerCallback

from stepsize.interop.curve_writer import CurveWriter
from stepsize.pytorch.applied import AppliedValues


class LogAppliedInTrainer(TrainerCallback):  # type: ignore[misc]
    """Logs what each update of a Trainer used: its learning rate, and whatever else a `Scheduler` drives.

    The values are part of the Trainer's log, and so of what it reports to any logger; `learning_rate` there is the one
    that was applied. Add the callback with `trainer.add_callback`.

    Args:
        trainer: the Trainer.
        path: a curve file that `stepsize predict` reads, if one is wanted; see `CurveWriter`. It has the values of
            every update, and the losses that the Trainer logs.
    """

    def __init__(self, trainer: Trainer, path: str | os.PathLike[str] | None = None) -> None:
        self._trainer = trainer
        self._writer = None if path is None else CurveWriter(path)
        self._applied: AppliedValues | None = None
        self._row: tuple[int, dict[str, float]] | None = None  # waits for its loss

    def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        """Begin to watch the optimizer."""
        self._applied = AppliedValues(optimizer)
        callbacks = self._trainer.callback_handler.callbacks
        callbacks.remove(self)
        callbacks.insert(0, self)  # before those that report the log

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the values of an update, if it was made."""
        assert self._applied is not None
        self._write_row()
        if values := self._applied.take():
            self._row = state.global_step, values

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Add the values to a log, and write its loss into the row of the update."""
        if self._row and logs and "loss" in logs:
            _, values = self._row
            applied = {re.sub(r"^lr\b", "learning_rate", name): value for name, value in values.items()}
            first = next((value for name, value in applied.items() if name.startswith("learning_rate")), None)
            added = applied if first is None else {"learning_rate": first, **applied}
            for record in (logs, state.log_history[-1]):
                record.update(added)
            self._write_row(float(logs["loss"]))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the last row, and stop watching the optimizer."""
        assert self._applied is not None
        self._write_row()
        self._applied.close()

    def _write_row(self, loss: float | None = None) -> None:
        row, self._row = self._row, None
        if row and self._writer and self._trainer.is_world_process_zero():
            self._writer.write(*row, loss)
