"""One run of a range test: updates at rising rates until the last of them, or until the loss diverges."""

import math
import statistics
import warnings
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from copy import copy
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks
from torch.utils.data import DataLoader, SequentialSampler

from stepsize.arguments import refusal, shown
from stepsize.curves.range_test import RangeRun, Stop
from stepsize.errors import ArgumentError
from stepsize.pytorch.random_states import cuda_devices_in_use, seed_random_states
from stepsize.schedules import Schedule

FEWEST_LOSSES = 20
# Fewer losses do not show how large their noise is.


@dataclass
class Judge:
    """Decides whether the loss has diverged: it is far above its lowest, and noise does not explain that.

        far above:  s_t - m_t > (factor - 1) max(|m_t|, s_0 - m_t),    m_t = min(s_0, ..., s_t)

    l is the loss, and s the loss smoothed over the updates so far, bias-corrected. Noise does not explain the rise if
    the weights have moved by more than their own norm, |w - w_0| > |w_0|; or, once there are 20 losses, if each of the
    last three is as far above too, and for some earlier j

        U_t - U_j > 6 sigma sqrt(v_t + v_j),    u_i = arsinh(l_i / |m_t|),    sigma^2 = mean (u_i - u_(i-1))^2 / 2

    with U the smoothed u and v sigma^2 its variance: six standard errors. u grows like the logarithm of the loss,
    since near zero the noise is of the size of the loss: one hard sample can make a batch's loss a hundred times that
    of the others. A few such batches are not a divergence, so the last three losses must agree.

    Args:
        factor: F, above 1.
        smoothing: the weight of a loss relative to that of the next.
        has_moved: whether the weights have moved by more than their own norm.
    """

    factor: float
    smoothing: float
    has_moved: Callable[[], bool]
    losses: list[float] = field(default_factory=list, init=False)
    smooth: list[float] = field(default_factory=list, init=False)

    def is_over(self, loss: float) -> bool:
        """Add the next loss, and decide."""
        return self.is_far_above(loss) and (self._is_beyond_noise() or self.has_moved())

    def is_far_above(self, loss: float) -> bool:
        """Add the next loss, and decide by its size alone."""
        self.losses.append(loss)
        before = self.smooth[-1] if self.smooth else 0.0
        self.smooth.append(before + (loss - before) / self._weight(len(self.losses)))
        return self.smooth[-1] > self._limit()

    def _limit(self) -> float:
        lowest = min(self.smooth)
        return lowest + (self.factor - 1.0) * max(abs(lowest), self.smooth[0] - lowest)

    def _weight(self, losses: int) -> float:
        """The sum of the weights of this many losses: 1 + beta + beta^2 + ..."""
        return float((1.0 - self.smoothing**losses) / (1.0 - self.smoothing))

    def _is_beyond_noise(self) -> bool:
        if len(self.losses) < FEWEST_LOSSES or min(self.losses[-3:]) <= self._limit():
            return False
        unit = abs(min(self.smooth)) or min(filter(None, map(abs, self.losses)))
        u = [math.asinh(loss / unit) for loss in self.losses]
        sigma = math.sqrt(statistics.fmean((b - a) ** 2 for a, b in pairwise(u)) / 2.0)
        average, scores = 0.0, []
        for number, value in enumerate(u, start=1):
            average += (value - average) / self._weight(number)
            variance = (1.0 - self.smoothing) / (1.0 + self.smoothing) * (1.0 + self.smoothing**number)
            scores.append((average, variance / (1.0 - self.smoothing**number)))
        last, of_last = scores.pop()
        return any(last - each > 6.0 * sigma * math.sqrt(of_last + of_each) for each, of_each in scores)


