"""A copy of everything that a few updates change, which can be restored bit for bit into the same objects."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from stepsize.pytorch.random_states import cuda_devices_in_use, generator_restorer, random_states, restore_random_states


class Snapshot:
    """The state of modules, optimizers, scalers and generators; `restore` can be called any number of times.

    Objects keep their identity: a tensor rate stays the same tensor, and a gradient that was None is None again.
    Gradients are kept, not copied. Every other tensor is copied once, on its own device, or on the CPU if that device
    is short of memory. The random states are always included. Of `sources`, such as samplers and data sets, which may
    be large, only the attributes are restored, and the random generators among those.
    """

    def __init__(self, *roots: Any, sources: Iterable[Any] = ()) -> None:
        self._seen: dict[int, Any] = {}  # by id; keeps the objects alive, so that no id is used again
        self._restorers: list[Callable[[], object]] = []
        self._tensors: list[Tensor] = []
        self._add(roots)
        for source in sources:
            attributes: dict[str, Any] = source.__dict__
            self._restorers.append(_entries_restorer(attributes))
            self._restorers += filter(None, map(generator_restorer, attributes.values()))
        self._copies = _copies(self._tensors)
        self._gradients = [(each, each.grad) for each in self._tensors if each.is_leaf and each.requires_grad]
        devices = cuda_devices_in_use()
        self._restorers.append(partial(restore_random_states, random_states(devices), devices))

    def _add(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            if not value.is_inference() and not _overlaps(value):  # such tensors cannot be written to
                self._tensors.append(value)
        elif isinstance(value, nn.Module | Optimizer | GradScaler):
            self._add(vars(value))
            if isinstance(value, torch.jit.ScriptModule):  # its contents are not Python attributes
                self._add((*value.parameters(), *value.buffers()))
                self._restorers += [partial(setattr, each, "training", each.training) for each in value.modules()]
        elif isinstance(value, dict):
            self._restorers.append(_entries_restorer(value))
            self._add(tuple(value.values()))
        elif isinstance(value, list):
            self._restorers.append(partial(value.__setitem__, slice(None), list(value)))
            self._add(tuple(value))
        elif isinstance(value, tuple):
            for item in value:
                self._add(item)
        elif isinstance(value, np.ndarray):
            if value.flags.writeable:
                self._restorers.append(partial(np.copyto, value, value.copy()))
        elif (restore := generator_restorer(value)) is not None:
            self._restorers.append(restore)

    def restore(self) -> None:
        """Restore everything; an error in one part does not keep the others from being restored."""
        with torch.no_grad(), ExitStack() as calls:  # makes all calls, and raises at the end
            for restore in self._restorers:
                calls.callback(restore)
            for tensor, gradient in self._gradients:
                calls.callback(setattr, tensor, "grad", gradient)
            for tensor, copy in zip(self._tensors, self._copies, strict=True):
                calls.callback(tensor.copy_, copy)

    def clear_gradients(self) -> None:
        for tensor, _ in self._gradients:
            tensor.grad = None

    def has_moved(self) -> bool:
        """Whether the tensors that require gradients have moved by more than their norm: |w - w_0| > |w_0|."""
        moved = size = 0.0
        with torch.no_grad():
            for tensor, copy in zip(self._tensors, self._copies, strict=True):
                if tensor.requires_grad:
                    begin = copy.to(tensor.device)
                    moved += (tensor - begin).float().norm().item() ** 2
                    size += begin.float().norm().item() ** 2
        return moved > size


def _entries_restorer(entries: dict[Any, Any]) -> Callable[[], None]:
    before = dict(entries)

    def restore() -> None:
        if list(map(id, entries)) != list(map(id, before)):  # by id: keys may be tensors, whose == is not a bool
            entries.clear()
        entries.update(before)

    return restore


def _overlaps(tensor: Tensor) -> bool:
    """Whether several elements share a place in memory, as after `expand`."""
    if tensor.layout != torch.strided:
        return False
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Copies on the tensors' device, or on the CPU if they need over half of the free memory, which updates need."""
    needed: Counter[torch.device] = Counter()
    for tensor in tensors:
        needed[tensor.device] += tensor.numel() * tensor.element_size()
    short = {device for device, size in needed.items() if size > free_memory(device) / 2}
    return [
        tensor.detach().to("cpu", copy=True) if tensor.device in short else tensor.detach().clone()
        for tensor in tensors
    ]


def free_memory(device: torch.device) -> float:
    """The free bytes of a GPU; infinite for other devices, whose tensors are always copied in place."""
    if device.type != "cuda":
        return math.inf
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def sources_of(*batches: Any) -> list[Any]:
    """The batches themselves, their samplers and data sets, and the ones inside those."""
    found: dict[int, Any] = {}
    waiting = [*batches]
    while waiting:
        source = waiting.pop()
        if id(source) in found or not hasattr(source, "__dict__"):
            continue
        found[id(source)] = source
        for name in ("sampler", "batch_sampler", "dataset", "datasets"):
            part: Any = getattr(source, name, None)
            items = part.values() if isinstance(part, dict) else part
            waiting.extend(items if isinstance(part, list | tuple | dict) else [part])
    return list(found.values())
