"""The range test: how the loss responds to a rising rate, in a short run that leaves everything as it was."""

import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.parameter import is_lazy
from torch.optim import LBFGS, Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks

from stepsize.arguments import SEEDS, Choice, Count, Length, Many, Maybe, Number, checked, refusal
from stepsize.curves.range_test import SMOOTHING, RangeTest
from stepsize.errors import ArgumentError
from stepsize.pytorch.optimizer_hooks import schedulers_of, updating
from stepsize.pytorch.range_sweep import Sweep, in_fixed_order, mean_loss, repeatable, sources_of
from stepsize.pytorch.scheduler import Scheduler
from stepsize.pytorch.snapshot import Snapshot
from stepsize.schedules import Geometric, Linear, Schedule

Rate = float | Sequence[float]
LossFunction = Callable[[Any, Any], Tensor]
Closure = Callable[[nn.Module, Any], Tensor]
SHAPES = {"geometric": Geometric, "linear": Linear}


@dataclass(frozen=True)
class _Kind:
    """The rule of an argument that a test decides."""

    test: Callable[[Any], bool]
    words: str

    def __call__(self, owner: str, name: str, value: Any) -> Any:
        if not self.test(value):
            raise refusal(owner, name, self.words, value)
        return value


_AUTOCAST = _Kind(
    lambda value: isinstance(value, torch.dtype) and value.is_floating_point, "a floating-point type as torch.bfloat16"
)
_SCALER = _Kind(lambda value: isinstance(value, GradScaler), "a torch.amp.GradScaler")
_OBSERVE = _Kind(callable, "a function (update, rate, loss)")


