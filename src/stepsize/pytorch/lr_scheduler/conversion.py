"""PyTorch's schedulers read as schedules of `last_epoch`, and back: `from_torch` and `as_lambda`."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import pairwise
from operator import mul, rshift
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as pytorch
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import SWALR

from stepsize.arguments import Length, Many, Number
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.replay import Replay, refuse_unreadable
from stepsize.pytorch.scheduler import Scheduler
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    Function,
    Knots,
    Linear,
    MultiStep,
    Polynomial,
    Schedule,
    Staircase,
    Triangle,
)


def from_torch(scheduler: LRScheduler) -> tuple[Schedule, ...]:
    """The rates of a scheduler of PyTorch as one absolute schedule for each parameter group.

    `schedule(t)` is the scheduler's rate at `last_epoch` t, if only `step()` is called, from its base rates on. That
    includes what PyTorch does past an end: CosineAnnealingLR rises again with the period 2 T_max; OneCycleLR takes one
    step beyond its end, and this rate is held because PyTorch raises from there on.

    A `Function`, which has no text form, carries the functions of a LambdaLR or MultiplicativeLR, a CosineAnnealingLR
    whose T_max is a fraction, and a OneCycleLR with a phase that ends before it begins. An SWALR starts at the rate
    that it found or, before its first step, at the group's present rate. The parts of a ChainedScheduler are assumed to
    have been made in its order.

    Scheduler and optimizer are unchanged. Schedulers of `stepsize.pytorch.lr_scheduler` are accepted too.

    Raises:
        ArgumentError: it is not a scheduler of PyTorch; it follows a metric (ReduceLROnPlateau); its class has a
            `get_lr` or `step` of your own; it is a ChainedScheduler whose parts stand at different steps, or inside a
            SequentialLR; or a length is a fraction and no shape has one (StepLR, PolynomialLR, CyclicLR).

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
    refuse_unreadable(scheduler)
    return tuple(_read(scheduler, index) for index in range(len(scheduler.optimizer.param_groups)))


def as_lambda(schedule: Schedule, base_lr: float = 1.0) -> Callable[[int], float]:
    """A function for `LambdaLR`, which multiplies the group's base rate by its value, schedule(step) / base_lr.

    For a schedule of rates, give the group's base rate (the optimizer's `lr`, > 0; anything else raises ArgumentError).
    For a schedule of factors, leave `base_lr` out. The function can be pickled, and a LambdaLR does not save it.

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


def lambda_lr(optimizer: Optimizer, schedule: Schedule) -> pytorch.LambdaLR:
    """A LambdaLR: a group with the optimizer's default rate follows the schedule, others in proportion."""
    return pytorch.LambdaLR(optimizer, as_lambda(schedule, optimizer.defaults["lr"]))


def _factor(schedule: Schedule, base_lr: float, step: int) -> float:
    return schedule(step) / base_lr


def _read(scheduler: Any, index: int) -> Schedule:
    name, base = type(scheduler).__name__, float(getattr(scheduler, "base_lrs", {index: math.nan})[index])
    match scheduler:
        case Scheduler():
            advice = "its schedules are in scheduler.schedules"
            raise ArgumentError("from_torch", "scheduler", "a scheduler of PyTorch", scheduler, advice)
        case pytorch.ReduceLROnPlateau():
            advice = "it follows a metric; give Scheduler a schedule and feedback=Plateau(...)"
            raise ArgumentError("the rate of the scheduler", "", "a function of the step", scheduler, advice)
        case pytorch.LambdaLR():
            return base * Function(scheduler.lr_lambdas[index])  # type: ignore[arg-type]
        case pytorch.MultiplicativeLR():
            return Function(Replay(scheduler, index))
        case pytorch.StepLR():
            return Staircase(base, _gamma(scheduler), int(Length(1)(name, "step_size", scheduler.step_size)))
        case pytorch.MultiStepLR():
            milestones = sorted(scheduler.milestones.elements())
            steps = Many(Length(0), empty=True)(name, "milestones", milestones)
            return MultiStep(base, _gamma(scheduler), steps) if steps else Constant(base)
        case pytorch.ExponentialLR():
            return Exponential(base, _gamma(scheduler))
        case pytorch.ConstantLR(total_iters=length):
            if length <= 0 or length != math.floor(length):  # it waits for a step that never comes
                return Constant(base * scheduler.factor)
            return Constant(base * scheduler.factor, int(length)) >> Constant(base)
        case pytorch.LinearLR(start_factor=start, end_factor=end):
            total = Number(least=0.0)(name, "total_iters", scheduler.total_iters)
            whole = math.floor(total)  # it stays at its last whole step
            if whole == 0:
                return Constant(base * start)
            return Linear(base * start, base * (start + (end - start) * (whole / total)), whole)
        case pytorch.PolynomialLR():
            power = Number(least=0.0)(name, "power", scheduler.power)
            if power == 0 or scheduler.total_iters == 0:
                return Constant(base)
            return Polynomial(base, 0.0, int(Length(1)(name, "total_iters", scheduler.total_iters)), power)
        case pytorch.CosineAnnealingLR():
            return _annealed(scheduler, index)
        case pytorch.CosineAnnealingWarmRestarts():
            return Cosine(base, scheduler.eta_min, scheduler.T_0).repeat(math.inf, 1.0, scheduler.T_mult)
        case pytorch.CyclicLR():
            cycle, first = _cyclic(scheduler, index), _initial(scheduler, index)
            return cycle if first == base else Constant(first, 1) >> cycle.tail(1)  # an earlier scheduler's rate
        case pytorch.OneCycleLR():
            return _one_cycle(scheduler, index)
        case SWALR():
            return _averaging(scheduler, index)
        case pytorch.SequentialLR():
            return _sequence(scheduler, index)
        case pytorch.ChainedScheduler():
            return _chain(scheduler, index)
    advice = "write its rates as Function(...) of the step"
    raise ArgumentError("from_torch", "scheduler", "of a class of torch.optim.lr_scheduler", scheduler, advice)


