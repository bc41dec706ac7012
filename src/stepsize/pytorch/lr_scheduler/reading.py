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

from stepsize.arguments import Length, Many, Number
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.course import (
    Absolute,
    Annealed,
    Chainable,
    Course,
    Decaying,
    Folded,
    RunningProduct,
    Switched,
    annealed_from,
)
from stepsize.pytorch.lr_scheduler.cycle_shapes import (
    ThereAndBack,
    as_pytorch,
    corner_rates,
    cycle_bounds,
    one_cycle,
    through,
    unit_cycle,
)
from stepsize.pytorch.position_views import PositionViews
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

OWN_CODE = ("get_lr", "_get_closed_form_lr", "_update_lr", "step")
"""What decides a scheduler's rates: where one of these is the user's own, nothing is known of them."""


def course(scheduler: LRScheduler, index: int) -> Course:
    """What this scheduler does to the rate of the group at this index.

    Raises:
        ArgumentError: it is of a class that is not known, or its arguments describe no schedule.
    """
    refuse_own_code(scheduler)
    return known_course(scheduler, index)


def refuse_own_code(scheduler: LRScheduler) -> None:
    """Raise ArgumentError where the scheduler's rates are decided by code of the user's own."""
    for name in OWN_CODE:
        module = getattr(getattr(scheduler, name, None), "__module__", None)
        if module is not None and module.partition(".")[0] not in ("torch", "stepsize"):
            raise ArgumentError(
                f"{type(scheduler).__name__} is no class of torch.optim.lr_scheduler: it has a {name} of its own, so "
                "its rates cannot be told ahead; write them as Function(...) of the step"
            )


@singledispatch
def known_course(scheduler: LRScheduler, index: int) -> Course:
    """What this scheduler's class does to the rate, of PyTorch or of this package."""
    raise ArgumentError(
        f"{type(scheduler).__name__} is no class of torch.optim.lr_scheduler, so its rates cannot be told ahead; "
        "write them as Function(...) of the step"
    )


@known_course.register
def _(scheduler: PositionViews, index: int) -> Course:
    raise ArgumentError("a stepsize.pytorch.Scheduler is made of schedules already: they are in its .schedules")


def _base(scheduler: LRScheduler, index: int) -> float:
    return float(scheduler.base_lrs[index])


def _function(scheduler: Any, index: int) -> Function:
    return Function(scheduler.lr_lambdas[index])


# Factors of the base rate.


@known_course.register
def _(scheduler: torch_schedulers.LambdaLR, index: int) -> Course:
    return Absolute(_base(scheduler, index) * _function(scheduler, index))


@known_course.register
def _(scheduler: torch_schedulers.MultiplicativeLR, index: int) -> Course:
    return RunningProduct(_base(scheduler, index), _function(scheduler, index))


@known_course.register
def _(scheduler: torch_schedulers.StepLR, index: int) -> Course:
    gamma, size = _gamma(scheduler), int(Length(1)("StepLR", "step_size", scheduler.step_size))
    return Decaying(
        _base(scheduler, index),
        lambda base, _: Staircase(base, gamma, size),
        gamma=gamma,
        drops=lambda t: t // size,
    )


@known_course.register
def _(scheduler: torch_schedulers.MultiStepLR, index: int) -> Course:
    gamma, milestones = _gamma(scheduler), sorted(scheduler.milestones.elements())
    if not milestones:
        return _multiplying(scheduler, index, Constant)
    steps = Many(Length(0))("MultiStepLR", "milestones", milestones)
    return Decaying(
        _base(scheduler, index),
        lambda base, _: MultiStep(base, gamma, steps),
        gamma=gamma,
        drops=lambda t: bisect_right(steps, t),
    )


@known_course.register
def _(scheduler: torch_schedulers.ExponentialLR, index: int) -> Course:
    gamma = _gamma(scheduler)
    return Decaying(_base(scheduler, index), lambda base, _: Exponential(base, gamma), gamma=gamma)


def _gamma(scheduler: Any) -> float:
    return Number(least=0.0)(_name(scheduler), "gamma", scheduler.gamma)


@known_course.register
def _(scheduler: torch_schedulers.ConstantLR, index: int) -> Course:
    factor, steps = scheduler.factor, scheduler.total_iters
    if as_pytorch(scheduler) and (steps <= 0 or steps != math.floor(steps)):  # it waits for a step that never comes
        return _multiplying(scheduler, index, lambda base: Constant(base * factor))
    length = int(Length(0)("ConstantLR", "total_iters", steps))
    if length == 0:
        return _multiplying(scheduler, index, Constant)
    made = _multiplying(scheduler, index, lambda base: Constant(base * factor, length) >> Constant(base))
    return replace(made, rises=factor == 0)


@known_course.register
def _(scheduler: torch_schedulers.LinearLR, index: int) -> Course:
    start, end = scheduler.start_factor, scheduler.end_factor
    steps = Number(least=0.0)("LinearLR", "total_iters", scheduler.total_iters)
    if as_pytorch(scheduler):  # it takes whole steps as long as they are within, and stays where it then is
        whole = math.floor(steps)
        start, end, steps = start, start + (end - start) * (whole / steps) if steps else start, whole
    if steps > 0:
        return _multiplying(
            scheduler, index, lambda base: through([(0.0, base * start), (steps, base * end)], "linear")
        )
    return _multiplying(scheduler, index, lambda base: Constant(base * end))


