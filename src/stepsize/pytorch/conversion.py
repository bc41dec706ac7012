"""From PyTorch's schedulers to schedules, and back: `from_torch` and `as_lambda`."""

from collections.abc import Callable
from functools import partial

from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Number
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.reading import read_schedules
from stepsize.schedules import Schedule


def from_torch(scheduler: LRScheduler) -> tuple[Schedule, ...]:
    """The rates of a scheduler of PyTorch as values: one absolute schedule for each parameter group.

    `schedule(t)` is the rate that the scheduler gives, stepped by `step()` alone from its base rates, when its
    `last_epoch` is t. What PyTorch does past an end is in it: CosineAnnealingLR rises again, with the period 2 T_max;
    OneCycleLR takes its one step beyond the end, and that rate is held where PyTorch raises. Functions of a LambdaLR or
    MultiplicativeLR are carried as `Function`, which has no text form; so are a CosineAnnealingLR whose T_max is a
    fraction and a OneCycleLR with a phase that ends before it begins. An SWALR starts at the rate that it found, or,
    before its first step, at the rate that is there. The parts of a ChainedScheduler are taken to have been made in
    its order.

    Neither the scheduler nor its optimizer is changed. Schedulers of `stepsize.pytorch.lr_scheduler` are taken, too.

    Raises:
        ArgumentError: it is no scheduler of PyTorch's; it follows a metric (ReduceLROnPlateau), or its class has a
            `get_lr` or `step` of your own; it is a ChainedScheduler whose parts stand at different steps, or in a
            SequentialLR; or a length is a fraction where no shape has one (StepLR, PolynomialLR, CyclicLR).

    Example:
        >>> import torch
        >>> from stepsize.pytorch import from_torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.25, total_iters=5)
        >>> decay = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        >>> from_torch(torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, decay], [5]))
        (Linear(0.1, 0.4, 5).head(5) >> Staircase(0.4, 0.1, 30),)
    """
    if not isinstance(scheduler, LRScheduler):
        raise ArgumentError("from_torch", "scheduler", "a scheduler of torch.optim.lr_scheduler", scheduler)
    return read_schedules(scheduler)


def as_lambda(schedule: Schedule, base_lr: float = 1.0) -> Callable[[int], float]:
    """A function for `LambdaLR`, which multiplies the group's base rate by it: schedule(step) / base_lr.

    Give the base rate of the group (the optimizer's positive `lr`) for a schedule of rates, nothing for one of factors.
    It pickles, and adds nothing to the state of a LambdaLR. Any other `base_lr` raises ArgumentError.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import as_lambda
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> plan = Linear(0.1, 0.4, 3) >> Cosine(0.4, 0.0, 7)
        >>> scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, as_lambda(plan, base_lr=0.4))
        >>> scheduler.get_last_lr()
        [0.1]
    """
    if not isinstance(schedule, Schedule):
        raise ArgumentError("as_lambda", "schedule", "a schedule", schedule)
    return partial(_factor, schedule, Number(above=0.0)("as_lambda", "base_lr", base_lr))


def _factor(schedule: Schedule, base_lr: float, step: int) -> float:
    return schedule(step) / base_lr
