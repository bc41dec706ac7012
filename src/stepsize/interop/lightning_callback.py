"""The rates that Lightning's Trainer applied, in its loggers and a curve file; importing this imports Lightning."""

import os
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from stepsize.interop.curve_writer import CurveWriter, MeanLoss
from stepsize.pytorch.applied import AppliedValues, exact_tensors


class LogAppliedInLightning(Callback):
    """Logs what each update in Lightning used: its learning rate, and whatever else a `Scheduler` drives.

    The values go to the Trainer's loggers, as those of `self.log` do.

    Args:
        path: a curve file that `stepsize predict` reads, if one is wanted; see `CurveWriter`. It has the values of
            every update, and the mean loss of its micro-batches under automatic optimization.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._writer = None if path is None else CurveWriter(path)
        self._applied: AppliedValues | None = None
        self._loss = MeanLoss()
        self._updates = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to watch the optimizers."""
        self._applied = AppliedValues(*trainer.optimizers)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the values of an update that was made."""
        assert self._applied is not None
        if self._writer and isinstance(outputs, dict) and "loss" in outputs:
            self._loss.add(outputs["loss"] * trainer.accumulate_grad_batches)  # Lightning has divided it
        if values := self._applied.take():
            self._updates += 1
            pl_module.log_dict(exact_tensors(values), on_step=True, on_epoch=False)
            if self._writer and trainer.is_global_zero:
                self._writer.write(self._updates, values, self._loss.take())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop watching the optimizers."""
        if self._applied is not None:
            self._applied.close()

    def state_dict(self) -> dict[str, Any]:
        """The number of updates, for the Trainer's checkpoints."""
        return {"updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to count from a checkpoint."""
        self._updates = state_dict["updates"]
