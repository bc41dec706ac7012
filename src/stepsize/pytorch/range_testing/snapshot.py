"""Everything that a few updates change: kept, and given back to the same objects, bit for bit."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from stepsize.errors import ArgumentError, RunError
from stepsize.pytorch.range_testing.draws import GENERATORS, Restore, kept_draws, kept_generator

_PLAIN = bool | int | float | complex | str | bytes | np.generic | None
"""What cannot be changed in place, and takes no memory to speak of."""


class Snapshot:
    """What was found of models, optimizers, scalers and generators; `restore` gives it back, as often as it is called.

    Kept are the contents of tensors, the entries of dictionaries and lists, and which objects these were: a tensor
    rate stays the same tensor, and a gradient that was None is None again. Gradients themselves are put aside by
    `put_gradients_aside`, not copied. Of every other tensor there is one copy, on its own device, or on the CPU where
    that device is short of memory; tensors and arrays that nobody can write into are left to themselves. The random
    states of Python, NumPy, PyTorch and CUDA are always kept.

    Args:
        roots: modules, optimizers, scalers, generators of random numbers, and dictionaries and lists of them; anything
            else is passed over.
        sources: samplers, data sets and the like, which may be large: of their attributes only numbers, texts, None
            and generators are kept.

    Raises:
        ArgumentError: a parameter is lazy, so that it has no value yet.
    """

    def __init__(self, *roots: Any, sources: Iterable[Any] = ()) -> None:
        self._seen: dict[int, Any] = {}  # with the objects themselves, so that no other comes to have the id of one
        self._restores: list[Restore] = []
        self._tensors: list[Tensor] = []
        for root in roots:
            self._keep(root)
        for source in sources:
            self._keep_plain(source)
        self._copies = _copies(self._tensors)
        self._gradients = [(each, each.grad) for each in self._tensors if each.is_leaf and each.requires_grad]
        self._draws = kept_draws()

    def put_gradients_aside(self) -> None:
        """Let no tensor have a gradient, until `restore`."""
        for tensor, _ in self._gradients:
            tensor.grad = None

    def restore(self) -> None:
        """Give everything back as it was found.

        Raises:
            RunError: something would not be given back; all the rest was.
        """
        errors: list[Exception] = []
        tensors: Iterable[Restore] = map(partial, repeat(_write), self._tensors, self._copies)
        gradients: Iterable[Restore] = (partial(setattr, tensor, "grad", found) for tensor, found in self._gradients)
        for restore in chain(tensors, gradients, [self._draws], self._restores):
            try:
                restore()
            except Exception as error:
                errors.append(error)
        if errors:
            what = "; ".join(f"{type(error).__name__}: {error}" for error in errors)
            raise RunError(
                f"not everything could be given back after a range test: {what}; the rest was"
            ) from ExceptionGroup("what could not be given back", errors)

    def _keep(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            self._keep_tensor(value)
        elif isinstance(value, nn.Module | Optimizer | GradScaler):
            self._keep_entries(vars(value))
            if isinstance(value, torch.jit.ScriptModule):  # holds what it has outside of Python
                self._keep_all([*value.parameters(), *value.buffers()])
                for module in value.modules():
                    self._restores.append(partial(setattr, module, "training", module.training))
        elif isinstance(value, dict):
            self._keep_entries(value)
        elif isinstance(value, list):
            items = list(value)
            self._restores.append(lambda: value.__setitem__(slice(None), items))
            self._keep_all(items)
        elif isinstance(value, tuple):
            self._keep_all(value)
        elif isinstance(value, np.ndarray):
            if value.flags.writeable:
                self._restores.append(partial(np.copyto, value, value.copy()))
        elif isinstance(value, set | deque | bytearray):
            found = copy(value)

            def refill() -> None:
                value.clear()
                (value.update if isinstance(value, set) else value.extend)(found)

            self._restores.append(refill)
        elif (restore := kept_generator(value)) is not None:
            self._restores.append(restore)

    def _keep_all(self, items: Sequence[Any]) -> None:
        for item in items:
            self._keep(item)

    def _keep_entries(self, entries: dict[Any, Any]) -> None:
        before = dict(entries)

        def restore() -> None:
            if list(map(id, entries)) != list(map(id, before)):  # tensors may be keys, and == of them is no bool
                entries.clear()
            entries.update(before)

        self._restores.append(restore)
        self._keep_all(list(before.values()))

    def _keep_plain(self, source: Any) -> None:
        attributes = getattr(source, "__dict__", {})
        names = set(attributes)
        plain = {name: value for name, value in attributes.items() if isinstance(value, _PLAIN)}

        def restore() -> None:
            for name in attributes.keys() - names:
                del attributes[name]
            attributes.update(plain)

        self._restores.append(restore)
        self._keep_all([value for value in attributes.values() if isinstance(value, GENERATORS)])

    def _keep_tensor(self, tensor: Tensor) -> None:
        if is_lazy(tensor):
            raise ArgumentError("a lazy module has no parameters yet; run the model on a batch first")
        if not tensor.is_inference() and not _overlaps(tensor):  # nobody can write into those
            self._tensors.append(tensor)


def _write(tensor: Tensor, value: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(value)


def _overlaps(tensor: Tensor) -> bool:
    """Whether one place in memory is several of its elements, as after `expand`."""
    if tensor.layout != torch.strided:
        return False
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    """A copy of each on its own device, or on the CPU where they would take more than half of what is free there.

    The other half is for the updates.
    """
    needed: Counter[torch.device] = Counter()
    for tensor in tensors:
        needed[tensor.device] += tensor.numel() * tensor.element_size()
    short = {device for device, size in needed.items() if size > free_memory(device) / 2}
    return [
        tensor.detach().to("cpu", copy=True) if tensor.device in short else tensor.detach().clone()
        for tensor in tensors
    ]


def free_memory(device: torch.device) -> float:
    """The bytes that are still to be had on a GPU; on another device nobody knows, and there is no better place."""
    if device.type != "cuda":
        return math.inf
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
