"""A schedule as plain shapes one after another, and the steps at which it may bend or jump."""

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from stepsize.schedules import (
    Constant,
    Cosine,
    Geometric,
    Knots,
    Linear,
    MultiStep,
    Piecewise,
    Schedule,
    Staircase,
    Triangle,
)
from stepsize.schedules.arithmetic import Product, Quotient, Sum
from stepsize.schedules.clock import Chain, Every, Head, Repeat, Shift, Stretch, Tail, Warp
from stepsize.schedules.formulas import Between

Pieces = list[tuple[int, Schedule]]
"""The first step of each shape, and the shape on a clock of its own; the last is held."""

_MOST = 100  # cycles that are taken apart
_MOST_LISTED = 50  # cycles and stairs whose corners are listed; their number may be infinite
_HEIGHTS = ("value", "start", "end")


def pieces(schedule: Schedule) -> Pieces:
    """The shapes of a schedule; one that cannot be taken apart is one of them.

    Example:
        >>> pieces((Linear(0.0, 1.0, 4) >> Cosine(1.0, 0.5, 6).head(3)) * 0.5)
        [(0, Linear(0.0, 0.5, 4)), (4, Cosine(0.5, 0.25, 6)), (7, Constant(0.375))]
    """
    match schedule:
        case Chain():
            return _chained(zip(schedule.starts, schedule.parts, strict=True))
        case Head(inner, n):
            return pieces(inner) if n >= inner.steps else _chained([(0, inner), (n, Constant(schedule(n)))])
        case Shift(inner, n):
            return _chained([(0, Constant(inner(0))), (n, inner)])
        case Tail(Linear() as line, n) if n < line.steps:
            return [(0, Linear(line(n), line.end, line.steps - n))]
        case Stretch(Between() as way, n):
            return [(0, replace(way, steps=n))]
        case Repeat() if schedule.times <= _MOST:
            return _chained(_cycles(schedule))
        case Triangle(low, high, up, down):
            return [(0, Linear(low, high, up)), (up, Linear(high, low, down))]
        case Piecewise(values, boundaries):
            return _chained(zip((0, *boundaries), map(Constant, values), strict=True))
        case Knots(points, shape) if all(step == int(step) for step, _ in points):
            kind = Linear if shape == "linear" else Cosine
            ways = [(int(a), kind(u, v, int(b - a))) for (a, u), (b, v) in pairwise(points)]
            return _chained([(0, Constant(points[0][1])), *ways])
        case Quotient(inner, divisor):
            return [(start, _scaled(each, 1.0 / divisor)) for start, each in pieces(inner)]
        case Product((float(factor), Schedule() as inner) | (Schedule() as inner, float(factor))):
            return [(start, _scaled(each, factor)) for start, each in pieces(inner)]
        case Sum((float(level), Schedule() as inner) | (Schedule() as inner, float(level))):
            return [(start, _raised(each, level)) for start, each in pieces(inner)]
    return [(0, schedule)]


def _chained(parts: Iterable[tuple[int, Schedule]]) -> Pieces:
    found: Pieces = []
    for start, part in parts:
        found = [each for each in found if each[0] < start]
        found += [(start + step, each) for step, each in pieces(part)]
    return found


def _cycles(schedule: Repeat) -> Iterable[tuple[int, Schedule]]:
    start = 0
    for i in range(int(schedule.times)):
        cycle = schedule.schedule
        if schedule.stretch_ != 1.0:
            cycle = cycle.stretch(int(schedule.starts[i + 1]) - start)
        yield start, cycle * schedule.scale**i if i and schedule.scale != 1.0 else cycle
        start += int(cycle.steps)


def _scaled(shape: Any, factor: float) -> Schedule:
    heights = {name: getattr(shape, name) for name in _HEIGHTS if hasattr(shape, name)}
    if not heights or (factor <= 0.0 and isinstance(shape, Geometric)):
        return shape * factor  # type: ignore[no-any-return]
    scaled: Schedule = replace(shape, **{name: factor * height for name, height in heights.items()})
    return scaled


def _raised(shape: Schedule, level: float) -> Schedule:
    match shape:
        case Constant(value, steps):
            return Constant(value + level, steps)
        case Between() if not isinstance(shape, Geometric):
            return replace(shape, start=shape.start + level, end=shape.end + level)
    return shape + level


def corners(schedule: Schedule) -> list[int]:
    """Step 0, and the steps at which the schedule may bend or jump, in rising order; the end is the last.

    Of an endless number, those at the beginning.

    Example:
        >>> from stepsize import Constant, Cosine, Linear
        >>> corners(Linear(0.0, 0.3, 10) >> Constant(0.3, 80) >> Cosine(0.3, 0.03, 10).tail(1))
        [0, 10, 90, 99]
    """
    found = (0, schedule.steps, *_inside(schedule))
    return sorted({round(each) for each in found if 0 <= each <= schedule.steps and each < math.inf})


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
            return [schedule.every_ * i for i in range(_MOST_LISTED)]
        case Repeat():
            inside, steps = corners(schedule.schedule), schedule.schedule.steps
            cycles = pairwise(schedule.starts[: _MOST_LISTED + 1])
            return [start + each * (end - start) / steps for start, end in cycles for each in inside]
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
    return [each for child in schedule._children for each in corners(child)]
