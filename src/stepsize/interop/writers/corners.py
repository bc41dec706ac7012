"""The steps at which a schedule may bend or jump; between them it is smooth."""

import math
from collections.abc import Iterable, Iterator

from stepsize.schedules import Knots, MultiStep, Piecewise, Schedule, Staircase, Triangle
from stepsize.schedules.clock import Chain, Every, Head, Repeat, Shift, Stretch, Tail, Warp

_MOST = 50
"""At most this many cycles and stairs are listed; their number may be infinite."""


def corners(schedule: Schedule) -> list[int]:
    """Step 0, and the steps at which the schedule may bend or jump, in rising order; the end is the last.

    Of an endless number, those at the beginning.

    Example:
        >>> from stepsize import Constant, Cosine, Linear
        >>> corners(Linear(0.0, 0.3, 10) >> Constant(0.3, 80) >> Cosine(0.3, 0.03, 10).tail(1))
        [0, 10, 90, 99]
    """
    found = {0, *_inside(schedule)}
    if schedule.steps < math.inf:
        found.add(int(schedule.steps))
    return sorted({round(each) for each in found if 0 <= each <= schedule.steps})


def _inside(schedule: Schedule) -> Iterable[float]:
    match schedule:
        case Chain():
            starts = zip(schedule.starts, schedule.parts, strict=True)
            return [start + each for start, part in starts for each in corners(part)]
        case Piecewise() | MultiStep():
            return schedule.boundaries
        case Triangle():
            return [schedule.up]
        case Knots():
            return [end for step, _ in schedule.points for end in (math.floor(step), math.ceil(step))]
        case Staircase():
            return [schedule.every_ * i for i in range(_MOST)]
        case Repeat():
            return _of_cycles(schedule)
        case Shift():
            return [schedule.n, *(each + schedule.n for each in corners(schedule.schedule))]
        case Tail():
            return [each - schedule.n for each in corners(schedule.schedule)]
        case Every():
            return [each * schedule.n for each in corners(schedule.schedule)]
        case Stretch():
            return [each * schedule.n / schedule.schedule.steps for each in corners(schedule.schedule)]
        case Warp():
            steps = schedule.steps
            return [steps * (each / steps) ** (1 / schedule.power) for each in corners(schedule.schedule)]
        case Head():
            return corners(schedule.schedule)
    return [each for child in schedule._children for each in corners(child)]


def _of_cycles(schedule: Repeat) -> Iterator[float]:
    start, steps, inside = 0, schedule.schedule.steps, corners(schedule.schedule)
    for i in range(int(min(schedule.times, _MOST))):
        cycle = math.floor(steps * schedule.stretch_**i + 0.5)
        yield from (start + each * cycle / steps for each in inside)
        start += cycle