def _gamma(scheduler: Any) -> float:
    return Number(least=0.0)(type(scheduler).__name__, "gamma", scheduler.gamma)


def _holds_its_end(scheduler: pytorch.LRScheduler) -> bool:
    return getattr(scheduler, "past_end", "torch") == "hold"


def _annealed(scheduler: pytorch.CosineAnnealingLR, index: int) -> Schedule:
    """From the base rate to `eta_min`; PyTorch's class then goes back, and so on."""
    start, low = float(scheduler.base_lrs[index]), Number()("CosineAnnealingLR", "eta_min", scheduler.eta_min)
    steps = Number(above=0.0)("CosineAnnealingLR", "T_max", scheduler.T_max)
    if _holds_its_end(scheduler):
        return _through([(0.0, start), (steps, low)], "cosine")
    if steps != int(steps):
        return Function(Replay(scheduler, index))
    return (Cosine(start, low, int(steps)) >> Cosine(low, start, int(steps))).repeat(math.inf)


def _cyclic(scheduler: pytorch.CyclicLR, index: int) -> Schedule:
    low, high = float(scheduler.base_lrs[index]), float(scheduler.max_lrs[index])
    up, size = scheduler.total_size * scheduler.step_ratio, scheduler.total_size
    ups, downs = round(up), round(size - up)
    if scheduler._scale_fn_custom is not None or abs(ups - up) + abs(ups + downs - size) > 1e-6:
        return Function(Replay(scheduler, index))
    triangle = Triangle(0.0, 1.0, ups, downs) if downs else Linear(0.0, 1.0, ups)
    cycles = triangle.repeat(math.inf, 0.5 if scheduler.mode == "triangular2" else 1.0)
    if scheduler.mode == "exp_range":
        cycles = cycles * Exponential(1.0, scheduler.gamma)
    return low + (high - low) * cycles


def _one_cycle(scheduler: Any, index: int) -> Schedule:
    group, phases, total = scheduler.optimizer.param_groups[index], scheduler._schedule_phases, scheduler.total_steps
    points = [(0.0, float(group[phases[0]["start_lr"]]))]
    points += [(float(phase["end_step"]), float(group[phase["end_lr"]])) for phase in phases]
    rising, held = all(a[0] < b[0] for a, b in pairwise(points)), _holds_its_end(scheduler)
    if not rising:  # a very small or large `pct_start`: a phase ends before it begins
        end = total - 1 if held or points[-2][0] == points[-1][0] else total  # PyTorch divides by 0 there
        return Function(Replay(scheduler, index)).head(end)
    phases_joined = _through(points, "cosine" if scheduler._anneal_func_type == "cos" else "linear")
    if held:
        return phases_joined
    (start, high), (end, low) = points[-2:]  # PyTorch's class takes one step beyond its end
    return phases_joined.head(total) >> Constant(scheduler._anneal_func(high, low, (total - start) / (end - start)))


