"""Loaders, which are re-iterables of batches: their passes, and their size, which is the length of a run.

What a pass draws depends on a seed and its number alone.
"""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler, Subset

from stepsize.errors import ArgumentError, RunError, StepsizeError, gathered, raise_together
from stepsize.horizon import Horizon
from stepsize.lab.seeding import OwnDraws, seed_of
from stepsize.lab.tasks.sample_forms import is_batch
from stepsize.pytorch.random_states import seed_generator
from stepsize.pytorch.snapshot import sources_of

Loader = Iterable[Any]

STREAM_RESUMED = (
    "the training samples are a stream: the batches already seen were skipped, but it may have given others, so the "
    "bits may differ from those of a run without an interruption"
)

# The settings of a DataLoader that do not depend on the number of samples.
_SETTINGS = (
    "batch_size",
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "persistent_workers",
)


def check_loader(owner: str, name: str, value: Any) -> None:
    """Raise ArgumentError if a value is not a re-iterable of batches, or has none."""
    rule = "two tensors, inputs and targets, or a loader: a re-iterable of batches"
    if isinstance(value, Dataset):
        raise ArgumentError(owner, name, rule, value, "write DataLoader(dataset, batch_size=256)")
    if isinstance(value, Iterator):
        advice = "it can be read once; give an object whose __iter__ begins again, or a list of batches"
        raise ArgumentError(owner, name, rule, value, advice)
    if isinstance(value, Tensor | np.ndarray | Mapping | str) or not isinstance(value, Iterable):
        raise ArgumentError(owner, name, rule, value)
    if isinstance(value, tuple | list) and not all(map(is_batch, value)):
        advice = "a batch is a tuple or a list of at least two parts, a mapping or a tensor; see torch.as_tensor"
        raise ArgumentError(owner, name, rule, value, advice)
    if length_of(value) == 0:
        raise ArgumentError(owner, name, "a loader with at least one batch", value)


def length_of(loader: Loader) -> int | None:
    """The number of batches in a pass, if the loader has it."""
    try:
        return len(loader) if isinstance(loader, Sized) else None
    except TypeError:  # a DataLoader over a stream
        return None


def is_stream(loader: Loader) -> bool:
    """Whether it reads a stream, which need not begin with the same samples again."""
    return isinstance(loader, DataLoader) and isinstance(loader.dataset, IterableDataset)


def all_passes(loader: Loader, seed: int) -> Iterator[Any]:
    """The batches of pass after pass, without end; raises RunError if a pass has none."""
    for number in count():
        yield from at_least_one(one_pass(loader, seed, number))


def one_pass(loader: Loader, seed: int, number: int) -> Iterator[Any]:
    """The batches of a pass.

    What the loader draws from Python, NumPy and PyTorch, from its own generators and in its worker processes depends on
    `seed` and `number` alone. The draws of other code are not affected.
    """
    word = seed_of(seed, number)
    draws = OwnDraws(word)
    for source in sources_of(loader):
        for value in vars(source).values():
            seed_generator(value, word)
        if callable(set_epoch := getattr(source, "set_epoch", None)):
            set_epoch(number)
    with draws.used():
        batches = iter(_with_new_workers(loader))
    while True:
        with draws.used():
            try:
                batch = next(batches)
            except StopIteration:
                return
        yield batch


def _with_new_workers(loader: Loader) -> Loader:
    """The loader, or one like it whose workers end with the pass: persistent ones go on drawing from their states."""
    if not (isinstance(loader, DataLoader) and loader.persistent_workers):
        return loader
    loader = copy.copy(loader)
    vars(loader)["persistent_workers"] = False  # a DataLoader refuses the assignment
    return loader


