"""One run of a range test: updates at rising rates until the last of them, or until the loss diverges."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim import lr_scheduler as pytorch
from torch.optim.optimizer import _global_optimizer_post_hooks
from torch.utils._pytree import tree_map

from stepsize.curves.range_test import RangeRun, Stop
from stepsize.errors import ArgumentError, shown
from stepsize.pytorch.random_states import cuda_devices_in_use, seed_generator, seed_random_states
from stepsize.pytorch.snapshot import sources_of
from stepsize.schedules import Schedule

LossFunction = Callable[[Any, Any], Tensor]
Closure = Callable[[nn.Module, Any], Tensor]


@dataclass
class Judge:
    """Decides whether the loss has diverged, by the rule in the docstring of `range_test`.

    In that rule u grows like the logarithm of the loss: near zero the noise is as large as the loss, and one hard
    sample can make a batch's loss a hundred times as large. The last three losses must agree, because a few such
    batches are not a divergence.
    """

    factor: float  # F
    smoothing: float
    has_moved: Callable[[], bool]  # whether the weights have moved by more than their norm
    losses: list[float] = field(default_factory=list, init=False)
    _smooth: list[float] = field(default_factory=list, init=False)

    def is_over(self, loss: float) -> bool:
        return self.is_far_above(loss) and (self._is_beyond_noise() or self.has_moved())

    def is_far_above(self, loss: float) -> bool:
        """Add the next loss and decide by its size alone."""
        self.losses.append(loss)
        before = self._smooth[-1] if self._smooth else 0.0
        weight = (1.0 - self.smoothing) / (1.0 - self.smoothing ** len(self.losses))
        self._smooth.append(before + (loss - before) * weight)
        return self._smooth[-1] > self._limit()

    def _limit(self) -> float:
        lowest = min(self._smooth)
        return lowest + (self.factor - 1.0) * max(abs(lowest), self._smooth[0] - lowest)

    def _is_beyond_noise(self) -> bool:
        if len(self.losses) < 20 or min(self.losses[-3:]) <= self._limit():  # fewer do not show the size of the noise
            return False
        unit = abs(min(self._smooth)) or min(filter(None, map(abs, self.losses)))
        u = np.array([math.asinh(loss / unit) for loss in self.losses])
        sigma = math.sqrt(np.square(np.diff(u)).mean() / 2.0)
        weights = self.smoothing ** np.arange(u.size)
        average = np.convolve(u, weights)[: u.size] / weights.cumsum()
        variance = np.square(weights).cumsum() / np.square(weights.cumsum())
        errors = sigma * np.sqrt(variance[-1] + variance[:-1])
        return bool((average[-1] - average[:-1] > 6.0 * errors).any())


@dataclass(frozen=True)
class Sweep:
    """The parts of a run; each call of `run` is one run, from the present state of model and optimizer."""

    model: nn.Module
    optimizer: Optimizer
    closure: Closure
    batches: Iterable[Any]
    validation: Iterable[Any] | None
    rates: tuple[Schedule, ...]
    reference: Schedule
    accumulation: int
    clip_norm: float | None
    scaler: GradScaler
    observe: Callable[[int, float, float], object] | None

    def run(self, seed: int | None, judge: Judge) -> RangeRun:
        # Hooks after the step count updates, average weights or log: they must not see these updates.
        self.optimizer._optimizer_step_post_hooks.clear()
        _global_optimizer_post_hooks.clear()
        if seed is not None:
            for value in chain.from_iterable(vars(source).values() for source in sources_of(self.batches)):
                seed_generator(value, seed)
            seed_random_states(seed, cuda_devices_in_use())
        if not self.model.training:
            self.model.train()
        losses: list[float] = []
        stopped: Stop = "end"
        batches = chain.from_iterable(_one_pass("batches", self.batches) for _ in count())
        for step in range(int(self.reference.steps) + 1):
            self._set_rates(step)
            loss = judged = self._update(batches)
            if self.validation is not None and math.isfinite(loss):
                judged = self._validation_loss(self.validation)
            if not math.isfinite(judged):
                stopped = "not finite"
                break
            losses.append(loss)
            if self.observe is not None:
                self.observe(step, self.reference(step), judged)
            if judge.is_over(judged):
                stopped = "diverged"
                break
        return RangeRun(tuple(losses), stopped, seed, () if self.validation is None else tuple(judge.losses))

    def _set_rates(self, step: int) -> None:
        filled = set()
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            if id(group["lr"]) in filled:  # PyTorch gives all groups one tensor
                group["lr"] = group["lr"].clone()
            pytorch._update_param_group_val(group, "lr", rate(step))
            if isinstance(group["lr"], Tensor):
                filled.add(id(group["lr"]))

    def _update(self, batches: Iterator[Any]) -> float:
        """Make an update, unless the loss is not finite; return the loss, the mean over the micro-batches."""
        total = 0.0
        for _ in range(self.accumulation):
            loss = self._loss(next(batches))
            if not loss.requires_grad:
                advice = "return it without .detach() or .item(), and compute it outside torch.no_grad()"
                raise ArgumentError("the loss of range_test", "", "computed from a trained parameter", loss, advice)
            total += loss.item()
            if not math.isfinite(total):
                return total
            self.scaler.scale(loss / self.accumulation).backward()  # type: ignore[no-untyped-call]
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.model.zero_grad()  # some of its parameters may not be the optimizer's
        return total / self.accumulation

    def _validation_loss(self, batches: Iterable[Any]) -> float:
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        with torch.no_grad():
            losses = [self._loss(batch).item() for batch in _one_pass("validation", batches)]
        for module, mode in modes:
            module.training = mode
        return math.fsum(losses) / len(losses)

    def _loss(self, batch: Any) -> Tensor:
        loss: Any = self.closure(self.model, batch)
        if isinstance(loss, Tensor) and loss.numel() == 1:
            return loss
        advice = "take the mean over the samples"
        raise ArgumentError("the loss of range_test", "", "a tensor of one number", _Description(loss), advice)


def _one_pass(name: str, batches: Iterable[Any]) -> Iterator[Any]:
    number = 0
    for number, batch in enumerate(batches, 1):  # noqa: B007
        yield batch
    if not number:
        advice = "write a DataLoader or a list of batches"
        raise ArgumentError("range_test", name, "at least one batch in every pass", batches, advice)


def loss_of_pairs(loss_fn: LossFunction) -> Closure:
    """The closure for batches (inputs, targets): it moves them to the model's device and refuses crossed shapes."""
    seen = set()

    def closure(model: nn.Module, batch: Any) -> Tensor:
        if not isinstance(batch, list | tuple) or len(batch) != 2:
            advice = "for other batches write {closure}, a function (model, batch) that returns the loss"
            rule = "pairs (inputs, targets)"
            raise ArgumentError("range_test", "batches", rule, _Description(batch), advice, closure=...)
        device = next(model.parameters()).device
        inputs, targets = tree_map(lambda part: part.to(device) if hasattr(part, "to") else part, [*batch])
        outputs = model(inputs)
        if isinstance(outputs, Tensor) and isinstance(targets, Tensor):
            shapes = tuple(outputs.shape), tuple(targets.shape)
            if shapes not in seen and are_crossed(loss_fn, outputs, targets):
                rule = f"that of the model's outputs, {shapes[0]}"
                advice = "or the loss compares each output with every target; write outputs.squeeze(1), for example"
                raise ArgumentError("the targets' shape in range_test", "", rule, shapes[1], advice)
            seen.add(shapes)
        return loss_fn(outputs, targets)

    return closure


