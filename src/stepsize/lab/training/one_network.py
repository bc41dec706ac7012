"""One network in training: its optimizer, and the rate of each update from a schedule or a PyTorch scheduler."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from stepsize.errors import RunError
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.rates import DrivenRate, LearningRate
from stepsize.lab.training.samples import Batch, EvaluationSet, measure, move_model
from stepsize.store.run import Epoch, Point


class OneNetwork:
    """A network that a training loop trains, with its optimizer and its rates; the arguments are those of `train`."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizer: Optimizer,
        lr: LearningRate,
        seed: int,
        device: torch.device,
        precision: str = "fp32",
        clip_norm: float | None = None,
        per_epoch: bool = False,
        metric: str | None = None,
    ) -> None:
        move_model(model, task, device)
        self.seeds = (seed,)
        self.device = device
        self.rates = [math.nan]
        self._model = model.train()
        self._task = task
        self._optimizer = optimizer
        self._rate = DrivenRate(optimizer, lr, per_epoch, metric)
        self._clip_norm = clip_norm
        self._autocast = torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
        optimizer.zero_grad()

    def begin_epoch(self, step: int, updates: int) -> None:
        pass

    def add_gradient(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        with self._autocast:
            try:
                outputs = self._task.outputs(self._model, batch.inputs)
            except ValueError as error:
                _explain_batch_norm(error, self._task)
                raise
            loss = self._task.mean_loss(outputs, batch.targets)
        (loss if batch.share == 1 else loss * batch.share).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), self._task.right(outputs, batch.targets)

    def update(self, step: int) -> None:
        self.rates[0] = self._rate.before_update(step)
        if self._clip_norm is not None:
            clip_grad_norm_(self._model.parameters(), self._clip_norm)
        self._optimizer.step()
        self._rate.after_update()
        self._optimizer.zero_grad()

    def measure(self, samples: EvaluationSet) -> list[tuple[float, float]]:
        return [measure(self._model, self._task, samples)]

    def logged(self, records: Sequence[Point | Epoch]) -> None:
        self._rate.logged(records[0])

    def state(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        return {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._rate.scheduler.state_dict() if rows is None else None,
        }

    def load(self, state: dict[str, Any], step: int) -> None:
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        scheduler: Any = self._rate.scheduler
        if state["scheduler"] is None:
            scheduler.seek(step)
        else:
            scheduler.load_state_dict(state["scheduler"])


def _explain_batch_norm(error: ValueError, task: Task) -> None:
    """Raise RunError if batch normalisation got one sample, which has no variance."""
    if not str(error).startswith("Expected more than 1 value per channel when training"):
        return
    where = "in the DataLoader" if task.has_loaders else "in the experiment or in train"
    raise RunError(
        f"the network of the task {task.name!r} has batch normalisation, which cannot train on a batch of one sample, "
        "such as the last one of an epoch",
        f"leave that batch out with {{drop_last}} {where}",
        drop_last=True,
    ) from error
