"""The course of a group's rate, read off a scheduler: PyTorch's own or one of this package, which have the same fields.

Where a shape has its end and PyTorch's class goes on, `past_end` of the scheduler says what is meant; PyTorch's own
have no such field.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch
from typing import Any

from torch.optim import lr_scheduler as torch_schedulers
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import SWALR

from stepsize.arguments import Length, Number
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.course import (
    Absolute,
    Annealed,
    Chainable,
    Course,
    Folded,
    RunningProduct,
    Switched,
)
from stepsize.pytorch.lr_scheduler.phases import (
    as_pytorch,
    corner_rates,
    cycle_bounds,
    one_cycle,
    through,
    unit_cycle,
)
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    Function,
    Linear,
    MultiStep,
    Polynomial,
    Schedule,
    Staircase,
)


@singledispatch
def course(scheduler: LRScheduler, index: int) -> Course:
    """What this scheduler does to the rate of the group at this index.

    Raises:
        ArgumentError: it is of a class that is not known, or its arguments describe no schedule.
    """
    raise ArgumentError(
        f"{type(scheduler).__name__} is no class of torch.optim.lr_scheduler, so its rates cannot be told ahead; "
        "write them as Function(...) of the step"
    )


def _base(scheduler: LRScheduler, index: int) -> float:
    return float(scheduler.base_lrs[index])


def _function(scheduler: Any, index: int) -> Function:
    return Function(scheduler.lr_lambdas[index])


# Factors of the base rate.


@course.register
def _(scheduler: torch_schedulers.LambdaLR, index: int) -> Course:
    return Absolute(_base(scheduler, index) * _function(scheduler, index))


@course.register
def _(scheduler: torch_schedulers.MultiplicativeLR, index: int) -> Course:
    return RunningProduct(_base(scheduler, index), _function(scheduler, index))


@course.register
def _(scheduler: torch_schedulers.StepLR, index: int) -> Course:
    return _multiplying(scheduler, index, lambda base: Staircase(base, scheduler.gamma, scheduler.step_size))


@course.register
def _(scheduler: torch_schedulers.MultiStepLR, index: int) -> Course:
    milestones = tuple(sorted(scheduler.milestones.elements()))
    if not milestones:
        return _multiplying(scheduler, index, Constant)
    return _multiplying(scheduler, index, lambda base: MultiStep(base, scheduler.gamma, milestones))


@course.register
def _(scheduler: torch_schedulers.ExponentialLR, index: int) -> Course:
    return _multiplying(scheduler, index, lambda base: Exponential(base, scheduler.gamma))


@course.register
def _(scheduler: torch_schedulers.ConstantLR, index: int) -> Course:
    factor, steps = scheduler.factor, scheduler.total_iters
    if steps > 0:
        made = _multiplying(scheduler, index, lambda base: Constant(base * factor, steps) >> Constant(base))
        return replace(made, rises=factor == 0)
    return _multiplying(scheduler, index, lambda base: Constant(base * factor if as_pytorch(scheduler) else base))


@course.register
def _(scheduler: torch_schedulers.LinearLR, index: int) -> Course:
    start, end = scheduler.start_factor, scheduler.end_factor
    steps = Number(least=0.0)("LinearLR", "total_iters", scheduler.total_iters)
    if steps > 0:
        return _multiplying(
            scheduler, index, lambda base: through([(0.0, base * start), (steps, base * end)], "linear")
        )
    return _multiplying(scheduler, index, lambda base: Constant(base * (start if as_pytorch(scheduler) else end)))


@course.register
def _(scheduler: torch_schedulers.PolynomialLR, index: int) -> Course:
    steps, power = scheduler.total_iters, scheduler.power
    if power == 0 or (steps == 0 and as_pytorch(scheduler)):
        return _multiplying(scheduler, index, Constant)
    return _multiplying(scheduler, index, lambda base: Polynomial(base, 0.0, steps, power))


def _multiplying(scheduler: LRScheduler, index: int, of_base: Callable[[float], Schedule]) -> Chainable:
    base = _base(scheduler, index)
    return Chainable(base, of_base(base), of_base(1.0))


# Cosines.


@course.register
def _(scheduler: torch_schedulers.CosineAnnealingLR, index: int) -> Course:
    base, low = _base(scheduler, index), float(scheduler.eta_min)
    steps = Number(above=0.0)("CosineAnnealingLR", "T_max", scheduler.T_max)
    rises = as_pytorch(scheduler)
    whole = int(Length(1)("CosineAnnealingLR", "T_max", steps)) if rises else 0

    def between(start: float, end: float) -> Schedule:
        if rises:
            return (Cosine(start, end, whole) >> Cosine(end, start, whole)).repeat(math.inf)
        return through([(0.0, start), (steps, end)], "cosine")

    return Chainable(base, between(base, low), between(1.0, 0.0), low, rises)


@course.register
def _(scheduler: torch_schedulers.CosineAnnealingWarmRestarts, index: int) -> Course:
    wave = Cosine(_base(scheduler, index), scheduler.eta_min, scheduler.T_0)
    return Absolute(wave.repeat(math.inf, 1.0, scheduler.T_mult))


@course.register
def _(scheduler: SWALR, index: int) -> Course:
    group = scheduler.optimizer.param_groups[index]
    end, start = float(group["swa_lr"]), float(group["lr"])
    shape = Cosine if scheduler._anneal_strategy == "cos" else Linear
    steps = scheduler.anneal_epochs
    if not as_pytorch(scheduler):
        starts, begin = scheduler._starts, scheduler._begin  # type: ignore[attr-defined]
        return Annealed(start if starts is None else starts[index], end, shape, steps, begin)
    taken = max(scheduler._step_count - 1, 0)
    left = shape(1.0, 0.0, steps)(taken) if steps else 0.0
    start = end + (start - end) / left if left else _base(scheduler, index)
    return Annealed(start, end, shape, steps, max(scheduler.last_epoch - taken, 0))


# Cycles.


@course.register
def _(scheduler: torch_schedulers.CyclicLR, index: int) -> Course:
    low, high = cycle_bounds(scheduler)[index]
    cycle = low + (high - low) * unit_cycle(scheduler)
    first = float(scheduler.optimizer.param_groups[index].get("initial_lr", low))
    if as_pytorch(scheduler) and first != low and scheduler.last_epoch >= 0:
        return Absolute(Constant(first, 1) >> cycle.tail(1))  # what an earlier scheduler left comes first there
    return Absolute(cycle)


@course.register
def _(scheduler: torch_schedulers.OneCycleLR, index: int) -> Course:
    names = dict(zip(("initial_lr", "max_lr", "min_lr"), corner_rates(scheduler)[index], strict=True))
    return Absolute(one_cycle(scheduler, names, ("start_lr", "end_lr")))


# Schedulers made of others.


@course.register
def _(scheduler: torch_schedulers.SequentialLR, index: int) -> Course:
    parts = [course(part, index) for part in scheduler._schedulers]
    first = bisect_right(scheduler._milestones, 0)
    if isinstance(parts[first], Annealed):  # a sequence starts at the base rate, whatever is there now
        parts[first] = parts[first].entered(float(scheduler.optimizer.param_groups[index]["initial_lr"]))
    if as_pytorch(scheduler):
        parts[0] = _on_its_clock(scheduler, parts[0])
    return Switched(tuple(parts), tuple(scheduler._milestones))


def _on_its_clock(whole: torch_schedulers.SequentialLR, course: Course) -> Course:
    """The first part of PyTorch's sequence: where it holds a sequence, that one runs ahead, and its parts lag."""
    first = whole._schedulers[0]
    if isinstance(first, torch_schedulers.ChainedScheduler):
        raise ArgumentError(
            "SequentialLR steps a ChainedScheduler within it once before the start, so its rates are not those of its "
            "parts; write the sequence with stepsize.pytorch.lr_scheduler"
        )
    ahead = first.last_epoch - min([whole.last_epoch, *(milestone - 1 for milestone in whole._milestones[:1])])
    if ahead == 0 or first.last_epoch < 0:
        return course
    return Absolute(course.schedule.tail(ahead) if ahead > 0 else course.schedule.shift(-ahead))


@course.register
def _(scheduler: torch_schedulers.ChainedScheduler, index: int) -> Course:
    group, parts = scheduler.optimizer.param_groups[index], scheduler._schedulers
    if len({part.last_epoch for part in parts}) > 1:
        raise ArgumentError("the parts of this ChainedScheduler stand at different steps, so it has no common clock")
    return Folded(float(group["initial_lr"]), tuple(course(part, index) for part in parts))


@course.register
def _(scheduler: torch_schedulers.ReduceLROnPlateau, index: int) -> Course:
    raise ArgumentError(
        "ReduceLROnPlateau follows a metric, so its rates are no function of the step; give Scheduler a schedule and "
        "feedback=Plateau(...)"
    )