def _through(points: Sequence[tuple[float, float]], shape: str) -> Schedule:
    """From point to point, by Linear or Cosine between whole steps, otherwise by knots."""
    if not all(step == int(step) for step, _ in points):
        return Knots(tuple(points), shape)
    kind = Cosine if shape == "cosine" else Linear
    return reduce(rshift, (kind(a[1], b[1], int(b[0] - a[0])) for a, b in pairwise(points)))


def _averaging(scheduler: SWALR, index: int) -> Schedule:
    """From the rate that an SWALR found, computed back from the present one."""
    group, steps = scheduler.optimizer.param_groups[index], scheduler.anneal_epochs
    end = float(group["swa_lr"])
    if steps == 0:
        return Constant(end)
    shape = Cosine if scheduler._anneal_strategy == "cos" else Linear
    taken = max(scheduler._step_count - 1, 0)
    left = shape(1.0, 0.0, steps)(taken)
    start = end + (float(group["lr"]) - end) / left if left else float(scheduler.base_lrs[index])
    begin = int(max(scheduler.last_epoch, 0)) - taken
    annealing = shape(start, end, steps)
    return annealing.shift(begin) if begin > 0 else annealing.tail(-begin) if begin < 0 else annealing


def _sequence(scheduler: Any, index: int) -> Schedule:
    parts, milestones = scheduler._schedulers, list(scheduler._milestones)
    first = bisect_right(milestones, 0)
    if not all(map(_is_closed, parts)) or not _starts_at_base(parts[first], index) or milestones != sorted(milestones):
        return Function(Replay(scheduler, index))
    bounds = [0, *milestones]
    active = bisect_right(milestones, scheduler.last_epoch)
    if parts[active].last_epoch != scheduler.last_epoch - bounds[active]:
        rule = f"at step {scheduler.last_epoch - bounds[active]}, by the clock of the sequence"
        raise ArgumentError("the present part of SequentialLR", "", rule, parts[active].last_epoch)
    wholes = [_cyclic(part, index) if isinstance(part, pytorch.CyclicLR) else _read(part, index) for part in parts]
    lengths = [end - start for start, end in pairwise(bounds)]
    phases = [whole.head(length) for whole, length in zip(wholes, lengths, strict=False) if length]
    return reduce(rshift, [*phases, wholes[-1]])


def _chain(scheduler: Any, index: int) -> Schedule:
    parts = list(_links(scheduler))
    if len(steps := {part.last_epoch for part in parts}) > 1:
        raise ArgumentError("the parts of ChainedScheduler", "", "all at the same step", sorted(steps))
    bases = [float(part.base_lrs[index]) if _multiplies(part) else 0.0 for part in parts]
    if not all(bases) or not _starts_at_base(parts[0], index):
        return Function(Replay(scheduler, index))
    factors = [_read(part, index) / base for part, base in zip(parts[1:], bases[1:], strict=True)]
    return reduce(mul, [_read(parts[0], index), *factors])


def _links(chain: LRScheduler) -> Iterator[Any]:
    if isinstance(chain, pytorch.ChainedScheduler):
        for part in chain._schedulers:
            yield from _links(part)
    else:
        yield chain


def _is_closed(scheduler: LRScheduler) -> bool:
    return not hasattr(scheduler, "_schedulers") and not isinstance(scheduler, pytorch.MultiplicativeLR | SWALR)


def _starts_at_base(scheduler: Any, index: int) -> bool:
    """Whether a sequence or chain, which starts at the group's initial rate, starts this part at its base rate."""
    absolute = pytorch.LambdaLR | pytorch.CyclicLR | pytorch.OneCycleLR | pytorch.CosineAnnealingWarmRestarts
    if isinstance(scheduler, absolute):
        return True
    return float(scheduler.base_lrs[index]) == _initial(scheduler, index)


def _initial(scheduler: Any, index: int) -> float:
    return float(scheduler.optimizer.param_groups[index]["initial_lr"])


def _multiplies(scheduler: Any) -> bool:
    """Whether each step multiplies the rate that is there by a factor."""
    if isinstance(scheduler, pytorch.CosineAnnealingLR):
        return _holds_its_end(scheduler) and scheduler.eta_min == 0
    if isinstance(scheduler, pytorch.ConstantLR):
        return bool(scheduler.factor)
    kinds = pytorch.StepLR | pytorch.MultiStepLR | pytorch.ExponentialLR | pytorch.LinearLR | pytorch.PolynomialLR
    return isinstance(scheduler, kinds)
