"""One run of a range test: updates at rising rates, until the last of them or until the loss goes wrong."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks

from stepsize.arguments import shown
from stepsize.errors import ArgumentError
from stepsize.pytorch.range_testing.batches import endless, sources_of
from stepsize.pytorch.range_testing.draws import seed_draws
from stepsize.pytorch.range_testing.rising_rates import RisingRates
from stepsize.records.range_test import RangeRun, Stop


@dataclass
class Judge:
    """Whether a loss has risen so far that the run is over.

        over where    s_t - m_t > (factor - 1) max(|m_t|, s_0 - m_t),    m_t = min(s_0, ..., s_t)

    s is the loss smoothed over the updates so far, bias-corrected. From a loss that has come down by more than its
    lowest value, as from one near zero, it may so rise by multiples of its descent. |m_t| is what a loss that is
    negative, or has not come down at all, is measured by, so that its noise alone does not end the run.
    """

    factor: float
    smoothing: float

    def __post_init__(self) -> None:
        self._sum = self._weight = 0.0
        self._first: float | None = None
        self._lowest = math.inf

    def is_over(self, loss: float) -> bool:
        """Take note of the next loss; smoothed, it is compared with the lowest so far."""
        self._sum = self.smoothing * self._sum + loss
        self._weight = self.smoothing * self._weight + 1.0
        smooth = self._sum / self._weight
        self._first = smooth if self._first is None else self._first
        self._lowest = min(self._lowest, smooth)
        scale = max(abs(self._lowest), self._first - self._lowest)
        return smooth - self._lowest > (self.factor - 1.0) * scale


@dataclass(frozen=True)
class Sweep:
    """What a run is made of; each run is a call of `run`, from the state that model and optimizer are in."""

    model: nn.Module
    optimizer: Optimizer
    closure: Callable[[nn.Module, Any], Any]
    batches: Iterable[Any]
    validation: Iterable[Any] | None
    rates: RisingRates
    accumulation: int
    clip_norm: float | None
    precision: AbstractContextManager[None]
    scaler: GradScaler | None
    stop_factor: float
    smoothing: float
    observe: Callable[[int, float, float], object]

    def run(self, seed: int | None) -> RangeRun:
        """Make the updates, and leave behind whatever they change."""
        # Whoever counts updates, averages weights or logs there must not hear of these.
        self.optimizer._optimizer_step_post_hooks = OrderedDict()
        _global_optimizer_post_hooks.clear()
        if seed is not None:
            seed_draws(seed, sources_of(self.batches))
        if not self.model.training:
            self.model.train()
        groups = self.optimizer.param_groups
        held = {id(parameter) for group in groups for parameter in group["params"]}
        others = [parameter for parameter in self.model.parameters() if id(parameter) not in held]
        judge = Judge(self.stop_factor, self.smoothing)
        losses: list[float] = []
        validation_losses: list[float] = []
        stopped: Stop = "end"
        with closing(endless("batches", self.batches)) as batches:
            for step in range(int(self.rates.reference.steps) + 1):
                for group, schedule in zip(groups, self.rates.groups, strict=True):
                    if isinstance(group["lr"], Tensor):
                        group["lr"] = torch.full_like(group["lr"], schedule(step))  # several groups may share one
                    else:
                        group["lr"] = schedule(step)
                loss = judged = self._gradient(batches)
                if math.isfinite(loss):
                    self._update(others)
                    judged = loss if self.validation is None else self._validation_loss(self.validation)
                if not math.isfinite(judged):
                    stopped = "not finite"
                    break
                losses.append(loss)
                if self.validation is not None:
                    validation_losses.append(judged)
                self.observe(step, self.rates.reference(step), judged)
                if judge.is_over(judged):
                    stopped = "diverged"
                    break
        return RangeRun(tuple(losses), stopped, seed, tuple(validation_losses))

    def _gradient(self, batches: Iterator[Any]) -> float:
        """Add the gradient of the mean loss over the micro-batches of an update; that loss, or one that is none."""
        total = 0.0
        for _ in range(self.accumulation):
            loss = self._loss(next(batches))
            if not loss.requires_grad:
                raise ArgumentError(
                    "the loss of range_test(...) does not depend on anything that is trained; return it without "
                    ".detach() or .item(), and compute it outside of torch.no_grad()"
                )
            total += loss.item()
            if not math.isfinite(total):
                break
            share = loss if self.accumulation == 1 else loss / self.accumulation
            (share if self.scaler is None else self.scaler.scale(share)).backward()  # type: ignore[no-untyped-call]
        return total / self.accumulation

    def _update(self, others: Sequence[Tensor]) -> None:
        """Make an update, and let no gradient be left; `others` are the parameters that the optimizer has not."""
        if self.clip_norm is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            clip_grad_norm_(self.model.parameters(), self.clip_norm)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad()
        for parameter in others:  # their gradients would add up, and be clipped with the rest
            parameter.grad = None

    def _validation_loss(self, batches: Iterable[Any]) -> float:
        """The mean over the batches, in eval mode."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        with torch.no_grad():
            losses = [self._loss(batch).item() for batch in batches]
        for module, mode in modes:
            module.training = mode
        if not losses:
            raise ArgumentError("range_test(validation=...) has no batches; leave it out, or give one batch at least")
        return math.fsum(losses) / len(losses)

    def _loss(self, batch: Any) -> Tensor:
        with self.precision:
            loss = self.closure(self.model, batch)
        if isinstance(loss, Tensor) and loss.numel() == 1:
            return loss
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else shown(loss)
        raise ArgumentError(
            f"the loss of range_test(...) must be a tensor of one number, got {what}; take the mean over the samples"
        )
