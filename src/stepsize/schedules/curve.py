"""A schedule as a curve: the points to draw it by, and the round numbers beside it."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stepsize.schedules.base import Schedule
from stepsize.schedules.function import Function

Floats = NDArray[np.float64]

ENDLESS_STEPS = 1000
"""How much is shown of a schedule that never ends."""
FEWEST, MOST, BINS = 4096, 2**18, 330


def shown_steps(schedules: Iterable[Schedule]) -> int:
    """How many steps a picture of these covers: the longest that ends, or 1,000 where none does."""
    return max((int(schedule.steps) for schedule in schedules if schedule.steps != math.inf), default=ENDLESS_STEPS)


def curve(schedule: Schedule, last: int) -> tuple[Floats, Floats]:
    """Steps 0 .. last, both included, and the values there: at most some 2,000 points.

    Every whole step of up to 262,144 is looked at, and short schedules between the whole steps too; of longer ones,
    so many steps at even distances, and what jumps up and down again between two of them is not seen. Of what was
    seen in each of 330 stretches, its ends, its extremes and both sides of its largest jump are kept.

    Raises:
        StepError: the schedule has no finite value at some step.
    """
    if 0 < last < FEWEST and not _takes_whole_steps(schedule):
        parts = math.ceil(FEWEST / last)
        # Values jump at whole steps: the point just before one keeps the jump upright.
        just_before = np.nextafter(np.arange(1.0, last + 1), 0.0)
        steps = np.union1d(np.arange(last * parts + 1) / parts, just_before)
    else:
        steps = np.unique(np.linspace(0, last, min(last, MOST) + 1).round())
    return _thinned(steps, schedule(steps))


def _takes_whole_steps(schedule: Schedule) -> bool:
    """A function of the user's own need not have values between the steps."""
    return isinstance(schedule, Function) or any(_takes_whole_steps(child) for child in schedule._children)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= 6 * BINS:
        return x, y
    bounds = np.linspace(0, len(x), BINS + 1).astype(int).tolist()
    jumps = np.abs(np.diff(y / 2))
    keep = {len(x) - 1}
    for start, end in itertools.pairwise(bounds):
        seen = y[start:end]
        jump = start + int(jumps[start:end].argmax())
        keep |= {start, start + int(seen.argmin()), start + int(seen.argmax()), jump, jump + 1, end - 1}
    kept = sorted(keep)
    return x[kept], y[kept]


def wants_log(curves: Iterable[Floats]) -> bool:
    """Whether values ask for a log scale: all positive, and the largest more than a thousand times the smallest."""
    values = np.concatenate(list(curves))
    return bool(values.min() > 0 and values.max() / 1000 > values.min())


def whole_powers(low: float, high: float) -> range:
    """At most six whole numbers from low to high, evenly spaced."""
    first, last = math.ceil(low), math.floor(high)
    return range(first, last + 1, max(1, math.ceil((last - first + 1) / 6)))


def round_numbers(low: float, high: float) -> list[float]:
    """Some three to eight round numbers from low to high."""
    span = high - low
    if not 1e-300 < span < math.inf:
        return [low, high] if span > 1 else [low]
    power = 10.0 ** math.floor(math.log10(span / 3))
    step = max((size * power for size in (1, 2, 5) if size * power <= span / 3), default=power)
    # A bound that is itself such a number must not be lost to rounding.
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
