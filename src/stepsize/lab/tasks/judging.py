"""What the outputs of a network are judged by: the mean loss of a batch, and the number of its right samples."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy

from stepsize.errors import RunError, shown
from stepsize.pytorch.range_sweep import are_crossed

Loss = Callable[[Any, Any], Tensor]


def mean_loss(task: str, loss: Loss, outputs: Any, targets: Any, from_loader: bool) -> Tensor:
    """The loss as a tensor of shape (); `targets` are the whole batch if it comes from a loader."""
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
        f"the batches of the task {task!r} are {kind}, but its outputs have no loss",
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
        f"the loss of the task {task!r} fails on a batch, but works on its last part ({shown(error, 100)})",
        "with loaders it gets (outputs, batch): write loss=lambda outputs, batch: your_loss(outputs, batch[-1])",
    ) from error


def right_of(task: str, correct: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Tensor:
    """What the task's own function counts, as a tensor of shape ()."""
    right = correct(outputs, targets)
    if not isinstance(right, Tensor) or right.numel() != 1:
        raise RunError(
            f"`correct` of the task {task!r} must return the number of right samples as a tensor of shape (), "
            f"got {shown(right)}"
        )
    return right.reshape(())


def usual_right(loss: Any, outputs: Tensor, targets: Tensor) -> Tensor | None:
    """How many samples are right, judged by the shapes, the types and the loss; None if they have no accuracy.

    Class scores (n, classes, ...) with whole-number targets (n, ...) and at least two classes are right if the highest
    score is at the target. Outputs (n,) or (n, 1, ...) with targets of their shape are right if they are on the
    target's side of the threshold and the loss is PyTorch's binary cross-entropy, with or without logits. A sample
    with several targets, such as the pixels of an image, counts by its fraction of right ones.

    Targets outside the classes, such as those of `ignore_index`, are left out. A sample with no other target counts as
    the mean of those that have one, since a mean loss leaves it out too.

    Example:
        >>> import torch
        >>> scores, classes = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])
        >>> usual_right(torch.nn.functional.cross_entropy, scores, classes)
        tensor(1.)
        >>> usual_right(torch.nn.functional.cross_entropy, scores, torch.tensor([1, -100]))
        tensor(2.)
        >>> usual_right(torch.nn.functional.mse_loss, scores, scores) is None
        True
    """
    if _are_class_scores(outputs, targets):
        right = outputs.argmax(dim=1) == targets
        counted = (targets >= 0) & (targets < outputs.shape[1])
    elif (threshold := binary_threshold(loss)) is not None and _are_binary(outputs, targets):
        right = (outputs > threshold) == (targets > 0.5)
        counted = torch.ones_like(right)
    else:
        return None
    rights, targets_left = (each.reshape(len(each), -1).sum(dim=1) for each in (right, counted))
    fractions, samples_left = rights / targets_left.clamp(min=1), (targets_left > 0).sum()
    return fractions.sum() * (len(fractions) / samples_left.clamp(min=1))


def usual_accuracy(loss: Any, outputs: Tensor, targets: Tensor) -> str:
    """What `usual_right` counts, in words."""
    if _are_class_scores(outputs, targets):
        return f"highest of {outputs.shape[1]} class scores"
    threshold = binary_threshold(loss) if _are_binary(outputs, targets) else None
    if threshold is None:
        shapes = f"outputs {tuple(outputs.shape[1:])} and targets {tuple(targets.shape[1:])} of a sample"
        return f"none: {shapes} are not scores of classes and a class"
    return "sign of a logit" if threshold == 0.0 else "probability above 0.5"


def _are_class_scores(outputs: Tensor, targets: Tensor) -> bool:
    whole = not (targets.is_floating_point() or targets.is_complex())
    several = outputs.dim() > 1 and outputs.shape[1] > 1
    return whole and several and targets.shape == outputs.shape[:1] + outputs.shape[2:]


def _are_binary(outputs: Tensor, targets: Tensor) -> bool:
    return (outputs.dim() == 1 or outputs.shape[1] == 1) and targets.shape == outputs.shape


def binary_threshold(loss: Any) -> float | None:
    """The output between the two classes of PyTorch's binary cross-entropy; None for another loss."""
    if loss is binary_cross_entropy_with_logits or isinstance(loss, nn.BCEWithLogitsLoss):
        return 0.0
    return 0.5 if loss is binary_cross_entropy or isinstance(loss, nn.BCELoss) else None
