"""A schedule as a curve: the points to draw, and round numbers for the axes."""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from stepsize.arguments import LONGEST
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Chain, Every, Repeat, Shift
from stepsize.schedules.formulas import Exponential, Staircase
from stepsize.schedules.function import Function
from stepsize.schedules.maths import Floats
from stepsize.schedules.shape import all_of

_ENDLESS_STEPS = 1000  # the fewest shown of a schedule that never ends
_FEWEST, _MOST = 4096, 2**18  # values to look at
_BINS = 330


def shown_steps(schedules: Iterable[Schedule]) -> int:
    """The steps that a picture of these covers: those of the longest that ends, or enough to see what the others do."""
    given = list(schedules)
    ends = [int(schedule.steps) for schedule in given if schedule.steps != math.inf]
    return max(ends, default=min(LONGEST, max(_ENDLESS_STEPS, *(math.ceil(_telling_steps(each)) for each in given))))


def _telling_steps(schedule: Schedule) -> float:
    """The steps that show the form of a schedule: to its end, five stairs, four cycles, four times its beginning."""
    if schedule.steps < math.inf:
        return schedule.steps
    match schedule:
        case Chain():
            beginning = sum(part.steps for part in schedule.parts[:-1])
            return max(4 * beginning, beginning + _telling_steps(schedule.parts[-1]))
        case Staircase():
            return 5.0 * schedule.every_
        case Exponential() if 0 < schedule.factor < 1:
            return schedule.per * math.log(0.25, schedule.factor)
        case Repeat():
            return 4.0 * schedule.schedule.steps
        case Every():
            return schedule.n * _telling_steps(schedule.schedule)
        case Shift():
            return schedule.n + _telling_steps(schedule.schedule)
    return max(map(_telling_steps, schedule._children), default=0.0)


def curve(schedule: Schedule, last: int) -> tuple[Floats, Floats]:
    """Steps from 0 to `last` and the values there: at most about 2,000 points.

    Schedules of up to 262,144 steps are evaluated at every whole step, short ones between the steps too. Longer ones
    are evaluated at that many evenly spaced steps, so a spike between two of them is missed. The steps are divided
    into 330 bins; the ends, the extremes and both sides of the largest jump of each bin are kept.
    """
    if 0 < last < _FEWEST and not any(all_of(Function, schedule)):  # which may have values at whole steps only
        parts = math.ceil(_FEWEST / last)
        # Values jump at whole steps: a point just before each keeps the jump vertical.
        just_before = np.nextafter(np.arange(1.0, last + 1), 0.0)
        steps = np.union1d(np.arange(last * parts + 1) / parts, just_before)
    else:
        steps = np.unique(np.linspace(0, last, min(last, _MOST) + 1).round())
    values = schedule(steps)
    kept = drawn_places([values], _BINS)
    return steps[kept], values[kept]


def drawn_places(columns: Sequence[Floats], bins: int) -> list[int]:
    """The indices to draw: of each bin its ends, each column's extremes, and both sides of the first's largest jump."""
    size = len(columns[0])
    if size <= 6 * bins:
        return list(range(size))
    jumps = np.abs(np.diff(columns[0] / 2))  # halves, so that the largest floats do not overflow
    keep = {size - 1}
    for start, end in itertools.pairwise(np.linspace(0, size, bins + 1).astype(int).tolist()):
        jump = start + int(jumps[start:end].argmax())
        keep |= {start, jump, jump + 1, end - 1}
        keep |= {start + int(place(each[start:end])) for each in columns for place in (np.argmin, np.argmax)}
    return sorted(keep)


def wants_log(curves: Iterable[Floats]) -> bool:
    """Whether a log scale suits the values: all positive, the largest more than 1,000 times the smallest."""
    values = np.concatenate(list(curves))
    return bool(values.min() > 0 and values.max() / 1000 > values.min())


def whole_powers(low: float, high: float) -> range:
    """At most six whole numbers from low to high, evenly spaced."""
    first, last = math.ceil(low), math.floor(high)
    return range(first, last + 1, max(1, math.ceil((last - first + 1) / 6)))


def round_numbers(low: float, high: float) -> list[float]:
    """About three to eight round numbers from low to high."""
    span = high - low
    if not 1e-300 < span < math.inf:
        return [low, high] if span > 1 else [low]
    power = 10.0 ** math.floor(math.log10(span / 3))
    step = max((size * power for size in (1, 2, 5) if size * power <= span / 3), default=power)
    # The tolerance keeps a bound that is itself a round number.
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
