"""The rate of an optimizer in training: who writes it, when its scheduler is stepped, and which metric it follows."""

import math
import numbers
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, RunError, shown
from stepsize.pytorch.scheduler import Scheduler
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Plan
from stepsize.store.run import Epoch, Point

LearningRate = Callable[[int], float] | Plan | float | LRScheduler

METRICS = tuple(each.name for each in fields(Epoch) if each.name != "step")
_VANISHED = 1e-6  # a rate that has fallen below this fraction of the first trains nothing


class DrivenRate:
    """The rate of one optimizer, written by a scheduler: the one that is attached to it, or one made for a schedule.

    If `per_epoch`, the scheduler is stepped after each epoch.
    """

    scheduler: LRScheduler

    def __init__(self, optimizer: Optimizer, lr: LearningRate, per_epoch: bool, metric: str | None) -> None:
        if isinstance(lr, LRScheduler):
            if lr.optimizer is not optimizer:
                raise ArgumentError("train", "lr", "attached to the run's optimizer", type(lr).__name__)
            self.scheduler = lr
        elif callable(lr) or isinstance(lr, numbers.Real):
            self.scheduler = Scheduler(optimizer, lr, relative=isinstance(lr, Plan) and bool(lr.relative))
        else:
            kinds = "a schedule, its text, a function of the step, a number, a Plan or a PyTorch scheduler"
            raise ArgumentError("train", "lr", kinds, lr)
        self._steps_itself = self.scheduler is lr or per_epoch
        self._per_epoch = per_epoch
        self._on_plateau = isinstance(lr, ReduceLROnPlateau)
        follower = lr if self._on_plateau else getattr(lr, "feedback", None)
        if follower is None and metric is not None:
            raise ArgumentError("train", "metric", "left out, as lr does not follow one", metric)
        self._metric = None if follower is None else followed_metric("train", "metric", follower, metric)

    def before_update(self, step: int) -> float:
        """Make sure that the optimizer has the rate of this step; the rate of its first group."""
        if self._steps_itself:
            return _checked(self.scheduler.optimizer.param_groups[0]["lr"], step)
        driver: Any = self.scheduler
        if step != driver.position:
            driver.seek(step)
        return float(driver.get_last_lr()[0])

    def after_update(self) -> None:
        if self._steps_itself and not (self._on_plateau or self._per_epoch):
            self.scheduler.step()

    def logged(self, record: Point | Epoch) -> None:
        """Step a scheduler that counts epochs, and give the metric to one that follows it, unless the run diverged."""
        if self._per_epoch and isinstance(record, Epoch) and not self._on_plateau:
            self.scheduler.step()
        if self._metric is None:
            return
        if self._metric.endswith("accuracy") and math.isnan(record.train_accuracy):
            raise RunError(
                "the plateau follows the accuracy, and the task does not have one",
                'write mode="min" to follow the test loss, or give the task `correct`',
            )
        if isinstance(record, Epoch) and math.isfinite(record.test_loss):
            scheduler: Any = self.scheduler
            follow = scheduler.step if self._on_plateau else scheduler.observe
            follow(getattr(record, self._metric))


def _checked(rate: Any, step: int) -> float:
    try:
        value = float(rate)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise RunError(f"lr gave {shown(rate)} at step {step}", "a rate is a finite number that is not negative")
    return value


def followed_metric(owner: str, argument: str, follower: object, metric: str | None = None) -> str:
    """The name of the number that `follower` gets: `metric`, else its own `metric`, else one that fits its `mode`.

    Raises:
        ArgumentError: there is no such number; its best values are not on the side that the mode says; or nothing says
            which number it is. `argument` of `owner` is where it is chosen.
    """
    among = "" if argument == "metric" else "a Plateau whose metric is "
    mode, name = getattr(follower, "mode", None), metric or getattr(follower, "metric", None)
    if name is None:
        if mode is None:
            rule = f"given for a {type(follower).__name__}, which has neither a metric nor a mode"
            raise ArgumentError(owner, argument, rule, None, "write e.g. {metric}", metric="test_loss")
        return "test_accuracy" if mode == "max" else "test_loss"
    if name not in METRICS:
        raise ArgumentError(owner, argument, f"{among}one of {', '.join(METRICS)}", name, nearest(name, METRICS))
    fitting = "max" if name.endswith("accuracy") else "min"
    if mode not in (None, fitting):
        rule, better = f'{among}one that fits mode="{mode}"', "higher" if fitting == "max" else "lower"
        raise ArgumentError(owner, argument, rule, name, f'a {better} one is better, so write mode="{fitting}"')
    return str(name)


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
