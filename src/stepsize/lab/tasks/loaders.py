"""Loaders, which are re-iterables of batches: their passes, whose random draws depend on a seed and the pass alone."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import count
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from stepsize.errors import ArgumentError, RunError
from stepsize.lab.seeding import OwnDraws, seed_of
from stepsize.lab.tasks.sample_forms import is_batch
from stepsize.pytorch.random_states import seed_generator
from stepsize.pytorch.snapshot import sources_of

Loader = Iterable[Any]

STREAM_RESUMED = (
    "the training samples are a stream: the batches already seen were skipped, but it may have given others, so the "
    "bits may differ from those of a run without an interruption"
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
