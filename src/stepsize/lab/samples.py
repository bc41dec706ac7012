"""Samples on a device, and how well a network does on them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from stepsize.errors import RunError
from stepsize.lab.task import Examples, Task

EVALUATION_BATCH = 500


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets on one device; images (n, channels, height, width) lie in channels-last memory format."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def on(cls, device: torch.device, examples: Examples) -> "Samples":
        """The examples on `device`; on the CPU they share memory where they can."""
        inputs, targets = examples
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return cls(inputs.to(device), targets.to(device))

    def __len__(self) -> int:
        return len(self.targets)

    def chosen(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The samples at these places."""
        return self.inputs.index_select(0, index), self.targets.index_select(0, index)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Copies of all of them, in order: a network may work in place."""
        for inputs, targets in zip(torch.split(self.inputs, size), torch.split(self.targets, size), strict=True):
            yield inputs.clone(), targets


def measure(model: nn.Module, task: Task, samples: Samples) -> tuple[float, float]:
    """Mean loss and accuracy of `model`, in evaluation mode, over all samples."""
    was_training = model.training
    model.eval()
    tally = Tally()
    with torch.no_grad():
        for inputs, targets in samples.batches(EVALUATION_BATCH):
            outputs = model(inputs)
            tally.add(task, task.mean_loss(outputs, targets), outputs, targets)
    model.train(was_training)
    return tally.means()


@dataclass
class Tally:
    """Loss and hits batch by batch; they stay on the device until the means are asked for."""

    losses: list[Tensor] = field(default_factory=list)
    correct: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(self, task: Task, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Take note of one batch, of its mean loss, and of what the network made of it."""
        self.losses.append(loss.detach())
        right = task.right(outputs, targets)
        if right is not None:
            self.correct.append(right)
        self.sizes.append(len(targets))

    def extend(self, later: "Tally") -> None:
        """Take note of all that `later` has noted."""
        self.losses += later.losses
        self.correct += later.correct
        self.sizes += later.sizes

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy over all samples; the accuracy is NaN where the task has none.

        Losses are summed as Python floats in the order of the batches.
        """
        total = 0.0
        # Not sum(), which since Python 3.12 rounds differently from a running total.
        for loss, size in zip(torch.stack(self.losses).tolist(), self.sizes, strict=True):
            total += loss * size
        samples = sum(self.sizes)
        right = float(torch.stack(self.correct).double().sum()) if self.correct else math.nan
        if right > samples * (1.0 + 1e-9):
            raise RunError(
                f"the task's `correct` counted {right:g} right of {samples} samples; it must give how many samples are "
                "right, or leave it out with correct=None"
            )
        return total / samples, right / samples

    def state(self) -> dict[str, Any]:
        """What it has noted, as tensors and numbers."""
        return {
            "losses": torch.stack(self.losses) if self.losses else None,
            "correct": torch.stack(self.correct) if self.correct else None,
            "sizes": list(self.sizes),
        }

    @classmethod
    def of(cls, state: dict[str, Any], device: torch.device) -> "Tally":
        """The tally whose `state` this is."""

        def parts(stacked: Tensor | None) -> list[Tensor]:
            return [] if stacked is None else list(stacked.to(device).unbind())

        return cls(parts(state["losses"]), parts(state["correct"]), list(state["sizes"]))
