"""Phases and shapes that several tools have, as a person writes them: no phase of 0 steps, no digits of rounding."""

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import rshift
from typing import Annotated

from stepsize.arguments import Choice
from stepsize.errors import ArgumentError
from stepsize.schedules import Constant, Cosine, Knots, Linear, Polynomial, Schedule

Way = Callable[[float, float, int], Schedule]
Anneal = Annotated[str, Choice(("cos", "linear"))]


def phase(shape: Way, start: float, end: float, steps: int) -> Schedule | None:
    """A shape over some steps; None for 0 steps or fewer."""
    return shape(start, end, steps) if steps > 0 else None


def level(rate: float, steps: int) -> Schedule | None:
    """A constant rate over some steps; None for 0 steps or fewer."""
    return Constant(rate, steps) if steps > 0 else None


def joined(*phases: Schedule | None) -> Schedule:
    """The phases that there are, one after the other; a last constant is left out if the rates have come down to it."""
    given = [each for each in phases if each is not None]
    if len(given) > 1 and isinstance(given[-1], Constant):
        before, end = given[-2], given[-1].value
        if before(0) > end and math.isclose(before(before.steps), end, rel_tol=1e-12):
            given.pop()
    return reduce(rshift, given)


def in_turn(parts: Iterable[tuple[Schedule, float]]) -> Schedule:
    """Each schedule for its steps, one after the other; one of 0 steps is left out, and the last does not end."""
    *first, (last, _) = (part for part in parts if part[1])
    return reduce(rshift, [*(cut(schedule, int(steps)) for schedule, steps in first), last])


def cut(schedule: Schedule, steps: int) -> Schedule:
    """The first steps of a schedule; a shorter one holds its end."""
    if isinstance(schedule, Constant):
        return Constant(schedule.value, steps)
    if schedule.steps < steps:
        return schedule >> Constant(schedule(steps), steps - int(schedule.steps))
    return schedule if schedule.steps == steps else schedule.head(steps)


def begun(schedule: Schedule, steps: int) -> Schedule:
    """A schedule that began some steps ago."""
    if steps == 0 or isinstance(schedule, Constant):
        return schedule
    return schedule.tail(steps) if steps < schedule.steps else Constant(schedule(steps))


def polynomial(start: float, end: float, steps: int, power: float) -> Schedule:
    """A polynomial way; a line if that is what it is."""
    return Linear(start, end, steps) if power == 1.0 else Polynomial(start, end, steps, power)


def above(low: float, schedule: Schedule) -> Schedule:
    """A schedule on top of a minimum."""
    return schedule + low if low else schedule


def wave(high: float, low: float, steps: int, periods: float = 0.5) -> Schedule:
    """A cosine wave from `high` on, with `periods` of them in `steps` steps; it goes on for ever."""
    if periods == 0:
        return Constant(high)
    half = Fraction(steps) / Fraction(repr(2 * abs(periods)))
    if half.denominator == 1:
        return (Cosine(high, low, half.numerator) >> Cosine(low, high, half.numerator)).repeat(math.inf)
    several = (Cosine(high, low, 1) >> Cosine(low, high, 1)).repeat(half.denominator)
    return several.stretch(2 * half.numerator).repeat(math.inf)


def waves(high: float, low: float, steps: int, periods: float) -> Schedule:
    """`periods` periods of a cosine wave over `steps` steps; then its last value is held."""
    return Cosine(high, low, steps) if periods == 0.5 else wave(high, low, steps, periods).head(steps)


def one_cycle(
    rates: tuple[float, float, float], steps: int, part: float, shape: str, three_phase: bool, setting: str
) -> Knots:
    """PyTorch's OneCycleLR: from the first rate to the second in a part of the steps, named by `setting`, and down."""
    first, peak, end = rates
    last, top = steps - 1, part * steps - 1
    if not 0 < top < (last / 2 if three_phase else last):
        raise ArgumentError("OneCycleLR", setting, "such that all phases have a step", part)
    middle = [(2 * top, first)] if three_phase else []
    return Knots(((0, first), (top, peak), *middle, (last, end)), "cosine" if shape == "cos" else "linear")


def times(rate: float, factor: float) -> float:
    """The product of two numbers as they are written: 0.1 times 3e-4 is 3e-05, and not 3.0000000000000004e-05."""
    return float(Decimal(repr(rate)) * Decimal(repr(factor)))


def minus(rate: float, other: float) -> float:
    """The difference of two numbers as they are written."""
    return float(Decimal(repr(rate)) - Decimal(repr(other)))


def divided(rate: float, parts: int) -> float:
    """A number as it is written, divided."""
    return float(Decimal(repr(rate)) / parts)