def are_crossed(loss_fn: LossFunction, outputs: Tensor, targets: Tensor) -> bool:
    """Whether the loss broadcasts tensors of different ranks, and so compares each output with every target.

    If it does, broadcasting the tensors before the call does not change its value. But neither does it change a loss
    that squeezes a tensor or uses only one of them. Such a loss also keeps its value if both tensors have one shape.
    The second check uses the reversed targets as outputs: with outputs that are all too low, some losses are the same
    for crossed and for matching pairs.
    """
    if outputs.dim() == targets.dim() or outputs.numel() != targets.numel():
        return False
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own losses warn
        try:
            spread = torch.broadcast_tensors(outputs, targets)  # type: ignore[no-untyped-call]
            if not torch.allclose(loss_fn(outputs, targets), loss_fn(*spread)):
                return False
            reverse = targets.flip(0).to(outputs.dtype)
            return not torch.allclose(loss_fn(reverse.reshape(outputs.shape), targets), loss_fn(reverse, targets))
        except Exception:  # the shapes do not broadcast, or the loss does not accept them so
            return False


class _Description(str):
    """The shape of a batch or a loss in words, which an error shows without quotes."""

    def __new__(cls, value: Any) -> "_Description":
        if isinstance(value, Tensor):
            return super().__new__(cls, f"a tensor of shape {tuple(value.shape)}")
        words = f"a {type(value).__name__} of {len(value)}" if isinstance(value, list | tuple) else shown(value)
        return super().__new__(cls, words)

    __repr__ = str.__str__