@checked
def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    loss_fn: LossFunction | None,
    batches: Iterable[Any],
    *,
    start_lr: Rate = 1e-7,
    end_lr: Rate = 10.0,
    steps: Annotated[int, Length(2)] = 100,
    shape: Annotated[str, Choice(tuple(SHAPES))] = "geometric",
    closure: Closure | None = None,
    accumulation: Count = 1,
    clip_norm: Annotated[float | None, Maybe(Number(above=0.0))] = None,
    autocast: Annotated[torch.dtype | None, Maybe(_AUTOCAST)] = None,
    scaler: Annotated[GradScaler | None, Maybe(_SCALER)] = None,
    validation: Iterable[Any] | None = None,
    seeds: Annotated[Sequence[int], replace(SEEDS, empty=True)] = (),
    stop_factor: Annotated[float, Number(above=1.0, infinite=True)] = 4.0,
    smoothing: Annotated[float, Number(least=0.0, most=0.999)] = SMOOTHING,
    observe: Annotated[Callable[[int, float, float], object] | None, Maybe(_OBSERVE)] = None,
) -> RangeTest:
    """Raise the rate from update to update, watch the loss, and restore everything.

        eta(t) = start_lr^(1 - z) end_lr^z,    z = t / (steps - 1)

    Restored bit for bit, also after an error or Ctrl-C:

    - parameters, buffers, gradients and the train or eval mode of each module, and the numbers, tensors, arrays, lists
      and dictionaries that are attributes of modules;
    - the optimizer's state and groups, and the scaler;
    - the random states of Python, NumPy, PyTorch and CUDA;
    - numbers, texts and random generators that are attributes of the batches, their samplers and data sets.

    Schedulers of this package are paused, and hooks that run after an optimizer's step are not called. Memory: one copy
    of the tensors of model and optimizer, on the CPU if the GPU is short of memory.

    A run stops early if the loss has diverged. With l the loss, s the loss smoothed over the updates so far, and
    m_t = min(s_0, ..., s_t), it must be far above its lowest,

        s_t - m_t > (F - 1) max(|m_t|, s_0 - m_t),

    and either the weights have moved by more than their norm, |w - w_0| > |w_0|; or there are 20 losses, the last three
    are all as far above, and U has risen by six standard errors since some update j,

        U_t - U_j > 6 sigma sqrt(v_t + v_j),    u_i = arsinh(l_i / |m_t|),    sigma^2 = mean (u_i - u_(i-1))^2 / 2,

    with U the smoothed u and v sigma^2 its variance. So the noise of a loss near zero does not end the run.

    Args:
        model: on the device on which it is trained; a model in eval mode is put in train mode.
        optimizer: made for the model's parameters; of its rates only the ratios between groups matter.
        loss_fn: (outputs, targets) to the mean loss, a scalar; None if there is a `closure`.
        batches: yields (inputs, targets): a DataLoader, a list or another object that can be iterated over again, as
            the test does if it runs out of batches. Not an iterator, whose batches could not be returned.
        start_lr: the first rate, of the group with the highest rate; the others keep their ratio to it. Or one rate
            for each group; the result then gives the rates of the group that ends highest.
        end_lr: the last rate, in the same form.
        steps: the number of updates.
        shape: "geometric", or "linear" for equal differences.
        closure: (model, batch) to the loss, instead of `loss_fn(model(inputs), targets)`.
        accumulation: batches per update.
        clip_norm: bound on the gradient's norm.
        autocast: the type for automatic mixed precision, such as torch.bfloat16.
        scaler: scales the loss and unscales the gradient.
        validation: batches like `batches`; their mean loss after each update, in eval mode, is judged instead.
        seeds: one run for each, from the same weights, with random states (dropout, a shuffling loader) seeded by it.
            Without seeds there is one run, with the random numbers that training would use next.
        stop_factor: F. At 4, a loss that has not fallen must rise to four times its value; after a fall from 2.3 to
            0.3, to 6.3. `math.inf` turns the rule off.
        smoothing: the weight of a loss relative to that of the next, in `RangeTest.smoothed` too.
        observe: called after each update with its number, its rate and its loss.

    Raises:
        ArgumentError: there is nothing to train, the range does not rise, there are no batches, the loss is not a
            scalar or compares each output with every target, or several processes train together.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import range_test
        >>> x = torch.linspace(-1.0, 1.0, 64)[:, None]
        >>> model = torch.nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> test = range_test(model, optimizer, torch.nn.functional.mse_loss, [(x, 2 * x + 1)], start_lr=1e-4)
        >>> 0.01 < test.suggest().rate < 2.0
        True
        >>> optimizer.param_groups[0]["lr"]
        0.1

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186 (2015).
    """
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if distributed and (processes := torch.distributed.get_world_size()) > 1:
        raise ArgumentError(
            f"range_test runs in one process, and torch.distributed has {processes}; run it in a program of its own, "
            "or before init_process_group"
        )
    driven = _optimizer_of(model, optimizer)
    reference, rates = _rates(driven.param_groups, start_lr, end_lr, steps, shape)
    device = next(model.parameters()).device
    with _Interrupts() as interrupts, ExitStack() as at_the_end:
        at_the_end.enter_context(torch.inference_mode(False))
        at_the_end.enter_context(torch.enable_grad())
        snapshot = Snapshot(
            *(model, driven, loss_fn, scaler, _global_optimizer_post_hooks),
            sources=[*sources_of(batches), *sources_of(validation)],
        )
        at_the_end.callback(snapshot.restore)
        for driver in schedulers_of(driven):
            if isinstance(driver, Scheduler):
                at_the_end.enter_context(driver.paused())
        try:
            interrupts.allow()
            sweep = Sweep(
                model=model,
                optimizer=driven,
                closure=_closure(loss_fn, closure),
                batches=repeatable("batches", batches),
                validation=None if validation is None else repeatable("validation", validation),
                rates=rates,
                reference=reference,
                accumulation=accumulation,
                clip_norm=clip_norm,
                precision=nullcontext() if autocast is None else torch.autocast(device.type, autocast),
                scaler=scaler,
                stop_factor=stop_factor,
                smoothing=smoothing,
                observe=observe or (lambda *_: None),
            )
            runs = []
            for seed in seeds or (None,):
                snapshot.restore()
                snapshot.clear_gradients()
                runs.append(sweep.run(seed, snapshot.has_moved))
        finally:
            interrupts.hold()
    return RangeTest(reference, tuple(runs), rates, smoothing, in_fixed_order(batches))


