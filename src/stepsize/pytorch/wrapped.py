"""The optimizer inside of a framework's wrapper: it is the one that makes the updates and holds the groups."""

from typing import Any

from torch.optim import Optimizer

from stepsize.arguments import refusal
from stepsize.errors import ArgumentError

_FRAMEWORKS = ("accelerate", "lightning", "pytorch_lightning", "lightning_fabric", "deepspeed")


def unwrapped(optimizer: Any, auto: bool) -> Optimizer:
    """PyTorch's optimizer: the one given, or the one inside of Accelerate's, Lightning's or DeepSpeed's.

    Raises:
        ArgumentError: it is no optimizer, or is DeepSpeed's under `auto`, which steps the inner one at its own times.
    """
    # DeepSpeed has optimizers of its own too, which wrap none.
    while (framework := type(optimizer).__module__.partition(".")[0]) in _FRAMEWORKS and hasattr(
        optimizer, "optimizer"
    ):
        if framework == "deepspeed" and auto:
            raise ArgumentError(
                "auto=True cannot count the updates of DeepSpeed's optimizers, which step the one inside in parts; "
                "make the scheduler without it, and call step() after each update"
            )
        optimizer = optimizer.optimizer
    if not isinstance(optimizer, Optimizer):
        raise refusal("Scheduler", "optimizer", "an optimizer of PyTorch, or a list of them", optimizer)
    return optimizer
