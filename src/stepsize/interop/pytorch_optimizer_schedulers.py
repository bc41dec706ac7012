"""pytorch_optimizer's schedulers that set a rate; for the first update, it is their minimum."""

import math
from collections.abc import Callable
from functools import partial, reduce
from operator import rshift

from stepsize.arguments import NonNegative, Phase, Positive, Steps
from stepsize.errors import ArgumentError
from stepsize.interop.pytorch_optimizer_factors import chebyshev, warmup_stable_decay
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, InversePower, Linear, Rex, Schedule

_named = partial(ToolSchedule, "pytorch_optimizer")


def _warmed_up(init_lr: float, max_lr: float, min_lr: float, warmup_steps: int, decay: Schedule) -> Schedule:
    first = Constant(min_lr, 1)
    return first >> Linear(init_lr, max_lr, warmup_steps) >> decay if warmup_steps else first >> decay


def _cosine(
    run: Run,
    *,
    t_max: Steps,
    max_lr: NonNegative,
    min_lr: NonNegative = 0.0,
    init_lr: NonNegative = 0.0,
    warmup_steps: Phase = 0,
) -> ToolSchedule:
    steps = _decay_steps(t_max, warmup_steps)
    wave = (Cosine(max_lr, min_lr, steps) >> Cosine(min_lr, max_lr, steps)).repeat(math.inf)
    rates = _warmed_up(init_lr, max_lr, min_lr, warmup_steps, wave)
    return _named("cosine", rates, max_lr, min_lr, warmup_steps, t_max)


def _linear(
    run: Run,
    *,
    t_max: Steps,
    max_lr: NonNegative,
    min_lr: NonNegative = 0.0,
    init_lr: NonNegative = 0.0,
    warmup_steps: Phase = 0,
) -> ToolSchedule:
    """The line goes on after its end: an inverse power of -1 is a line without an end."""
    steps = _decay_steps(t_max, warmup_steps)
    line = InversePower(1.0, abs(max_lr - min_lr) / steps, -1.0)
    beyond = min_lr + 1.0 - line if max_lr >= min_lr else line + (min_lr - 1.0)
    rates = _warmed_up(init_lr, max_lr, min_lr, warmup_steps, Linear(max_lr, min_lr, steps) >> beyond)
    return _named("linear", rates, max_lr, min_lr, warmup_steps, t_max)


def _poly(
    run: Run,
    *,
    t_max: Steps,
    max_lr: NonNegative,
    min_lr: NonNegative = 0.0,
    init_lr: NonNegative = 0.0,
    warmup_steps: Phase = 0,
    poly_order: Positive = 0.5,
) -> ToolSchedule:
    """It grows as a power of the steps since the warmup, whatever `t_max` says."""
    grown = InversePower(max_lr - min_lr, 1.0, -poly_order)
    decay = Constant(max_lr, 1) >> (grown + min_lr if min_lr else grown)
    rates = _warmed_up(init_lr, max_lr, min_lr, warmup_steps, decay)
    return _named("poly", rates, max_lr, min_lr, warmup_steps, t_max)


def _decay_steps(t_max: int, warmup_steps: int) -> int:
    if t_max <= warmup_steps:
        raise ArgumentError("pytorch_optimizer", "t_max", f"larger than warmup_steps = {warmup_steps}", t_max)
    return t_max - warmup_steps


def _rex(run: Run, *, total_steps: Steps, max_lr: NonNegative = 1.0, min_lr: NonNegative = 0.0) -> ToolSchedule:
    decay = Rex(max_lr, min_lr, total_steps).tail(1) if total_steps > 1 else Constant(min_lr)
    return _named("rex", Constant(min_lr, 1) >> decay, max_lr, min_lr, 0, total_steps)


def _restarts(
    run: Run,
    *,
    first_cycle_steps: Steps,
    cycle_mult: Positive = 1.0,
    max_lr: NonNegative = 1e-4,
    min_lr: NonNegative = 1e-6,
    warmup_steps: Phase = 0,
    gamma: NonNegative = 0.9,
) -> ToolSchedule:
    if warmup_steps >= first_cycle_steps:
        rule = f"larger than warmup_steps = {warmup_steps}"
        raise ArgumentError("cosine_annealing_with_warmup", "first_cycle_steps", rule, first_cycle_steps)

    def cycle(low: float, high: float, steps: int) -> Schedule:
        down = Cosine(high, low, steps)
        return Linear(low, high, warmup_steps) >> down if warmup_steps else down

    steps = first_cycle_steps - warmup_steps
    if cycle_mult != 1.0:
        cycles, longest = list[Schedule](), run.steps("cycle_mult")
        while sum(each.steps for each in cycles) < longest:
            cycles.append(cycle(min_lr, max_lr * gamma ** len(cycles), steps))
            steps = max(1, int(steps * cycle_mult))
        rates = reduce(rshift, cycles)
    elif gamma == 1.0 or min_lr == 0.0:
        rates = cycle(min_lr, max_lr, steps).repeat(math.inf, gamma)
    else:  # the peaks shrink, and the minimum stays
        rates = cycle(0.0, max_lr, steps).repeat(math.inf, gamma) + cycle(min_lr, 0.0, steps).repeat(math.inf)
    if not warmup_steps:
        rates = Constant(min_lr, 1) >> rates.tail(1)
    return _named("cosine_annealing_with_warmup", rates, max_lr, min_lr, warmup_steps)


SCHEDULERS: dict[str, Callable[..., ToolSchedule]] = {
    "chebyshev": chebyshev,
    "cosine": _cosine,
    "cosine_annealing_with_warmup": _restarts,
    "linear": _linear,
    "poly": _poly,
    "rex": _rex,
    "warmup_stable_decay": warmup_stable_decay,
}