@dataclass(frozen=True)
class Sweep:
    """What a run consists of; each call of `run` is one run, from the present state of model and optimizer."""

    model: nn.Module
    optimizer: Optimizer
    closure: Callable[[nn.Module, Any], Any]
    batches: Iterable[Any]
    validation: Iterable[Any] | None
    rates: tuple[Schedule, ...]
    reference: Schedule
    accumulation: int
    clip_norm: float | None
    precision: AbstractContextManager[None]
    scaler: GradScaler | None
    stop_factor: float
    smoothing: float
    observe: Callable[[int, float, float], object]

    def run(self, seed: int | None, has_moved: Callable[[], bool]) -> RangeRun:
        """Make the updates. They change the model, the optimizer and the random states."""
        # Hooks after the step count updates, average weights or log, and must not see these updates.
        self.optimizer._optimizer_step_post_hooks = OrderedDict()
        _global_optimizer_post_hooks.clear()
        if seed is not None:
            self._seed(seed)
        if not self.model.training:
            self.model.train()
        held = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        others = [parameter for parameter in self.model.parameters() if id(parameter) not in held]
        judge = Judge(self.stop_factor, self.smoothing, has_moved)
        losses: list[float] = []
        validation_losses: list[float] = []
        stopped: Stop = "end"
        with closing(endless("batches", self.batches)) as batches:
            for step in range(int(self.reference.steps) + 1):
                self._set_rates(step)
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
                self.observe(step, self.reference(step), judged)
                if judge.is_over(judged):
                    stopped = "diverged"
                    break
        return RangeRun(tuple(losses), stopped, seed, tuple(validation_losses))

    def _seed(self, seed: int) -> None:
        for source in sources_of(self.batches):
            for generator in getattr(source, "__dict__", {}).values():
                if isinstance(generator, torch.Generator):
                    generator.manual_seed(seed)
        seed_random_states(seed, cuda_devices_in_use())

    def _set_rates(self, step: int) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate(step))
            else:
                group["lr"] = rate(step)

    def _gradient(self, batches: Iterator[Any]) -> float:
        """Compute the gradient of the mean loss over the micro-batches of an update; return that loss."""
        total = 0.0
        for _ in range(self.accumulation):
            loss = self._loss(next(batches))
            if not loss.requires_grad:
                raise ArgumentError(
                    "the loss of range_test(...) does not depend on any trained parameter; return it without "
                    ".detach() or .item(), and compute it outside torch.no_grad()"
                )
            total += loss.item()
            if not math.isfinite(total):
                break
            share = loss if self.accumulation == 1 else loss / self.accumulation
            (share if self.scaler is None else self.scaler.scale(share)).backward()  # type: ignore[no-untyped-call]
        return total / self.accumulation

    def _update(self, others: list[nn.Parameter]) -> None:
        """Update, and clear the gradients; `others` are the model's parameters that the optimizer does not have."""
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
        for parameter in others:
            parameter.grad = None

    def _validation_loss(self, batches: Iterable[Any]) -> float:
        """The mean loss over the batches, in eval mode."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        with torch.no_grad():
            losses = [self._loss(batch).item() for batch in batches]
        for module, mode in modes:
            module.training = mode
        if not losses:
            raise ArgumentError(
                "range_test(validation=...) gave no batches; write a DataLoader or a list of batches, or leave it out"
            )
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


def repeatable(name: str, batches: Any) -> Iterable[Any]:
    """The batches, in a form that each run can iterate over from the start.

    A loader is copied without its workers, which an iteration of the user's may be using.

    Raises:
        ArgumentError: they are not iterable, or are an iterator.
    """
    advice = "the test cannot return the batches that it takes from an iterator; write the DataLoader, or a list"
    if not isinstance(batches, Iterable):
        raise refusal("range_test", name, "a DataLoader, or a list of batches", batches)
    if isinstance(batches, Iterator):
        raise refusal("range_test", name, "iterable more than once", batches, advice)
    again: Iterable[Any] = batches
    if isinstance(batches, DataLoader):
        again = own = copy(batches)
        own._iterator = None
    plain = isinstance(batches, list | tuple) or type(again).__iter__ is DataLoader.__iter__
    if not plain and iter(again) is iter(again):
        advice = f"its __iter__ returns one stored iterator; {advice}"
        raise refusal("range_test", name, "iterable more than once", batches, advice)
    return again


def endless(name: str, batches: Iterable[Any]) -> Generator[Any, None, None]:
    """The batches again and again.

    Raises:
        ArgumentError: a pass over them gives none.
    """
    for number in count():
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty and number:
            advice = "the second pass over it is empty, as if its __iter__ returned one stored iterator"
            raise refusal("range_test", name, "iterable more than once", batches, advice)
        if empty:
            raise refusal("range_test", name, "at least one batch", batches, "it is empty")


def sources_of(batches: Any) -> list[Any]:
    """The batches themselves, their samplers and data sets, and those that these wrap."""
    found: dict[int, Any] = {}
    waiting = [batches]
    while waiting:
        source = waiting.pop()
        if id(source) in found or not hasattr(source, "__dict__"):
            continue
        found[id(source)] = source
        for name in ("sampler", "batch_sampler", "dataset", "datasets"):
            part: Any = getattr(source, name, None)
            items = part.values() if isinstance(part, dict) else part
            waiting.extend(items if isinstance(part, list | tuple | dict) else [part])
    return list(found.values())


def in_fixed_order(batches: Any) -> bool:
    """Whether this is a DataLoader of several batches that does not shuffle."""
    if not isinstance(batches, DataLoader):
        return False
    sampler = batches.sampler if batches.batch_sampler is None else getattr(batches.batch_sampler, "sampler", None)
    return isinstance(sampler, SequentialSampler) and len(batches) > 1


def mean_loss(loss_fn: Callable[[Any, Any], Tensor], checked: set[Any], model: nn.Module, batch: Any) -> Tensor:
    """`loss_fn(model(inputs), targets)` of a batch (inputs, targets), moved to the model's device.

    `checked` collects the shapes whose loss has been checked, so that each pair is checked once.

    Raises:
        ArgumentError: the batch is not a pair, or the loss compares each output with every target.
    """
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        raise ArgumentError(
            f"range_test(batches=...) must yield pairs (inputs, targets), got {_kind(batch)}; for other batches write "
            "closure=..., a function (model, batch) that returns the loss"
        )
    device = next(model.parameters()).device
    inputs, targets = (_to(device, part) for part in batch)
    outputs = model(inputs)
    if isinstance(outputs, Tensor) and isinstance(targets, Tensor):
        shapes = outputs.shape, targets.shape
        if shapes not in checked and _are_crossed(loss_fn, outputs, targets):
            raise ArgumentError(
                f"range_test: the model's outputs have shape {tuple(outputs.shape)} and the targets "
                f"{tuple(targets.shape)}, so the loss compares each output with every target; give both one shape, for "
                "example by outputs.squeeze(1) or targets[:, None]"
            )
        checked.add(shapes)
    return loss_fn(outputs, targets)


def _are_crossed(loss_fn: Callable[[Any, Any], Tensor], outputs: Tensor, targets: Tensor) -> bool:
    """Whether tensors of different ranks broadcast in the loss: broadcasting them first makes no difference then.

    A loss that squeezes one of them, or uses only one, also gives the same for the two in one shape; the outputs are
    then replaced by the targets in reverse, since some losses cannot tell crossed pairs if all outputs are too low.
    """
    if outputs.dim() == targets.dim() or 0 in (outputs.dim(), targets.dim()) or not 1 < len(outputs) == len(targets):
        return False
    with torch.no_grad(), torch.random.fork_rng(cuda_devices_in_use()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own losses warn
        try:
            shape = torch.broadcast_shapes(outputs.shape, targets.shape)  # type: ignore[no-untyped-call]
            if not torch.allclose(loss_fn(outputs, targets), loss_fn(outputs.expand(shape), targets.expand(shape))):
                return False
            if outputs.numel() != targets.numel():
                return True
            reverse = targets.flip(0).to(outputs.dtype)
            return not torch.allclose(loss_fn(reverse.reshape(outputs.shape), targets), loss_fn(reverse, targets))
        except Exception:  # the shapes do not broadcast, or the loss does not accept them so
            return False


def _to(device: torch.device, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {key: _to(device, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_to(device, item) for item in value)
    return value


def _kind(batch: Any) -> str:
    if isinstance(batch, Tensor):
        return f"a tensor of shape {tuple(batch.shape)}"
    size = f" of {len(batch)}" if isinstance(batch, list | tuple | Mapping) else ""
    return f"a {type(batch).__name__}{size}"
