"""Examples: inputs and targets in memory, two tensors with a row for each sample."""

import hashlib
from typing import Any

import torch
from torch import Tensor

from stepsize.errors import ArgumentError

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
