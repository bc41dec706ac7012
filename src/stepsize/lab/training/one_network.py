"""One network in training: its optimizer, the scheduler that writes its rates, and the metric that this one follows."""

import math
import numbers
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, RunError, shown
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.samples import Batch, EvaluationSet, measure, move_model
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
            raise ArgumentError("train", "metric", "left out, because lr does not follow a metric", metric)
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
                "the plateau follows the accuracy, which the task does not have",
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
    """The name of the number that `follower` gets: `metric`, else its own `metric`, else one that fits its `mode`."""
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


class OneNetwork:
    """A network that a training loop trains, with its optimizer and its rates; the arguments are those of `train`."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizer: Optimizer,
        lr: LearningRate,
        seed: int,
        device: torch.device,
        precision: str = "fp32",
        clip_norm: float | None = None,
        per_epoch: bool = False,
        metric: str | None = None,
    ) -> None:
        move_model(model, task, device)
        self.seeds = (seed,)
        self.device = device
        self.rates = [math.nan]
        self._model = model.train()
        self._task = task
        self._optimizer = optimizer
        self._rate = DrivenRate(optimizer, lr, per_epoch, metric)
        self._clip_norm = clip_norm
        self._autocast = torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
        optimizer.zero_grad()

    def begin_epoch(self, step: int, updates: int) -> None:
        pass

    def add_gradient(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        with self._autocast:
            try:
                outputs = self._task.outputs(self._model, batch.inputs)
            except ValueError as error:
                _explain_batch_norm(error, self._task)
                raise
            loss = self._task.mean_loss(outputs, batch.targets)
        (loss if batch.share == 1 else loss * batch.share).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), self._task.right(outputs, batch.targets)

    def update(self, step: int) -> None:
        self.rates[0] = self._rate.before_update(step)
        if self._clip_norm is not None:
            clip_grad_norm_(self._model.parameters(), self._clip_norm)
        self._optimizer.step()
        self._rate.after_update()
        self._optimizer.zero_grad()

    def measure(self, samples: EvaluationSet) -> list[tuple[float, float]]:
        return [measure(self._model, self._task, samples)]

    def logged(self, records: Sequence[Point | Epoch]) -> None:
        self._rate.logged(records[0])

    def state(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        return {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._rate.scheduler.state_dict() if rows is None else None,
        }

    def load(self, state: dict[str, Any], step: int) -> None:
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        scheduler: Any = self._rate.scheduler
        if state["scheduler"] is None:
            scheduler.seek(step)
        else:
            scheduler.load_state_dict(state["scheduler"])


def _explain_batch_norm(error: ValueError, task: Task) -> None:
    """Raise RunError if batch normalisation got one sample, which has no variance."""
    if not str(error).startswith("Expected more than 1 value per channel when training"):
        return
    where = "in the DataLoader" if task.has_loaders else "in the experiment or in train"
    raise RunError(
        f"the network of the task {task.name!r} has batch normalisation, which cannot train on a batch of one sample, "
        "such as the last one of an epoch",
        f"leave that batch out with {{drop_last}} {where}",
        drop_last=True,
    ) from error