class _Interrupts:
    """Holds Ctrl-C back inside this context, except between `allow` and `hold`; it is delivered at the end.

    The first interrupt that is allowed holds back those after it, so that nothing interrupts the restore.
    """

    def __init__(self) -> None:
        self._holding = True
        self._pending: FrameType | None = None
        self._handler: Any = None

    def __enter__(self) -> "_Interrupts":
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._handler = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._pending is not None:
                self._handler(signal.SIGINT, self._pending)

    def allow(self) -> None:
        self._holding = False
        if self._pending is not None:
            self._handle(signal.SIGINT, self._pending)

    def hold(self) -> None:
        self._holding = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._holding:
            self._pending = frame
        else:
            self._holding, self._pending = True, None
            self._handler(number, frame)


def _rates(
    groups: list[dict[str, Any]], start_lr: Rate, end_lr: Rate, steps: int, shape: str
) -> tuple[Schedule, tuple[Schedule, ...]]:
    """The schedule that the result refers to, that of the group that ends highest, and one for each group."""
    starts, ends = _per_group("start_lr", start_lr, len(groups)), _per_group("end_lr", end_lr, len(groups))
    if (starts is None) != (ends is None):
        raise ArgumentError("range_test(start_lr=..., end_lr=...) must be two numbers, or a sequence of them each")
    if starts is not None and ends is not None:
        each = tuple(_rising(low, high, steps, shape) for low, high in zip(starts, ends, strict=True))
        return each[ends.index(max(ends))], each
    reference = _rising(start_lr, end_lr, steps, shape)
    bases = [max(float(group.get("initial_lr", group["lr"])), 0.0) for group in groups]
    ratios = [base / max(bases) if max(bases) > 0.0 else 1.0 for base in bases]
    return reference, tuple(reference if ratio == 1.0 else ratio * reference for ratio in ratios)


def _per_group(name: str, rate: Any, groups: int) -> tuple[float, ...] | None:
    """The rates of a sequence, one for each group; None if it is not a sequence."""
    if not isinstance(rate, list | tuple):
        return None
    rates: tuple[float, ...] = Many(Number(above=0.0))("range_test", name, rate)
    if len(rates) != groups:
        raise refusal("range_test", name, f"one rate for each of the {groups} parameter groups", rate)
    return rates


def _rising(start: Any, end: Any, steps: int, shape: str) -> Schedule:
    low = Number(above=0.0)("range_test", "start_lr", start)
    high = Number(above=0.0)("range_test", "end_lr", end)
    if low >= high:
        raise refusal("range_test", "start_lr", f"below end_lr, {high:g}", start, "the rate goes up")
    schedule: Schedule = SHAPES[shape](low, high, steps - 1)
    return schedule


def _optimizer_of(model: Any, optimizer: Any) -> Optimizer:
    """The optimizer that makes the updates, after a check that it trains the model."""
    if not isinstance(model, nn.Module):
        raise refusal("range_test", "model", "a torch.nn.Module", model)
    if any(map(is_lazy, model.parameters())):
        raise ArgumentError(
            f"range_test(model=...): this {type(model).__name__} has lazy layers without parameters; run it on one "
            "batch first, then make the optimizer"
        )
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise ArgumentError(
            f"range_test(model=...) must have a parameter to train, and this {type(model).__name__} has none whose "
            "requires_grad is True"
        )
    try:
        driven = updating(optimizer, auto=False)
    except ArgumentError:
        raise refusal("range_test", "optimizer", "an optimizer of PyTorch", optimizer) from None
    if isinstance(driven, LBFGS):
        raise ArgumentError("range_test cannot drive LBFGS, which asks for the loss several times in one update")
    held = {id(parameter) for group in driven.param_groups for parameter in group["params"]}
    if held.isdisjoint(map(id, trained)):
        raise ArgumentError(
            "range_test(optimizer=...) holds none of the model's parameters, so nothing would change; make it for "
            "this model: SGD(model.parameters(), ...)"
        )
    return driven


def _closure(loss_fn: LossFunction | None, closure: Closure | None) -> Closure:
    if closure is not None and loss_fn is None:
        return closure
    if closure is not None or not callable(loss_fn):
        raise ArgumentError(
            "range_test takes either loss_fn, a function (outputs, targets), or None and closure=..., a function "
            "(model, batch)"
        )
    return partial(mean_loss, loss_fn, set())
