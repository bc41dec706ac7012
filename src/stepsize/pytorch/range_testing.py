"""The range test: the loss at a rising rate, in a short run that leaves everything unchanged."""

import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from types import FrameType
from typing import Annotated, Any

import torch
from torch import nn
from torch.amp import GradScaler
from torch.optim import LBFGS, Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks
from torch.utils.data import DataLoader, SequentialSampler

from stepsize.arguments import SEEDS, Choice, Count, Instance, Length, Many, Maybe, MaybePositive, Number
from stepsize.checked_calls import checked
from stepsize.curves.range_test import SMOOTHING, RangeTest
from stepsize.errors import ArgumentError
from stepsize.pytorch.grouping import Model
from stepsize.pytorch.optimizer_hooks import schedulers_of, updating
from stepsize.pytorch.range_sweep import Closure, Judge, LossFunction, Sweep, loss_of_pairs
from stepsize.pytorch.snapshot import Snapshot, sources_of
from stepsize.schedules import Geometric, Linear, Schedule

SHAPES = {"geometric": Geometric, "linear": Linear}


def _positive(owner: str, name: str, value: Any) -> Any:
    rule = Number(above=0.0)
    return (Many(rule) if isinstance(value, list | tuple) else rule)(owner, name, value)


def _floating_point(owner: str, name: str, value: Any) -> Any:
    if getattr(value, "is_floating_point", None) is not True:
        raise ArgumentError(owner, name, "a floating-point type such as torch.bfloat16", value)
    return value


Rate = Annotated[float | Sequence[float], _positive]


