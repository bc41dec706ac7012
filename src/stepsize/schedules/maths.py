"""The functions of a formula, under the same names for every kind of number.

A formula is written once, against `m`: `m.sqrt(t / 10)`. SCALAR has the functions of Python floats, which a scheduler
needs at every update and which are ten times as fast as NumPy on a single number; ARRAY has those of NumPy. Those of
other array libraries are made in `arrays`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

Value = Any
"""A float, or an array: whatever the step was. Typed loosely because one formula serves all."""


@dataclass(frozen=True, eq=False)
class Maths:
    """The functions that a formula may use."""

    cos: Callable[[Value], Value]
    sqrt: Callable[[Value], Value]
    floor: Callable[[Value], Value]
    power: Callable[[Value, Value], Value]  # base^exponent; infinite if it overflows
    minimum: Callable[[Value, Value], Value]
    maximum: Callable[[Value, Value], Value]
    where: Callable[[Value, Value, Value], Value]  # evaluates both values
    count: Callable[[Sequence[float], Value], Value]  # the number of boundaries <= t; they are in rising order
    take: Callable[[Sequence[float], Value], Value]  # the item at a whole number, or at an array of them
    half_wave: Callable[[Value, Value], tuple[Value, Value]]  # w = (1 + cos(pi z)) / 2 and 1 - w, from z and 1 - z
    scaled: Callable[[Value, Value, Value, float], Value]  # the step t a / b; a t is at most the last argument
    clock: Callable[[Value], Value]  # a computed number as the step of another schedule
    pi: float = math.pi


class Column(tuple[float, ...]):
    """Numbers for `count` and `take`; converts them to an array only once."""

    @cached_property
    def array(self) -> Floats:
        """The same numbers."""
        return np.array(self, dtype=np.float64)


def _power(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def _half_wave(z: float, rest: float) -> tuple[float, float]:
    w = (1.0 + math.cos(math.pi * z)) / 2.0
    return w, 1.0 - w


def _half_waves(z: Floats, rest: Floats) -> tuple[Floats, Floats]:
    w = (1.0 + np.cos(np.pi * z)) / 2.0
    return w, 1.0 - w


def _array(numbers: Sequence[float]) -> Floats:
    return numbers.array if isinstance(numbers, Column) else np.array(numbers, dtype=np.float64)


SCALAR = Maths(
    cos=math.cos,
    sqrt=math.sqrt,
    floor=math.floor,
    power=_power,
    minimum=min,
    maximum=max,
    where=lambda condition, x, y: x if condition else y,
    count=bisect_right,
    take=lambda values, index: values[int(index)],
    half_wave=_half_wave,
    scaled=lambda t, a, b, _: t * a / b,
    clock=lambda t: t,
)
ARRAY = Maths(
    cos=np.cos,
    sqrt=np.sqrt,
    floor=np.floor,
    power=np.power,
    minimum=np.minimum,
    maximum=np.maximum,
    where=np.where,
    count=lambda boundaries, t: np.searchsorted(_array(boundaries), t, side="right"),
    take=lambda values, index: _array(values)[index.astype(np.intp)],
    half_wave=_half_waves,
    scaled=lambda t, a, b, _: t * a / b,
    clock=lambda t: t,
)
