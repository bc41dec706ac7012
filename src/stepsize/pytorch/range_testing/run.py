"""The range test: how the loss answers a rising rate, in a short run that leaves nothing changed."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import LBFGS, Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks

from stepsize.arguments import SEEDS, Choice, Count, Length, Maybe, Number, checked, refusal
from stepsize.errors import ArgumentError
from stepsize.pytorch.optimizer_hooks import drivers_of, updating
from stepsize.pytorch.range_testing.batches import inputs_and_targets, repeatable, sources_of
from stepsize.pytorch.range_testing.interrupts import Interrupts
from stepsize.pytorch.range_testing.rising_rates import SHAPES, Rate, RisingRates
from stepsize.pytorch.range_testing.snapshot import Snapshot
from stepsize.pytorch.range_testing.sweep import Sweep
from stepsize.pytorch.scheduler import Scheduler
from stepsize.records.range_test import SMOOTHING, RangeRun, RangeTest

LossFunction = Callable[[Any, Any], Tensor]
Closure = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class _Such:
    """What passes a test."""

    passes: Callable[[Any], bool]
    words: str

    def __call__(self, owner: str, name: str, value: Any) -> Any:
        if not self.passes(value):
            raise refusal(owner, name, self.words, value)
        return value


_AUTOCAST = _Such(lambda value: isinstance(value, torch.dtype) and value.is_floating_point, "a type as torch.bfloat16")
_SCALER = _Such(lambda value: isinstance(value, GradScaler), "a torch.amp.GradScaler")
_OBSERVE = _Such(callable, "a function (update, rate, loss)")


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
    """Raise the rate from update to update, watch the loss, and give everything back as it was.

        eta(t) = start_lr^(1 - z) end_lr^z,    z = t / (steps - 1)

    Whatever happens, an error or Ctrl-C at any moment included, these are as they were, to the last bit: parameters,
    buffers, other attributes of modules, optimizer state, every entry of the groups, gradients, the scaler, train or
    eval mode of each module, and the random states of Python, NumPy, PyTorch and CUDA. So are, of the batches, their
    samplers and their data sets, the numbers, texts and generators of random numbers that are their attributes; lists,
    arrays and other objects there are not. Schedulers stand where they stood: those of this package are paused, and
    hooks that run after an optimizer's step are not called. Memory: one copy of the tensors of model and optimizer, on
    the CPU where the GPU is short of memory.

    Args:
        model: in the mode and on the device on which it is trained; if it is in eval mode, it is put in train mode.
        optimizer: made for the model's parameters; its rates do not matter, but for their ratios.
        loss_fn: (outputs, targets) to the mean loss, a scalar; None under a `closure`.
        batches: yields (inputs, targets): a DataLoader, a list or anything else that can be gone through again; it is,
            where it is too short. An iterator is refused: what it gave could not be given back.
        start_lr: the first rate; with several groups of different rates, that of the group with the highest, and the
            others keep their ratio to it. Or a sequence, one for each group; the result then speaks of the rates of
            the group that goes highest.
        end_lr: the last rate, in the same form.
        steps: the number of updates.
        shape: "geometric", or "linear" for equal differences.
        closure: (model, batch) to the loss, in the place of `loss_fn(model(inputs), targets)`.
        accumulation: batches to an update.
        clip_norm: bound on the gradient's norm.
        autocast: the type to compute the loss in where autocasting lets it, such as torch.bfloat16.
        scaler: scales the loss and unscales the gradient; None for none.
        validation: batches like `batches`, gone through after each update, in eval mode; their mean loss is then what
            is judged by.
        seeds: one run for each, whose draws (dropout, the order of a loader) begin with it; if empty, one run whose
            draws are those that training would go on with.
        stop_factor: F; stop once s - m > (F - 1) max(|m|, s_0 - m), where s is the loss smoothed over the updates so
            far, s_0 the first and m the lowest: at F = 4, four times the loss where it has not come down, and three
            times its descent above the lowest where that is more.
        smoothing: beta of `RangeTest.smoothed`.
        observe: called after each update with its number, its rate and its loss.

    Raises:
        ArgumentError: nothing can be trained, the range is none, there are no batches, or the loss is no scalar.

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
    driven = _optimizer_of(model, optimizer)
    rates = RisingRates.over(driven.param_groups, start_lr, end_lr, steps, shape)
    sweep = Sweep(
        model=model,
        optimizer=driven,
        closure=_closure(loss_fn, closure),
        batches=repeatable("batches", batches),
        validation=None if validation is None else repeatable("validation", validation),
        rates=rates,
        accumulation=accumulation,
        clip_norm=clip_norm,
        precision=nullcontext() if autocast is None else torch.autocast(_device_of(model).type, autocast),
        scaler=scaler,
        stop_factor=stop_factor,
        smoothing=smoothing,
        observe=observe or (lambda *_: None),
    )
    runs: list[RangeRun] = []
    with Interrupts() as interrupts, ExitStack() as at_the_end:
        # Left at the end, where signals wait: one that strikes within no_grad() could leave gradients switched off.
        at_the_end.enter_context(torch.inference_mode(False))
        at_the_end.enter_context(torch.enable_grad())
        snapshot = Snapshot(
            *(model, driven, loss_fn, scaler, _global_optimizer_post_hooks),
            sources=[*sources_of(batches), *sources_of(validation)],
        )
        at_the_end.callback(snapshot.restore)
        for driver in drivers_of(driven):
            if isinstance(driver, Scheduler):
                at_the_end.enter_context(driver.paused())
        try:
            interrupts.let_through()
            for seed in seeds or (None,):
                if runs:
                    snapshot.restore()
                snapshot.put_gradients_aside()
                runs.append(sweep.run(seed))
        finally:
            interrupts.hold_back()
    return RangeTest(rates.reference, tuple(runs), rates.groups, smoothing)


def _optimizer_of(model: Any, optimizer: Any) -> Optimizer:
    """The optimizer itself, found to train the model."""
    if not isinstance(model, nn.Module):
        raise refusal("range_test", "model", "a torch.nn.Module", model)
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
            "range_test takes loss_fn, a function (outputs, targets), or None in its place and closure=..., a "
            "function (model, batch)"
        )

    def mean_loss(model: nn.Module, batch: Any) -> Tensor:
        inputs, targets = inputs_and_targets(batch, _device_of(model))
        return loss_fn(model(inputs), targets)

    return mean_loss


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
