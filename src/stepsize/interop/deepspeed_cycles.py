"""DeepSpeed's LRRangeTest and OneCycle, which go up in a line or in stairs, down again, and decay."""

import math

from stepsize.arguments import MaybePhase, NonNegative, Phase, Real, Steps, Switch
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Constant, InversePower, Linear, Schedule


def range_test(
    run: Run,
    *,
    lr_range_test_min_lr: Real = 0.001,
    lr_range_test_step_size: Steps = 2000,
    lr_range_test_step_rate: NonNegative = 1.0,
    lr_range_test_staircase: Switch = False,
) -> ToolSchedule:
    """The rates of an LRRangeTest, which rise without an end."""
    low, size, rate = lr_range_test_min_lr, lr_range_test_step_size, lr_range_test_step_rate
    stairs = lr_range_test_staircase
    rates = InversePower(low, rate, -1.0).every(size) if stairs else InversePower(low, rate / size, -1.0)
    return ToolSchedule("LRRangeTest", rates)


def one_cycle(
    run: Run,
    *,
    cycle_min_lr: Real,
    cycle_max_lr: Real,
    decay_lr_rate: NonNegative = 0.0,
    cycle_first_step_size: Steps = 2000,
    cycle_second_step_size: MaybePhase = None,
    cycle_first_stair_count: Phase = 0,
    cycle_second_stair_count: MaybePhase = None,
    decay_step_size: NonNegative = 0.0,
    cycle_momentum: Switch = True,
    cycle_min_mom: Real = 0.8,
    cycle_max_mom: Real = 0.9,
    decay_mom_rate: NonNegative = 0.0,
) -> ToolSchedule:
    """The rates and betas of a OneCycle; its first update has the lowest beta, all others run against the rate."""
    first, stairs = cycle_first_step_size, cycle_first_stair_count
    second = first if cycle_second_step_size is None else cycle_second_step_size
    more_stairs = stairs if cycle_second_stair_count is None else cycle_second_stair_count

    def cycle(low: float, high: float, end: float, rate: float, power: float) -> Schedule:
        up = _stairs(Linear(low, high, stairs or first), first)
        down = _stairs(Linear(high, low, more_stairs or second), second, late=True) if second else None
        per_step = rate / decay_step_size if decay_step_size else 0.0
        after = InversePower(end, per_step, power) if per_step else Constant(end)
        return up >> down >> after if down else up >> after

    rates = cycle(cycle_min_lr, cycle_max_lr, cycle_min_lr, decay_lr_rate, 1.0)
    others = {}
    if cycle_momentum:
        momentum = cycle(cycle_max_mom, cycle_min_mom, cycle_max_mom, decay_mom_rate, -1.0)
        others["betas"] = (Constant(cycle_min_mom, 1) >> momentum.tail(1), 0.99)
    return ToolSchedule("OneCycle", rates, cycle_max_lr, cycle_min_lr, first, first + second, others=others)


def _stairs(line: Linear, steps: int, late: bool = False) -> Schedule:
    """A line of stairs over these steps; with `late`, each stair ends at its first step rather than begins there."""
    if line.steps == steps:
        return line
    wide = steps // math.gcd(steps, line.steps)
    stairs = line.every(wide)
    if late:
        stairs = stairs.tail(wide - 1).head(line.steps * wide)
    return stairs if stairs.steps == steps else stairs.stretch(steps)