def at_least_one(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches of a pass; raises RunError if there are none."""
    number = 0
    for number, batch in enumerate(batches, 1):  # noqa: B007
        yield batch
    if number == 0:
        raise RunError("the loader gave no batch", "give one that can be read again, with at least one batch")


def samples_of(loader: Loader) -> int | None:
    """The number of samples in a pass, if a DataLoader says it."""
    if not isinstance(loader, DataLoader) or loader.batch_size is None or length_of(loader) is None:
        return None
    counted: Any = loader.dataset if is_stream(loader) else loader.sampler
    return len(counted) if isinstance(counted, Sized) else None


def size_in_words(loader: Loader) -> str:
    """`23 with 1437 samples`, as far as the loader says it."""
    length, samples = length_of(loader), samples_of(loader)
    of = "" if samples is None else f" with {samples} samples"
    return "any number" if length is None else f"{length}{of}"


@dataclass(frozen=True)
class HorizonInBatches(Horizon):
    """The horizon of a loader that does not say its number of samples: its `samples` are batches."""

    def _unit(self, unit: str, clock: str, length: str) -> Fraction:
        if unit.endswith(("sp", "tok")):
            rule = "in steps, epochs or percent, since the loader does not say its number of samples"
            raise ArgumentError("a length", "", rule, length, "give the task a DataLoader with a batch_size")
        return super()._unit(unit, clock, length)


def loader_horizon(
    loader: Loader,
    owner: str,
    epochs: int,
    steps: int | None,
    accumulation: int,
    batch_size: int | None,
    drop_last: bool,
) -> Horizon:
    """The length of a run over the passes of a loader; if the loader has none, an epoch is an equal part of `steps`."""
    errors: list[StepsizeError] = []
    if batch_size is not None:
        errors.append(loader_setting(owner, "batch_size", batch_size))
    if drop_last:
        errors.append(loader_setting(owner, "drop_last", drop_last))
    length = length_of(loader)
    with gathered(errors):
        if length is None:
            length = _share(owner, steps, epochs) * accumulation
        elif steps is not None:
            rule = f"left out, since the loader has {length} {'batch' if length == 1 else 'batches'} in a pass"
            raise ArgumentError(owner, "steps", rule, steps, "write {epochs}", epochs=...)
    raise_together(errors)
    samples = samples_of(loader)
    if isinstance(loader, DataLoader) and loader.batch_size and samples:
        return Horizon(samples, loader.batch_size, epochs, accumulation, drop_last=loader.drop_last)
    return HorizonInBatches(length, 1, epochs, accumulation)


def loader_setting(owner: str, name: str, given: object) -> ArgumentError:
    """The error of a setting that is the loader's."""
    rule = "left out, since the task's loader has its own"
    return ArgumentError(owner, name, rule, given, f"set it there: DataLoader(..., {name}={given})")


def _share(owner: str, steps: int | None, epochs: int) -> int:
    """The updates of an epoch, an equal part of all steps."""
    if steps is None:
        rule = "given, since the loader has no length"
        raise ArgumentError(owner, "steps", rule, steps, "write e.g. {steps}", steps=1000 * epochs)
    if steps % epochs:
        rule = f"a multiple of epochs={epochs}"
        raise ArgumentError(owner, "steps", rule, steps, "write {steps}", steps=math.ceil(steps / epochs) * epochs)
    return steps // epochs


def divisible(loader: Loader, setting: str, value: object) -> tuple["DataLoader[Any]", int]:
    """A DataLoader whose samples can be chosen, and their number: it reads its data set in order or shuffled."""
    if type(loader) is DataLoader and loader.batch_size is not None:
        data_set: Any = loader.dataset
        sampler = loader.sampler
        shuffled = type(sampler) is RandomSampler and not sampler.replacement and len(sampler) == len(data_set)
        if shuffled or type(sampler) is SequentialSampler:
            return loader, len(data_set)
    rule = "left out, since the task's loader is not a DataLoader with a batch_size, in order or shuffled"
    raise ArgumentError("Experiment", setting, rule, value, "choose the samples in the task")


def part_of(loader: "DataLoader[Any]", chosen: Sequence[int], training: bool = True) -> "DataLoader[Any]":
    """A DataLoader of the chosen samples; of all of them and in order if not for training."""
    settings = {name: getattr(loader, name) for name in _SETTINGS}
    if training:
        settings |= {"shuffle": isinstance(loader.sampler, RandomSampler), "drop_last": loader.drop_last}
    return DataLoader(Subset(loader.dataset, chosen), **settings)
