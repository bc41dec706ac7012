"""The batches of a short run: as many as it takes, from what can be gone through again, without moving its place."""

import copy
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from stepsize.arguments import refusal
from stepsize.errors import ArgumentError

_PARTS = ("sampler", "batch_sampler", "dataset", "datasets")
"""The attributes by which loaders, samplers and data sets name what they draw from."""


def repeatable(name: str, batches: Any) -> Iterable[Any]:
    """The batches, as something that each run can go through from the start.

    Of a loader it is a copy, without the workers that an iteration of the user's may be using.

    Raises:
        ArgumentError: they cannot be iterated over, or are an iterator, which cannot be given back what it gave.
    """
    if not isinstance(batches, Iterable):
        raise refusal("range_test", name, "a DataLoader, or a list of batches", batches)
    if isinstance(batches, Iterator):
        raise refusal(
            "range_test",
            name,
            "something that can be gone through again",
            batches,
            "an iterator cannot be given back what it gave; write the DataLoader itself, or a list of its batches",
        )
    if isinstance(batches, DataLoader):
        own = copy.copy(batches)
        own._iterator = None
        return own
    return batches


def endless(name: str, batches: Iterable[Any]) -> Generator[Any, None, None]:
    """The batches again and again.

    Raises:
        ArgumentError: there are none.
    """
    nothing = object()
    while True:
        batch = nothing
        for batch in batches:
            yield batch
        if batch is nothing:
            raise refusal("range_test", name, "one batch at least", batches, "it is empty")


def sources_of(batches: Any) -> list[Any]:
    """The batches themselves, their samplers and their data set, and what these are made of in turn."""
    found: dict[int, Any] = {}
    waiting = [batches]
    while waiting:
        source = waiting.pop()
        if id(source) in found or not hasattr(source, "__dict__"):
            continue
        found[id(source)] = source
        for name in _PARTS:
            part: Any = getattr(source, name, None)
            items = part.values() if isinstance(part, dict) else part
            waiting.extend(items if isinstance(part, list | tuple | dict) else [part])
    return list(found.values())


def inputs_and_targets(batch: Any, device: torch.device) -> tuple[Any, Any]:
    """The two parts of a batch, on the device.

    Raises:
        ArgumentError: it has not two parts.
    """
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        raise ArgumentError(
            f"range_test(batches=...) must yield pairs, (inputs, targets), got {_what(batch)}; for other batches write "
            "closure=..., a function (model, batch) to the loss"
        )
    inputs, targets = (_on(device, part) for part in batch)
    return inputs, targets


def _on(device: torch.device, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {key: _on(device, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_on(device, item) for item in value)
    return value


def _what(batch: Any) -> str:
    if isinstance(batch, Tensor):
        return f"a tensor of shape {tuple(batch.shape)}"
    size = f" of {len(batch)}" if isinstance(batch, list | tuple | Mapping) else ""
    return f"a {type(batch).__name__}{size}"
