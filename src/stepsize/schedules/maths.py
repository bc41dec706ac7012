"""The mathematics of one step and of many: the same names over Python floats and over NumPy arrays.

A formula is written once, against `m`, and works for both: `m.cos(m.pi * t)`. The scalar form is an order of
magnitude faster than NumPy on a single number, and a scheduler asks for a single number at every update.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Value = Any
"""A float, or a float64 array: whatever the step was. Typed loosely because one formula serves both."""


@dataclass(frozen=True, eq=False)
class Maths:
    """What a formula may use; there are two of them, SCALAR and ARRAY."""

    cos: Callable[[Value], Value]
    sqrt: Callable[[Value], Value]
    floor: Callable[[Value], Value]
    power: Callable[[Value, Value], Value]
    """base^exponent; infinite where it overflows."""
    minimum: Callable[[Value, Value], Value]
    maximum: Callable[[Value, Value], Value]
    where: Callable[[Value, Value, Value], Value]
    """The second where the first holds, else the third; both are evaluated."""
    count: Callable[[Sequence[float], Value], Value]
    """How many of the rising boundaries are <= t."""
    take: Callable[[Sequence[float], Value], Value]
    """The item at an index, a whole number or an array of them."""
    pi: float = math.pi


def _power(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


class Column(tuple[float, ...]):
    """Numbers to count and to take: a tuple for one step, an array, made once, for many."""

    @cached_property
    def array(self) -> NDArray[np.float64]:
        """The same numbers."""
        return np.array(self, dtype=np.float64)


def _array(numbers: Sequence[float]) -> NDArray[np.float64]:
    return numbers.array if isinstance(numbers, Column) else np.array(numbers, dtype=np.float64)


def _count_all(boundaries: Sequence[float], t: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.searchsorted(_array(boundaries), t, side="right")


def _take_all(values: Sequence[float], index: NDArray[Any]) -> NDArray[np.float64]:
    return _array(values)[index.astype(np.intp)]


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
    count=_count_all,
    take=_take_all,
)
