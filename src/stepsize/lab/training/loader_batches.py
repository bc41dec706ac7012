"""The batches of a task on a device; those of a loader are weighed and grouped by updates."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from stepsize.errors import RunError
from stepsize.horizon import Horizon
from stepsize.lab.tasks.loaders import Loader, all_passes, at_least_one, length_of, one_pass
from stepsize.lab.tasks.sample_forms import on_device
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.samples import Batch, Batches, EvaluationSet, Samples

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
                raise RunError(f"the loader has {length} batches in pass {number + 1}, and had other numbers", _CHANGED)
            batches = islice(self._whole_pass(number, length), first * self.accumulation, None)
        for _ in range(first, self.updates):
            yield self._parts(list(islice(batches, self.accumulation)))
        if length is not None:
            next(batches, None)  # refuses a batch too many

    def _parts(self, batches: list[Any]) -> Iterator[Batch]:
        return weighted(batches, self.weight, self.device)

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
