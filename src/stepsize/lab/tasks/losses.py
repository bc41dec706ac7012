"""The mean loss of a batch: what the function of a task gets, and what it must return."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stepsize.errors import RunError, shown
from stepsize.pytorch.range_sweep import are_crossed

Loss = Callable[[Any, Any], Tensor]


def mean_loss(task: str, loss: Loss, outputs: Any, targets: Any, from_loader: bool) -> Tensor:
    """The loss as a tensor of shape (); `targets` are the whole batch if it comes from a loader.

    Raises:
        RunError: the function does not take these arguments, compares each output with every target, does not return
            one number, or returns one that does not depend on the weights although gradients are needed.
    """
    value: Any = _of_batch(task, loss, outputs, targets) if from_loader else _of_pair(task, loss, outputs, targets)
    if not isinstance(value, Tensor) or value.numel() != 1:
        given = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else shown(value)
        raise RunError(
            f"the loss of the task {task!r} must be a tensor of shape (), got {given}", "take the mean over the samples"
        )
    needed = outputs.requires_grad if isinstance(outputs, Tensor) else torch.is_grad_enabled()
    if needed and not value.requires_grad:
        raise RunError(
            f"the loss of the task {task!r} has no gradient",
            "remove what cuts it off from the outputs, such as .detach(), .item() or torch.no_grad()",
        )
    return value.reshape(())


def _of_pair(task: str, loss: Loss, outputs: Any, targets: Any) -> Tensor:
    if isinstance(outputs, Tensor) and isinstance(targets, Tensor) and are_crossed(loss, outputs, targets):
        raise RunError(
            f"the outputs of the task {task!r} have shape {tuple(outputs.shape)} and the targets "
            f"{tuple(targets.shape)}, so the loss compares each output with every target",
            "give both one shape, as by outputs.squeeze(1)",
        )
    return loss(outputs, targets)


def _of_batch(task: str, loss: Loss, outputs: Any, batch: Any) -> Tensor:
    """The loss of a loader's batch."""
    if not _is_of_pytorch(loss):
        try:
            return loss(outputs, batch)
        except Exception as error:
            _blame_targets(task, loss, outputs, batch, error)
            raise
    if isinstance(batch, tuple | list):
        return _of_pair(task, loss, outputs, batch[-1])
    own: Any = outputs.get("loss") if isinstance(outputs, Mapping) else getattr(outputs, "loss", None)
    if loss is cross_entropy and isinstance(own, Tensor):
        return own
    kind = "mappings" if isinstance(batch, Mapping) else "tensors"
    raise RunError(
        f"the batches of the task {task!r} are {kind}, and its outputs have no loss",
        "give the task loss=..., a function (outputs, batch) that returns the mean loss",
    )


def _is_of_pytorch(loss: Any) -> bool:
    """Whether PyTorch defines it, so that it gets targets, and not a batch."""
    if isinstance(loss, functools.partial):
        return _is_of_pytorch(loss.func)
    place = type(loss).__module__ if isinstance(loss, nn.Module) else getattr(loss, "__module__", None)
    return str(place).startswith(("torch.nn.", "torch._C"))


def _blame_targets(task: str, loss: Loss, outputs: Any, batch: Any, error: Exception) -> None:
    """Raise RunError if the function takes targets in place of the batch."""
    if not isinstance(batch, tuple | list):
        return
    try:
        with torch.no_grad():
            loss(outputs, batch[-1])
    except Exception:  # it fails on the targets too
        return
    raise RunError(
        f"the loss of the task {task!r} fails on a batch, and not on its last part ({shown(error, 100)})",
        "with loaders it gets (outputs, batch): write loss=lambda outputs, batch: your_loss(outputs, batch[-1])",
    ) from error
