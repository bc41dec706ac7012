"""pytorch_optimizer's schedulers; for the first update of most, the rate is their minimum."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np

from stepsize.arguments import Choice, Count, NonNegative, Phase, Positive, Steps, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.phases import Way, above, joined, level, phase, wave, waves
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, InversePower, Linear, OneMinusSqrt, Rex, Schedule, Table


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The settings of a warmup and a decay."""

    t_max: Steps
    max_lr: NonNegative
    min_lr: NonNegative = 0.0
    init_lr: NonNegative = 0.0
    warmup_steps: Phase = 0

    @property
    def decay_steps(self) -> int:
        if self.t_max <= self.warmup_steps:
            rule = f"larger than warmup_steps = {self.warmup_steps}"
            raise ArgumentError("pytorch_optimizer", "t_max", rule, self.t_max)
        return self.t_max - self.warmup_steps

    def ending(self, name: str, *decay: Schedule) -> ToolSchedule:
        up = phase(Linear, self.init_lr, self.max_lr, self.warmup_steps)
        rates = joined(Constant(self.min_lr, 1), up, *decay)
        return ToolSchedule(name, rates, self.max_lr, self.min_lr, self.warmup_steps, self.t_max)


def _cosine(run: Run, *, shape: Shape) -> ToolSchedule:
    return shape.ending("cosine", wave(shape.max_lr, shape.min_lr, shape.decay_steps))


def _linear(run: Run, *, shape: Shape) -> ToolSchedule:
    """The line goes on after its end: an inverse power of -1 is a line without an end."""
    high, low, steps = shape.max_lr, shape.min_lr, shape.decay_steps
    line = InversePower(1.0, abs(high - low) / steps, -1.0)
    beyond = low + 1.0 - line if high >= low else line + (low - 1.0)
    return shape.ending("linear", Linear(high, low, steps), beyond)


def _poly(run: Run, *, shape: Shape, poly_order: Positive = 0.5) -> ToolSchedule:
    """It grows as a power of the steps since the warmup, whatever `t_max` says."""
    grown = InversePower(shape.max_lr - shape.min_lr, 1.0, -poly_order)
    return shape.ending("poly", Constant(shape.max_lr, 1), above(shape.min_lr, grown))


def _rex(run: Run, *, total_steps: Steps, max_lr: NonNegative = 1.0, min_lr: NonNegative = 0.0) -> ToolSchedule:
    decay = Rex(max_lr, min_lr, total_steps).tail(1) if total_steps > 1 else Constant(min_lr)
    return ToolSchedule("rex", Constant(min_lr, 1) >> decay, max_lr, min_lr, 0, total_steps)


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
        rates = joined(*cycles)
    elif gamma == 1.0 or min_lr == 0.0:
        rates = cycle(min_lr, max_lr, steps).repeat(math.inf, gamma)
    else:  # the peaks shrink, and the minimum stays
        rates = cycle(0.0, max_lr, steps).repeat(math.inf, gamma) + cycle(min_lr, 0.0, steps).repeat(math.inf)
    if not warmup_steps:
        rates = Constant(min_lr, 1) >> rates.tail(1)
    return ToolSchedule("cosine_annealing_with_warmup", rates, max_lr, min_lr, warmup_steps)


def _warmup_stable_decay(
    run: Run,
    *,
    num_warmup_steps: Phase,
    num_stable_steps: Phase,
    num_decay_steps: Phase,
    min_lr_ratio: NonNegative = 0.0,
    num_cycles: Positive = 0.5,
    cooldown_type: Annotated[str, Choice(("cosine", "1-sqrt", "linear", "1-square"))] = "1-sqrt",
) -> ToolSchedule:
    """Only the cosine knows the minimum; the others go to zero, and then jump to it."""
    peak, low, steps = run.unit, run.unit * min_lr_ratio, num_decay_steps
    cosine = partial(waves, periods=num_cycles)
    ways: dict[str, Way] = {"cosine": cosine, "1-sqrt": OneMinusSqrt, "linear": Linear, "1-square": _square}
    down = phase(ways[cooldown_type], peak, low if cooldown_type == "cosine" else 0.0, steps)
    up = phase(Linear, 0.0, peak, num_warmup_steps)
    rates = joined(up, level(peak, num_stable_steps), down, Constant(low))
    total = num_warmup_steps + num_stable_steps + steps
    return ToolSchedule("warmup_stable_decay", rates, peak, low, num_warmup_steps, total, run.base_lr is None)


def _square(start: float, end: float, steps: int) -> Schedule:
    return Linear(start, end, steps).warp(2.0)


def _chebyshev(run: Run, *, num_epochs: Count, is_warmup: Switch = False) -> ToolSchedule:
    """The reciprocals of Chebyshev's nodes in a fractal order; the first is that of three epochs."""
    number = 2 ** (int(math.log2(num_epochs - 1)) + 1) if num_epochs > 1 else 1
    nodes = 1.0 / (0.525 - 0.475 * np.cos((np.arange(number) + 0.5) * np.pi / number))
    order = np.array([0])
    while len(order) < number - 2:
        order = np.vstack([order, 2 * len(order) - 1 - order]).T.flatten()
    factors = nodes[order[order < number]]
    rates = Table(tuple(run.unit * factors[[0, 0, *range(len(factors))]])).every(run.epoch_steps("num_epochs"))
    is_relative = run.base_lr is None
    return ToolSchedule("chebyshev", Constant(run.unit) if is_warmup else rates, relative=is_relative)


SCHEDULERS: dict[str, Callable[..., ToolSchedule]] = {
    "chebyshev": _chebyshev,
    "cosine": _cosine,
    "cosine_annealing_with_warmup": _restarts,
    "linear": _linear,
    "poly": _poly,
    "rex": _rex,
    "warmup_stable_decay": _warmup_stable_decay,
}
