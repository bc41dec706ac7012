"""How many samples a network has right, if its outputs and targets have a right and a wrong."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

from stepsize.errors import RunError

Loss = Callable[[Tensor, Tensor], Tensor]


def usual_right(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor | None:
    """How many samples are right, as shapes, types and the loss tell; None if they have no accuracy.

    Class scores (n, classes, ...) with whole-number targets (n, ...), two classes at least, are right if the highest
    score is at the target. Outputs (n,) or (n, 1, ...) with targets of their shape are right if they are on the
    target's side of the threshold, if the loss is PyTorch's binary cross-entropy, with logits or without. A sample
    with several targets, such as the pixels of an image, counts by its fraction of right ones.

    Example:
        >>> import torch
        >>> scores, classes = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])
        >>> usual_right(torch.nn.functional.cross_entropy, scores, classes)
        tensor(1)
        >>> usual_right(torch.nn.functional.mse_loss, scores, scores) is None
        True
    """
    counted = not (targets.is_floating_point() or targets.is_complex())
    if (
        counted
        and outputs.dim() > 1
        and outputs.shape[1] > 1
        and targets.shape == outputs.shape[:1] + outputs.shape[2:]
    ):
        return _samples(outputs.argmax(dim=1) == targets)
    threshold = _threshold(loss)
    one_each = outputs.dim() == 1 or (outputs.dim() > 1 and outputs.shape[1] == 1)
    if threshold is not None and one_each and targets.shape == outputs.shape:
        return _samples((outputs > threshold) == (targets > 0.5))
    return None


def _threshold(loss: Loss) -> float | None:
    """Between the two classes of a binary loss."""
    if loss is binary_cross_entropy_with_logits or isinstance(loss, nn.BCEWithLogitsLoss):
        return 0.0
    return 0.5 if loss is binary_cross_entropy or isinstance(loss, nn.BCELoss) else None


def _samples(right: Tensor) -> Tensor:
    """How many samples are right, given (n, ...)."""
    return right.sum() if right.dim() == 1 else right.flatten(1).float().mean(dim=1).sum()


def shares(right: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """The accuracy of each network, from how many of so many samples it has right, (networks,).

    Raises:
        RunError: it is not from 0 to 1.
    """
    accuracy = right / samples
    wrong = np.flatnonzero(~((accuracy >= 0) & (accuracy <= 1 + 1e-6)))
    if wrong.size:
        raise RunError(
            f"`correct` of the task counted {right[wrong[0]]:g} right of {samples} samples; count each sample once, by "
            "its fraction of right targets if it has several"
        )
    return np.minimum(accuracy, 1.0)
