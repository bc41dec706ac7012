"""Schedulers of PyTorch whose arguments count epochs, but that are stepped after each update."""

from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from stepsize.pytorch.warnings import caution

_VANISHED = 1e-6  # a rate that has fallen below this fraction of the first trains nothing


def warn_if_too_fast(scheduler: LRScheduler, updates: int, epochs: int) -> None:
    """Warn if a scheduler that is stepped after each update has done all its work in a part of the first epoch.

    An epoch has `updates` updates. A rate that falls in equal ratios must vanish within the run.
    """
    for part in getattr(scheduler, "_schedulers", [scheduler]):
        if what := _too_fast(part, updates, updates * epochs):
            caution(
                f"{what}, because train steps it after each of the {updates} updates of an epoch; if it counts "
                'epochs, write step_every="epoch"'
            )


def _too_fast(scheduler: LRScheduler, updates: int, steps: int) -> str:
    """What happens too fast, or ""."""
    name = type(scheduler).__name__
    match scheduler:
        case lr_scheduler.MultiStepLR():
            argument, end = "the last of the milestones", max(scheduler.milestones, default=updates)
        case lr_scheduler.CosineAnnealingLR():
            argument, end = "T_max", scheduler.T_max
        case lr_scheduler.PolynomialLR():
            argument, end = "total_iters", scheduler.total_iters
        case lr_scheduler.StepLR() | lr_scheduler.ExponentialLR():
            left = min(scheduler.gamma, 1.0) ** (steps // getattr(scheduler, "step_size", 1))
            return f"{name} multiplies the rate by {left:.0e} within the run" if left < _VANISHED else ""
        case _:
            return ""
    return f"{argument} of {name} lies within the first epoch" if end < updates else ""
