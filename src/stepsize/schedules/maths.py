"""The functions of a formula, under the same names for Python floats and for NumPy arrays.

A formula is written once, against `m`, and works for both: `m.cos(m.pi * t)`. A scheduler needs a single number at
every update, and on a single number Python floats are ten times as fast as NumPy.
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
"""A float, or a float64 array: whatever the step was. Typed loosely because one formula serves both."""


@dataclass(frozen=True, eq=False)
class Maths:
    """The functions that a formula may use; there are two sets, SCALAR and ARRAY."""

    cos: Callable[[Value], Value]
    sqrt: Callable[[Value], Value]
    floor: Callable[[Value], Value]
    power: Callable[[Value, Value], Value]  # base^exponent; infinite if it overflows, nan if it is not real
    minimum: Callable[[Value, Value], Value]
    maximum: Callable[[Value, Value], Value]
    where: Callable[[Value, Value, Value], Value]  # evaluates both values
    count: Callable[[Sequence[float], Value], Value]  # the number of boundaries <= t; they are in rising order
    take: Callable[[Sequence[float], Value], Value]  # the item at a whole number, or at an array of them
    pi: float = math.pi
    rounding: float = 2.0**-51  # relative, of a quotient, and of a product with it


class Column(tuple[float, ...]):
    """Numbers for `count` and `take`; converts them to an array only once."""

    @cached_property
    def array(self) -> Floats:
        """The same numbers."""
        return np.array(self, dtype=np.float64)


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):  # NumPy has a value for each: inf, -inf or nan
        with np.errstate(all="ignore"):
            return float(np.power(float(base), float(exponent)))


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
)
