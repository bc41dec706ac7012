"""The number of right samples: by the task's own function, or chosen by the shapes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

from stepsize.errors import RunError, shown


def right_of(task: str, correct: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Tensor:
    """What the task's own function counts, as a tensor of shape ().

    Raises:
        RunError: it does not return one number.
    """
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
    """What `usual_right` counts, in words.

    Example:
        >>> import torch
        >>> usual_accuracy(torch.nn.functional.cross_entropy, torch.zeros(2, 10), torch.tensor([3, 5]))
        'highest of 10 class scores'
    """
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
