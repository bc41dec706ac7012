"""Where the rate of each update comes from: a function of the step, a number, or PyTorch's own scheduler."""

import math
import numbers
from collections.abc import Callable
from typing import Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from stepsize.errors import ArgumentError, RunError
from stepsize.pytorch.scheduler import Scheduler
from stepsize.store.run import Epoch, Point

LearningRate = Callable[[int], float] | float | LRScheduler


class Rates(Protocol):
    """Sees to the rate of one optimizer."""

    @property
    def scheduler(self) -> LRScheduler:
        """The scheduler that writes the rates, whose state belongs to a checkpoint."""

    def before_update(self, step: int) -> float:
        """Make sure that the optimizer has the rate of the update at `step`, and return it."""

    def after_update(self) -> None:
        """Move on."""

    def logged(self, record: Point | Epoch) -> None:
        """Give a scheduler that follows a metric the test loss or accuracy of an epoch.

        Raises:
            RunError: it follows the accuracy, and there is none.
        """


def rates_for(optimizer: Optimizer, lr: LearningRate) -> Rates:
    """What sees to the rates of `optimizer` as `lr` says. Raises ArgumentError for an `lr` that cannot."""
    if isinstance(lr, LRScheduler):
        if lr.optimizer is not optimizer:
            raise ArgumentError(f"lr={type(lr).__name__}(...) is attached to another optimizer than the run's")
        return _Lowered(lr) if isinstance(lr, ReduceLROnPlateau) else _Attached(lr)
    if callable(lr) or isinstance(lr, numbers.Real):
        return _Driven(optimizer, lr)
    raise ArgumentError(f"lr={lr!r} must be a schedule, a function of the step, a number or a PyTorch scheduler")


class _Driven:
    """Drives every parameter group by one schedule, which is asked only for steps that are made."""

    def __init__(self, optimizer: Optimizer, lr: Callable[[int], float] | float) -> None:
        self.scheduler = Scheduler(optimizer, lr, relative=False)

    def before_update(self, step: int) -> float:
        if step != self.scheduler.position:
            self.scheduler.seek(step)
        return self.scheduler.get_last_lr()[0]

    def after_update(self) -> None:
        pass

    def logged(self, record: Point | Epoch) -> None:
        pass


class _Attached:
    """Leaves the writing to a scheduler of PyTorch, and speaks of the rate of the first parameter group."""

    def __init__(self, scheduler: LRScheduler) -> None:
        self.scheduler = scheduler

    def before_update(self, step: int) -> float:
        return _checked(self.scheduler.optimizer.param_groups[0]["lr"], step)

    def after_update(self) -> None:
        self.scheduler.step()

    def logged(self, record: Point | Epoch) -> None:
        if isinstance(self.scheduler, Scheduler) and self.scheduler.feedback is not None:
            metric = _metric(getattr(self.scheduler.feedback, "mode", "min"), record)
            if metric is not None:
                self.scheduler.observe(metric)


class _Lowered(_Attached):
    """A scheduler that moves by what it is told of each epoch, and not by updates."""

    def after_update(self) -> None:
        pass

    def logged(self, record: Point | Epoch) -> None:
        metric = _metric(self.scheduler.mode, record)  # type: ignore[attr-defined]
        if metric is not None:
            self.scheduler.step(metric)  # type: ignore[arg-type]


def _metric(mode: str, record: Point | Epoch) -> float | None:
    """What a plateau of this mode follows: after an epoch the test accuracy ("max") or the test loss ("min")."""
    accuracy = record.train_accuracy if isinstance(record, Point) else record.test_accuracy
    if mode == "max" and math.isnan(accuracy):
        raise RunError(
            'a plateau with mode="max" follows the accuracy, and the task has none; write mode="min" to follow the '
            "test loss, or give the task `correct`"
        )
    if isinstance(record, Point) or not math.isfinite(record.test_loss):  # the run ends there
        return None
    return accuracy if mode == "max" else record.test_loss


def _checked(rate: float, step: int) -> float:
    try:
        value = float(rate)
    except (TypeError, ValueError):
        raise RunError(f"lr gave {rate!r} at step {step}; it must give a number, such as 0.1") from None
    if not math.isfinite(value) or value < 0:
        raise RunError(f"lr gave {value} at step {step}; a rate is finite and not negative")
    return value
