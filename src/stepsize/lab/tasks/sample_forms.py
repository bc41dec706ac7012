"""Samples: two tensors in memory, or batches of any form, what a network gets of them and how they reach a device."""

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from stepsize.errors import ArgumentError, RunError, shown

Examples = tuple[Tensor, Tensor]
"""Inputs and targets."""


def are_examples(value: Any) -> bool:
    """Whether a value is a pair of tensors."""
    return isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(part, Tensor) for part in value)


def check_examples(owner: str, name: str, value: Any) -> None:
    """Raise ArgumentError if a value is not inputs and as many targets, at least one."""
    if not are_examples(value):
        advice = "give train and test in one form, as tensors or as loaders"
        raise ArgumentError(owner, name, "two tensors, inputs and targets, as the other samples are", value, advice)
    inputs, targets = map(len, value)
    if not inputs == targets > 0:
        raise ArgumentError(owner, name, f"as many targets as inputs ({inputs}), and at least one", targets)


def digest(tensor: Tensor) -> str:
    """The shape and the type of a tensor, and 16 digits of the BLAKE2b hash of its bytes."""
    content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)  # NumPy has no bfloat16
    shape, kind = " x ".join(map(str, tensor.shape)), str(tensor.dtype).removeprefix("torch.")
    return f"{shape} {kind} {hashlib.blake2b(content.numpy().data, digest_size=8).hexdigest()}"


def outputs_of(model: nn.Module, batch: Any) -> Any:
    """The outputs of a network: of all parts but the last, of the entries by name, or of a tensor."""
    named: Mapping[str, Any] = batch if isinstance(batch, Mapping) else {}
    parts = batch[:-1] if isinstance(batch, tuple | list) else () if named else (batch,)
    try:
        return model(*parts, **named)
    except TypeError as error:
        try:
            inspect.signature(model.forward).bind(*parts, **named)
        except TypeError as mismatch:
            form = "**batch" if named else "*batch[:-1]" if isinstance(batch, tuple | list) else "batch"
            raise RunError(
                f"the network cannot be called as model({form}) with a batch of the loader: {mismatch}",
                "write a network that takes these arguments, or a collate_fn that makes others",
            ) from error
        raise


def is_batch(value: Any) -> bool:
    """Whether a value has the form of a batch."""
    return isinstance(value, Tensor | Mapping) or (isinstance(value, tuple | list) and len(value) > 1)


def samples_in(batch: Any) -> int:
    """The number of samples in a batch: the first dimension of its first tensor."""
    if not is_batch(batch):
        given = f"one of {len(batch)}" if isinstance(batch, tuple | list) else shown(batch)
        raise RunError(
            f"a batch must be a tuple or a list of at least two parts, a mapping or a tensor, got {given}",
            "yield (inputs, targets), a dictionary of tensors, or a tensor",
        )
    parts = tree_leaves(dict(batch) if isinstance(batch, Mapping) else batch)
    size = next((len(part) for part in parts if isinstance(part, Tensor) and part.dim() > 0), 0)
    if size == 0:
        raise RunError(
            f"a batch has no tensor with a row for each sample, got {shown(batch, 200)}",
            "turn its parts into tensors, as by torch.as_tensor",
        )
    return size


def on_device(batch: Any, device: torch.device) -> Any:
    """A copy of a batch whose tensors are on the device: a network may work in place."""

    def move(part: Any) -> Any:
        if isinstance(part, Tensor):
            return part.to(device, copy=True)
        if isinstance(part, Mapping):  # such as a BatchEncoding, which PyTorch takes for one value
            kind: Any = type(part)
            return kind({name: on_device(each, device) for name, each in part.items()})
        return part.to(device) if hasattr(part, "to") else part

    return tree_map(move, batch)
