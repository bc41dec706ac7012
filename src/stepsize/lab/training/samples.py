"""The samples of a task on a device, tensors or the batches of a loader: to train on, measured, and tallied."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from stepsize.errors import RunError
from stepsize.horizon import Horizon
from stepsize.lab.seeding import sample_order
from stepsize.lab.tasks.loaders import Loader, all_passes, at_least_one, length_of, one_pass
from stepsize.lab.tasks.sample_forms import Examples, on_device
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


def measure(model: nn.Module, task: Task, samples: "EvaluationSet") -> tuple[float, float]:
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


Weight = Callable[[Any], float]
"""How much the mean loss of a batch weighs."""

_CHANGED = "the length of a run, and with it its schedule, is fixed before it begins: give every pass as many batches"


@dataclass
class LoaderBatches:
    """The batches of a loader update by update, on a device: the form of `Batches` for loaders.

    `updates` is the number of updates in an epoch, which is a pass if the loader has a length. Without one, an epoch
    continues where the last one ended, and a new pass begins when the loader has no more.
    """

    loader: Loader
    seed: int
    device: torch.device
    weight: Weight
    updates: int
    accumulation: int = 1
    _stream: Iterator[Any] | None = field(default=None, init=False)

    def epoch(self, number: int, first: int = 0) -> Iterator[Iterator[Batch]]:
        """The batches of each update of an epoch, from the update `first` on."""
        length = length_of(self.loader)
        if length is None:
            if self._stream is None:
                done = (number * self.updates + first) * self.accumulation
                self._stream = islice(all_passes(self.loader, self.seed), done, None)
            batches = self._stream
        else:
            if -(-length // self.accumulation) != self.updates:
                reason = f"the loader has {length} batches in pass {number + 1}, but had another number before"
                raise RunError(reason, _CHANGED)
            batches = islice(self._whole_pass(number, length), first * self.accumulation, None)
        for _ in range(first, self.updates):
            yield weighted(list(islice(batches, self.accumulation)), self.weight, self.device)
        if length is not None:
            next(batches, None)  # refuses a batch too many

    def _whole_pass(self, number: int, length: int) -> Iterator[Any]:
        got = 0
        for got, batch in enumerate(one_pass(self.loader, self.seed, number), 1):
            if got > length:
                raise RunError(f"the loader gave more than its {length} batches in pass {number + 1}", _CHANGED)
            yield batch
        if got < length:
            raise RunError(f"the loader gave {got} of its {length} batches in pass {number + 1}", _CHANGED)


@dataclass(frozen=True)
class LoaderTest:
    """The batches of a test loader, on a device, drawn alike in each pass."""

    loader: Loader
    device: torch.device
    weight: Weight

    def batches(self) -> Iterator[Batch]:
        for batch in at_least_one(one_pass(self.loader, 0, 0)):
            yield from weighted([batch], self.weight, self.device)


EvaluationSet = Samples | LoaderTest
"""The samples that networks are measured on."""


def weighted(batches: list[Any], weight: Weight, device: torch.device) -> Iterator[Batch]:
    """The batches of one update on a device, each with its weight and its share of the update's weight."""
    weights = [weight(batch) for batch in batches]
    for batch, each in zip(batches, weights, strict=True):
        moved = on_device(batch, device)
        yield Batch(moved, moved, each, each / sum(weights))


def data_on(
    device: torch.device, task: Task, horizon: Horizon, seeds: Sequence[int]
) -> tuple[Batches | LoaderBatches, EvaluationSet]:
    """The training batches of a task and its test set on a device; `horizon` is that of a run over all its samples."""
    if task.has_loaders:
        updates, each = horizon.epoch_steps, horizon.accumulation
        batches = LoaderBatches(task.train, seeds[0], device, task.weight_of, updates, each)
        return batches, LoaderTest(task.test, device, task.weight_of)
    samples, test = (Samples.on(device, part) for part in (task.train, task.test))
    assert isinstance(horizon.batch, int)
    return Batches(samples, seeds, horizon.batch, horizon.accumulation, horizon.drop_last), test
