"""The shapes as cases of values."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from stepsize.arguments import LONGEST
from stepsize.errors import ArgumentError
from stepsize.interop.codegen.cases import Let, Node, cases, few
from stepsize.interop.codegen.clock import Clock
from stepsize.interop.codegen.program import Program
from stepsize.interop.codegen.terms import Expr, Language, Value, number, rounded
from stepsize.schedules.base import Schedule
from stepsize.schedules.formulas import (
    Between,
    Constant,
    Cosine,
    Exponential,
    Geometric,
    InversePower,
    Linear,
    Logarithmic,
    OneMinusSqrt,
    Polynomial,
    Rex,
    Staircase,
)
from stepsize.schedules.piecewise import Knots, MultiStep, Piecewise, Table, Triangle

_FEW = 8  # up to this many knots are cases; more become lists

_ONE = Expr("1")


def translated(schedule: Schedule, clock: Clock, program: Program) -> Node:
    """The code of a shape on a clock."""
    language = program.language
    match schedule:
        case Constant(value):
            return Value(value)
        case Between():
            way = Value(schedule.start) if _is_one_step(schedule, clock) else _between(schedule, clock, language)
            return in_turn(clock, [(schedule.steps, way), (math.inf, Value(schedule.end))])
        case Exponential(start, factor, per):
            return Value.of(language.power_of(factor, clock.progress(per)), start)
        case InversePower(start, rate, power):
            return _inverse_power(start, rate, power, clock, language)
        case Triangle(low, high, up, down):
            rising = _line(low, high, up, clock)
            falling = _line(high, low, down, clock.after(up))
            return in_turn(clock, [(up, rising), (up + down, falling), (math.inf, Value(low))])
        case Staircase(start, factor, every):
            if clock.is_whole:
                count, _, _ = clock.divided(every, in_32_bits=language.jax)
                return Value.of(language.power_of(factor, count), start)
            return _stairs(schedule, [every * i for i in range(1, few(clock.longest // every) + 1)], clock)
        case Table(values):
            if clock.is_whole:
                index, _, _ = clock.divided(1, in_32_bits=language.jax)
                item = Value.of(Expr(f"{program.add_list('VALUES', values)}[{index.text}]"))
                return in_turn(clock, [(len(values), item), (math.inf, Value(values[-1]))])
            return _stairs(schedule, range(1, few(len(values))), clock)
        case MultiStep() | Piecewise():
            return _stairs(schedule, schedule.boundaries, clock)
        case Knots(points, shape):
            if len(points) > _FEW and clock.is_whole:
                return _long_knots(points, shape, clock, program)
            return _knots(points, shape, clock, language)
    raise ArgumentError("to_code", "schedule", "made of the shapes of stepsize", schedule)


def in_turn(clock: Clock, parts: Sequence[tuple[float, Node]]) -> Node:
    """Nodes one after another, each up to a step of the clock; the last has no end."""
    variable, _ = clock.reaches(0)
    bounds = [clock.reaches(stop)[1] if stop < math.inf else stop for stop, _ in parts]
    return cases(variable, [(bound, node) for bound, (_, node) in zip(bounds, parts, strict=True)])


def _stairs(schedule: Schedule, boundaries: Sequence[int], clock: Clock) -> Node:
    values = [Value(rounded(schedule(step))) for step in (0, *boundaries)]
    return in_turn(clock, list(zip([*boundaries, math.inf], values, strict=True)))


def _is_one_step(schedule: Between, clock: Clock) -> bool:
    """Whether the variable has one value only before the end, at which the schedule starts."""
    return clock.is_whole and clock.start.denominator == 1 and schedule.steps <= clock.rate


def _line(start: float, end: float, steps: float | Fraction, clock: Clock) -> Value:
    if start < end:
        return Value.of(clock.progress(steps), rounded(end - start), start)
    return Value.of(clock.rest(steps), rounded(start - end), end)


def _wave(start: float, end: float, steps: float | Fraction, clock: Clock, language: Language) -> Value:
    angle = Expr(f"{language.module}.pi") * clock.progress(steps)
    cos = language.call("cos", angle)
    if start < end:
        return Value.of(_ONE - cos, rounded((end - start) / 2), start)
    return Value.of(_ONE + cos, rounded((start - end) / 2), end)


def _between(schedule: Between, clock: Clock, language: Language) -> Value:
    start, end, n = schedule.start, schedule.end, schedule.steps
    fall = rounded(start - end)
    match schedule:
        case Linear():
            return _line(start, end, n, clock)
        case Cosine():
            return _wave(start, end, n, clock, language)
        case Polynomial(power=power):
            return Value.of(language.power(clock.rest(n), power), fall, end)
        case Geometric():
            return Value.of(language.power_of(rounded(end / start), clock.progress(n)), start)
        case OneMinusSqrt():
            root = language.power(clock.progress(n), 0.5)
            return Value.of(root, -fall, start) if start < end else Value.of(_ONE - root, fall, end)
        case Logarithmic():
            grown = clock.after(-1).progress(1)
            log = language.call("log", language.not_below(1, grown))
            return Value.of(log / Expr(f"math.log({number(n + 1).text})"), -fall, start)
        case Rex(beta=beta):
            remaining, length = clock.remaining(n)
            bent = number(rounded((1 - beta) * float(length))) + number(beta) * remaining
            return Value.of(remaining / bent, fall, end)
    raise ArgumentError("to_code", "schedule", "made of the shapes of stepsize", schedule)  # a subclass of a user's


def _inverse_power(start: float, rate: float, power: float, clock: Clock, language: Language) -> Value:
    if rate == 0 or power == 0:
        return Value(start)
    length = 1 / rate
    n = round(min(length, LONGEST))
    if n >= 1 and abs(length - n) < 1e-12 * length:  # (t + n) / n, in which a warmup of n cancels
        grown = clock.after(-n)
        inverse = number(n) / grown.gone if clock.rate == 1 else _ONE / grown.progress(n)
    else:
        inverse = _ONE / (_ONE + number(rate) * clock.progress(1))
    return Value.of(language.power(inverse, power), start)


def _knots(points: Sequence[tuple[float, float]], shape: str, clock: Clock, language: Language) -> Node:
    parts: list[tuple[float, Node]] = [(points[0][0], Value(points[0][1]))]
    for (begin, start), (stop, end) in pairwise(points):
        local, length = clock.after(begin), Fraction(stop) - Fraction(begin)
        line = _line(start, end, length, local) if shape == "linear" else _wave(start, end, length, local, language)
        parts.append((stop, line))
    return in_turn(clock, [*parts, (math.inf, Value(points[-1][1]))])


def _long_knots(points: Sequence[tuple[float, float]], shape: str, clock: Clock, program: Program) -> Node:
    places = [clock.start + Fraction(step) / clock.rate for step, _ in points]
    steps, values = program.add_list("STEPS", places), program.add_list("VALUES", [value for _, value in points])
    i, z = program.new_name("i"), program.new_name("z")
    statements = program.located(steps, clock, i, z)
    if shape == "cosine":
        module = program.language.module
        statements.append(f"{z} = (1 - {module}.cos({module}.pi * {z})) / 2")
    there = f"{values}[{i}] + ({values}[{i} + 1] - {values}[{i}]) * {z}"
    (begin, start), (stop, end) = points[0], points[-1]
    parts = [(begin, Value(start)), (stop, Value.of(Expr(there, 2))), (math.inf, Value(end))]
    return Let(tuple(statements), in_turn(clock, parts))
