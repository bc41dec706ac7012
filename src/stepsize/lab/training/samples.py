"""The samples of a task on a device: in batches to train on, measured, and tallied."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from stepsize.errors import RunError
from stepsize.lab.seeding import sample_order
from stepsize.lab.tasks.sample_forms import Examples
from stepsize.lab.tasks.task import Task

EVALUATION_BATCH = 500
BATCH_SIZE = 256  # of training, unless the user says otherwise


class Batch(NamedTuple):
    """Samples for one forward pass: (size, ...), or (networks, size, ...) if each network has its own.

    Inputs and targets are both the whole batch of a loader, and `size` is then its weight. `share` is the fraction that
    the batch has of its update's samples, or of their weight.
    """

    inputs: Any
    targets: Any
    size: float
    share: float = 1.0


class EvaluationSet(Protocol):
    """The samples that networks are measured on."""

    def batches(self) -> Iterator[Batch]:
        """All samples, in order; a network may work in place on the inputs."""


def move_model(model: nn.Module, task: Task, device: torch.device) -> None:
    """Move a model to a device, in channels-last memory format unless it has 3D kernels, which have no such format.

    With loaders it keeps the user's memory format, which the batches have too.
    """
    model.to(device)
    if not task.has_loaders and all(value.dim() != 5 for value in (*model.parameters(), *model.buffers())):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets on one device; images (n, channels, height, width) are in channels-last memory format."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def on(cls, device: torch.device, examples: Examples) -> "Samples":
        """The examples on `device`; on the CPU they share memory if they can."""
        inputs, targets = examples
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return cls(inputs.to(device), targets.to(device))

    def __len__(self) -> int:
        return len(self.targets)

    def chosen(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The samples at these places, in the shape of `index`."""
        inputs, targets = (part.index_select(0, index.flatten()) for part in (self.inputs, self.targets))
        return inputs.reshape(*index.shape, *inputs.shape[1:]), targets.reshape(*index.shape, *targets.shape[1:])

    def batches(self) -> Iterator[Batch]:
        """Copies of all samples, in order: a network may work in place."""
        parts = (torch.split(part, EVALUATION_BATCH) for part in (self.inputs, self.targets))
        for inputs, targets in zip(*parts, strict=True):
            yield Batch(inputs.clone(), targets, len(targets))


@dataclass(frozen=True)
class Batches:
    """The training samples epoch by epoch, each in the order that the seed gives it.

    With several different seeds a batch has a row for each. `accumulation` batches of `size` samples make one update;
    the last update of an epoch takes the samples that are left over, or only whole batches with `drop_last`.
    """

    samples: Samples
    seeds: Sequence[int]
    size: int
    accumulation: int = 1
    drop_last: bool = False

    @property
    def updates(self) -> int:
        return math.ceil(self._used / (self.size * self.accumulation))

    @property
    def _used(self) -> int:
        return len(self.samples) // self.size * self.size if self.drop_last else len(self.samples)

    def epoch(self, number: int, first: int = 0) -> Iterator[Iterator[Batch]]:
        """The batches of each update of an epoch, from the update `first` on."""
        orders = {seed: sample_order(len(self.samples), seed, number) for seed in set(self.seeds)}
        shared = len(orders) == 1
        order = orders[self.seeds[0]] if shared else torch.stack([orders[seed] for seed in self.seeds])
        used = order[..., : self._used].to(self.samples.targets.device)
        updates = torch.split(used, self.size * self.accumulation, dim=-1)
        for update in updates[first:]:
            yield self._parts(update)

    def _parts(self, update: Tensor) -> Iterator[Batch]:
        for index in torch.split(update, self.size, dim=-1):
            # Indexed batch by batch: permuting the whole set at once would double its memory.
            yield Batch(*self.samples.chosen(index), index.shape[-1], index.shape[-1] / update.shape[-1])


def measure(model: nn.Module, task: Task, samples: EvaluationSet) -> tuple[float, float]:
    """Mean loss and accuracy of `model` over all samples, in evaluation mode; it is left in training mode."""
    model.eval()
    tally = Tally()
    with torch.no_grad():
        for batch in samples.batches():
            outputs = task.outputs(model, batch.inputs)
            tally.add(task.mean_loss(outputs, batch.targets), task.right(outputs, batch.targets), batch.size)
    model.train()
    return tally.means()[0]


@dataclass
class Tally:
    """The mean loss of each batch and its number of right samples, each () or (networks,).

    They stay on the device until the means are asked for.
    """

    losses: list[Tensor] = field(default_factory=list)
    right: list[Tensor] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    def add(self, loss: Tensor, right: Tensor | None, size: float) -> None:
        """Add a batch of `size` samples; `right` is None if the task has no accuracy."""
        self.losses.append(loss)
        if right is not None:
            self.right.append(right)
        self.sizes.append(size)

    def extend(self, later: "Tally") -> None:
        self.losses += later.losses
        self.right += later.right
        self.sizes += later.sizes

    def means(self) -> list[tuple[float, float]]:
        """Mean loss and accuracy over all samples, for each network; the accuracy is NaN if the task has none.

        Losses are summed in double precision, in the order of the batches.
        """
        losses = torch.stack(self.losses).cpu().double().reshape(len(self.losses), -1).numpy()
        total, samples = np.zeros(losses.shape[1]), sum(self.sizes)
        for batch, size in zip(losses, self.sizes, strict=True):
            total += batch * size
        if not self.right:
            return [(loss, math.nan) for loss in (total / samples).tolist()]
        right = torch.stack(self.right).cpu().double().reshape(len(self.right), -1).sum(dim=0).numpy()
        accuracy = right / samples
        wrong = np.flatnonzero(~((accuracy >= 0) & (accuracy <= 1 + 1e-6)))
        if wrong.size:
            raise RunError(
                f"`correct` of the task counted {right[wrong[0]]:g} right of {samples:g} samples",
                "count each sample once, or by its fraction of right targets if it has several",
            )
        return list(zip((total / samples).tolist(), np.minimum(accuracy, 1.0).tolist(), strict=True))

    def state(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        """The tally as tensors and numbers, of all networks or of these."""
        parts = {"losses": self.losses, "right": self.right}
        chosen = {name: None if not part else torch.stack(part) for name, part in parts.items()}
        if rows is not None:
            chosen = {name: part if part is None or part.dim() < 2 else part[:, rows] for name, part in chosen.items()}
        return {"sizes": list(self.sizes), **chosen}

    @classmethod
    def of(cls, state: dict[str, Any], device: torch.device) -> "Tally":
        losses, right = (
            [] if part is None else list(part.to(device).unbind()) for part in (state["losses"], state["right"])
        )
        return cls(losses, right, list(state["sizes"]))