@checked
def range_test(
    model: Model,
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
    clip_norm: MaybePositive = None,
    autocast: Annotated[torch.dtype | None, Maybe(_floating_point)] = None,
    scaler: Annotated[GradScaler | None, Maybe(Instance(GradScaler, "a torch.amp.GradScaler"))] = None,
    validation: Iterable[Any] | None = None,
    seeds: Annotated[Sequence[int], replace(SEEDS, empty=True)] = (),
    stop_factor: Annotated[float, Number(above=1.0, infinite=True)] = 4.0,
    smoothing: Annotated[float, Number(least=0.0, most=0.999)] = SMOOTHING,
    observe: Annotated[
        Callable[[int, float, float], object] | None, Maybe(Instance(Callable, "a function (update, rate, loss)"))
    ] = None,
) -> RangeTest:
    """Raise the rate from update to update, watch the loss, and restore everything.

        eta(t) = start_lr^(1 - z) end_lr^z,    z = t / (steps - 1)

    Everything is restored bit for bit, even after an error or Ctrl-C: parameters, buffers, gradients and modes;
    numbers, tensors, arrays, lists and dictionaries that are attributes of modules; the optimizer and the scaler; the
    random states of Python, NumPy, PyTorch and CUDA; numbers, texts and random generators that are attributes of the
    batches, their samplers and data sets. Schedulers of this package are paused, and hooks after an optimizer's step
    are not called. The test needs memory for one copy of the tensors of model and optimizer, on the CPU if the GPU is
    short of it.

    A run stops early if the loss l has diverged. Let s be the loss smoothed over the updates so far, and m the lowest
    s. The loss must be far above m,

        s_t - m_t > (F - 1) max(|m_t|, s_0 - m_t),

    and one of two things must hold. Either the weights have moved by more than their norm, |w - w_0| > |w_0|; or there
    are at least 20 losses, the last three are all this far above m, and U has risen by six standard errors since some
    update j,

        U_t - U_j > 6 sigma sqrt(v_t + v_j),    u_i = arsinh(l_i / |m_t|),    sigma^2 = mean (u_i - u_(i-1))^2 / 2,

    with U the smoothed u and v sigma^2 its variance. Therefore the noise of a loss near zero does not end the run.

    Args:
        model: on the device on which it is trained; a model in eval mode is put in train mode.
        optimizer: made for the model's parameters; only the ratios of its groups' rates matter.
        loss_fn: a function (outputs, targets) that returns the mean loss, a scalar; None if there is a `closure`.
        batches: pairs (inputs, targets): a DataLoader, a list or another object that can be iterated over repeatedly.
        start_lr: the first rate of the group with the highest rate, to which the others keep their ratios; or a list
            of one rate for each group. With a list the result gives the rates of the group with the highest last rate.
        end_lr: the last rate, in the same form.
        steps: the number of updates.
        shape: "geometric", or "linear" for equal differences.
        closure: a function (model, batch) that returns the loss, in place of `loss_fn(model(inputs), targets)`.
        accumulation: batches per update.
        clip_norm: the largest norm of the gradient.
        autocast: the type for automatic mixed precision, such as torch.bfloat16.
        scaler: scales the loss and unscales the gradient.
        validation: batches like `batches`; their mean loss after each update, in eval mode, replaces the training loss.
        seeds: one run for each, from the same weights, with random states (dropout, a shuffling loader) from the seed.
            Without seeds there is one run, with the random numbers that training would use next.
        stop_factor: F. With 4, a loss that has not fallen must rise to four times its value; one that has fallen from
            2.3 to 0.3, to 6.3. `math.inf` turns the rule off.
        smoothing: the weight of a loss relative to that of the next, also in `RangeTest.smoothed`.
        observe: called after each update with its number, its rate and its loss.

    Raises:
        ArgumentError: nothing can be trained, the range does not rise, there are no batches, the loss is not a
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
        advice = "run range_test before init_process_group, or in another program"
        raise ArgumentError("the number of processes in torch.distributed", "", "1", processes, advice)
    driven = _optimizer_of(model, optimizer)
    reference, rates = _rates(driven.param_groups, start_lr, end_lr, steps, shape)
    _refuse_wrong_loss(loss_fn, closure)
    loss_of: Any = closure if loss_fn is None else loss_of_pairs(loss_fn)
    if autocast is not None:
        loss_of = torch.autocast(next(model.parameters()).device.type, autocast)(loss_of)
    scaler = scaler or GradScaler(enabled=False)
    with _Interrupts() as interrupts, torch.inference_mode(False), torch.enable_grad(), ExitStack() as at_the_end:
        roots = (model, driven, loss_fn, scaler, _global_optimizer_post_hooks)
        snapshot = Snapshot(*roots, sources=sources_of(batches, validation))
        at_the_end.callback(snapshot.restore)
        for scheduler in schedulers_of(driven):
            at_the_end.enter_context(scheduler.paused())
        try:
            interrupts.allow()
            batches = _repeatable("batches", batches)
            validation = None if validation is None else _repeatable("validation", validation)
            sweep = Sweep(
                model, driven, loss_of, batches, validation, rates, reference, accumulation, clip_norm, scaler, observe
            )
            runs = []
            for seed in seeds or (None,):
                snapshot.restore()
                snapshot.clear_gradients()
                runs.append(sweep.run(seed, Judge(stop_factor, smoothing, snapshot.has_moved)))
        finally:
            interrupts.held = True
    return RangeTest(reference, tuple(runs), rates, smoothing, _in_fixed_order(batches))


def _refuse_wrong_loss(loss_fn: Any, closure: Any) -> None:
    if (loss_fn is None) != (closure is None) and callable(given := closure if loss_fn is None else loss_fn):
        if not isinstance(given, type):
            return
        advice = f"{given.__name__} is a class; write {given.__name__}()"
    elif loss_fn is None or callable(loss_fn):
        advice = "{closure} is a function (model, batch)"
    else:
        advice = "the order is range_test(model, optimizer, loss_fn, batches)"
    rule = "a function (outputs, targets), or None with a closure"
    raise ArgumentError("range_test", "loss_fn", rule, loss_fn, advice, closure=...)


class _Interrupts:
    """Holds Ctrl-C back while `held` is True; `allow` or the end of the context delivers it."""

    def __enter__(self) -> "_Interrupts":
        self.held, self._pending = True, False
        self._handler: Any = signal.getsignal(signal.SIGINT)
        self._replaced = callable(self._handler) and threading.current_thread() is threading.main_thread()
        if self._replaced:
            signal.signal(signal.SIGINT, self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._replaced:
            signal.signal(signal.SIGINT, self._handler)
        if self._pending:
            self._handler(signal.SIGINT, None)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._pending = self.held
        if not self.held:
            self.held = True  # nothing interrupts the restore
            self._handler(number, frame)

    def allow(self) -> None:
        self.held = False
        if self._pending:
            self(signal.SIGINT, None)


def _rates(
    groups: list[dict[str, Any]], start_lr: Any, end_lr: Any, steps: int, shape: str
) -> tuple[Schedule, tuple[Schedule, ...]]:
    """The schedule of the group with the highest last rate, to which the result refers, and that of each group."""
    several = isinstance(start_lr, tuple)
    starts, ends = (start_lr, end_lr) if several else ([start_lr], [end_lr])
    if several != isinstance(end_lr, tuple) or (several and not len(starts) == len(ends) == len(groups)):
        rule = f"of the form of end_lr: a number, or a list of one rate for each of the {len(groups)} parameter groups"
        raise ArgumentError("range_test", "start_lr", rule, start_lr, "here {end_lr}", end_lr=end_lr)
    for low, high in zip(starts, ends, strict=True):
        if low >= high:
            advice = "the last rate is {end_lr}"
            raise ArgumentError("range_test", "start_lr", "below the last rate", low, advice, end_lr=high)
    schedules = tuple(SHAPES[shape](low, high, steps - 1) for low, high in zip(starts, ends, strict=True))
    if several:
        return schedules[ends.index(max(ends))], schedules
    bases = [float(group.get("initial_lr", group["lr"])) for group in groups]
    ratios = [base / max(bases) if max(bases) > 0.0 else 1.0 for base in bases]
    return schedules[0], tuple(schedules[0] if ratio == 1.0 else ratio * schedules[0] for ratio in ratios)


def _optimizer_of(model: nn.Module, optimizer: Any) -> Optimizer:
    try:
        driven = updating(optimizer, auto=False)
    except ArgumentError:
        raise ArgumentError("range_test", "optimizer", "an optimizer of PyTorch", optimizer) from None
    if isinstance(driven, LBFGS):
        advice = "LBFGS computes the loss several times in one update"
        raise ArgumentError("range_test", "optimizer", "an optimizer other than LBFGS", type(driven), advice)
    trained = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    if trained.isdisjoint(id(parameter) for group in driven.param_groups for parameter in group["params"]):
        rule = "made for parameters of this model that require a gradient"
        raise ArgumentError("range_test", "optimizer", rule, type(driven), "write SGD(model.parameters(), ...)")
    return driven


def _repeatable(name: str, batches: Any) -> Any:
    """The batches, in a form over which each run can iterate from the start."""
    if not isinstance(batches, Iterable):
        raise ArgumentError("range_test", name, "a DataLoader, or a list of batches", batches)
    again: Any = batches
    if isinstance(batches, DataLoader):
        again = copy(batches)
        again._iterator = None  # the user's own iteration may be using the loader's workers
    if type(again).__iter__ is not DataLoader.__iter__ and iter(again) is iter(again):
        advice = "its __iter__ returns the same iterator each time; give the DataLoader or a list of batches"
        raise ArgumentError("range_test", name, "iterable more than once", batches, advice)
    return again


def _in_fixed_order(batches: Any) -> bool:
    source = getattr(batches, "batch_sampler", None) or batches
    in_order = isinstance(batches, DataLoader) and isinstance(getattr(source, "sampler", None), SequentialSampler)
    return in_order and len(batches) > 1
