"""pytorch_optimizer's schedulers that multiply the optimizer's rate."""

import math
from functools import partial
from typing import Annotated

import numpy as np

from stepsize.arguments import Choice, Count, NonNegative, Phase, Positive, Switch
from stepsize.interop.phases import Way, joined, level, phase, waves
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Constant, Linear, OneMinusSqrt, Schedule, Table


def warmup_stable_decay(
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


def chebyshev(run: Run, *, num_epochs: Count, is_warmup: Switch = False) -> ToolSchedule:
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
