"""The rates that a loop with Accelerate applied, in its trackers and a curve file."""

import os
from typing import Any

from stepsize.interop.curve_writer import CurveWriter, MeanLoss
from stepsize.pytorch.applied import AppliedValues


class LogAppliedInAccelerate:
    """Logs what each update in a loop with Accelerate used: its learning rate, and whatever a `Scheduler` drives.

    The values go to `accelerator.log`. The log registers itself for `save_state` and `load_state`.

    Args:
        accelerator: the Accelerator.
        optimizers: the optimizers, prepared or not.
        path: a curve file that `stepsize predict` reads, if one is wanted; see `CurveWriter`.
    """

    def __init__(self, accelerator: Any, *optimizers: Any, path: str | os.PathLike[str] | None = None) -> None:
        self._accelerator = accelerator
        self._writer = None if path is None else CurveWriter(path)
        self._applied = AppliedValues(*optimizers)
        self._loss = MeanLoss()
        self._updates = 0
        accelerator.register_for_checkpointing(self)

    def step(self, loss: Any = None) -> None:
        """Log the values of an update that was made; call it after each micro-batch, with its loss."""
        if loss is not None:
            self._loss.add(loss)
        if values := self._applied.take():
            self._updates += 1
            mean_loss = self._loss.take()
            logged = values if mean_loss is None else {"loss": mean_loss, **values}
            self._accelerator.log(logged, step=self._updates)
            if self._writer and self._accelerator.is_main_process:
                self._writer.write(self._updates, values, mean_loss)

    def state_dict(self) -> dict[str, Any]:
        """The number of updates."""
        return {"updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to count from a saved state."""
        self._updates = state_dict["updates"]