@known_course.register
def _(scheduler: torch_schedulers.PolynomialLR, index: int) -> Course:
    steps, power = scheduler.total_iters, Number(least=0.0)("PolynomialLR", "power", scheduler.power)
    if power == 0 or (steps == 0 and as_pytorch(scheduler)):
        return _multiplying(scheduler, index, Constant)
    length = int(Length(1)("PolynomialLR", "total_iters", steps))
    return _multiplying(scheduler, index, lambda base: Polynomial(base, 0.0, length, power))


def _multiplying(scheduler: LRScheduler, index: int, of_base: Callable[[float], Schedule]) -> Chainable:
    return Chainable(_base(scheduler, index), lambda base, _: of_base(base))


def _name(scheduler: LRScheduler) -> str:
    """The name of PyTorch's class."""
    return next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__ == LRScheduler.__module__)


# Cosines.


@known_course.register
def _(scheduler: torch_schedulers.CosineAnnealingLR, index: int) -> Course:
    low = Number()("CosineAnnealingLR", "eta_min", scheduler.eta_min)
    steps = Number(above=0.0)("CosineAnnealingLR", "T_max", scheduler.T_max)
    rises = as_pytorch(scheduler)

    def between(start: float, end: float) -> Schedule:
        if not rises:
            return through([(0.0, start), (steps, end)], "cosine")
        if steps == int(steps):
            whole = int(steps)
            return (Cosine(start, end, whole) >> Cosine(end, start, whole)).repeat(math.inf)
        return Function(ThereAndBack(through([(0.0, start), (steps, end)], "cosine"), steps))

    return Chainable(_base(scheduler, index), between, low, rises)


@known_course.register
def _(scheduler: torch_schedulers.CosineAnnealingWarmRestarts, index: int) -> Course:
    wave = Cosine(_base(scheduler, index), scheduler.eta_min, scheduler.T_0)
    return Absolute(wave.repeat(math.inf, 1.0, scheduler.T_mult))


@known_course.register
def _(scheduler: SWALR, index: int) -> Course:
    group = scheduler.optimizer.param_groups[index]
    end, start = float(group["swa_lr"]), float(group["lr"])
    shape = Cosine if scheduler._anneal_strategy == "cos" else Linear
    steps = scheduler.anneal_epochs
    if not as_pytorch(scheduler):
        starts, begin = scheduler._starts, scheduler._begin  # type: ignore[attr-defined]
        return Annealed(start if starts is None else starts[index], end, shape, steps, begin)
    taken = max(scheduler._step_count - 1, 0)
    start = annealed_from(start, end, shape, steps, taken, _base(scheduler, index))
    return Annealed(start, end, shape, steps, int(max(scheduler.last_epoch, 0)) - taken)


# Cycles.


@known_course.register
def _(scheduler: torch_schedulers.CyclicLR, index: int) -> Course:
    low, high = cycle_bounds(scheduler, index)
    cycle = low + (high - low) * unit_cycle(scheduler)
    first = float(scheduler.optimizer.param_groups[index].get("initial_lr", low))
    if as_pytorch(scheduler) and first != low and scheduler.last_epoch >= 0:
        return Absolute(Constant(first, 1) >> cycle.tail(1))  # what an earlier scheduler left comes first there
    return Absolute(cycle)


@known_course.register
def _(scheduler: torch_schedulers.OneCycleLR, index: int) -> Course:
    names = dict(zip(("initial_lr", "max_lr", "min_lr"), corner_rates(scheduler, index), strict=True))
    return Absolute(one_cycle(scheduler, names, ("start_lr", "end_lr")))


# Schedulers made of others.


@known_course.register
def _(scheduler: torch_schedulers.SequentialLR, index: int) -> Course:
    parts = [course(part, index) for part in scheduler._schedulers]
    # A sequence starts at the rate that the group has as its initial one, whatever the first part's base was.
    first = bisect_right(scheduler._milestones, 0)
    parts[first] = parts[first].started(float(scheduler.optimizer.param_groups[index]["initial_lr"]))
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


@known_course.register
def _(scheduler: torch_schedulers.ChainedScheduler, index: int) -> Course:
    group = scheduler.optimizer.param_groups[index]
    if len(_positions(scheduler)) > 1:
        raise ArgumentError("the parts of this ChainedScheduler stand at different steps, so it has no common clock")
    courses = [course(part, index) for part in scheduler._schedulers]
    flat = (part for each in courses for part in (each.parts if isinstance(each, Folded) else (each,)))
    return Folded(float(group["initial_lr"]), tuple(flat))


def _positions(scheduler: LRScheduler) -> set[float]:
    """Where a scheduler stands; the parts of a chain, which has no position itself, may stand at different steps."""
    if isinstance(scheduler, torch_schedulers.ChainedScheduler):
        return {position for part in scheduler._schedulers for position in _positions(part)}
    return {scheduler.last_epoch}


@known_course.register
def _(scheduler: torch_schedulers.ReduceLROnPlateau, index: int) -> Course:
    raise ArgumentError(
        "ReduceLROnPlateau follows a metric, so its rates are no function of the step; give Scheduler a schedule and "
        "feedback=Plateau(...)"
    )
