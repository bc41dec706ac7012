"""The functions of a formula, under the same names for every kind of number.

A formula is written once, against `m`: `m.sqrt(t / 10)`. SCALAR has the functions of Python floats, which a scheduler
needs at every update and which are ten times as fast as NumPy on a single number; ARRAY has those of NumPy. Those of
other array libraries are made in `arrays`.
"""

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

Value = Any
"""A float, or an array: whatever the step was. Typed loosely because one formula serves all."""


@dataclass(frozen=True, eq=False)
class Maths:
    """The functions that a formula may use."""

    cos: Callable[[Value], Value]
    log: Callable[[Value], Value]
    sqrt: Callable[[Value], Value]
    floor: Callable[[Value], Value]
    power: Callable[[Value, Value], Value]  # base^exponent; infinite if it overflows, nan if it is not real
    minimum: Callable[[Value, Value], Value]
    maximum: Callable[[Value, Value], Value]
    where: Callable[[Value, Value, Value], Value]  # evaluates both values
    count: Callable[[Sequence[float], Value], Value]  # the number of boundaries <= t; they are in rising order
    take: Callable[[Sequence[float], Value], Value]  # the item at an index, as `count` and `floor` give them
    half_wave: Callable[[Value, Value], tuple[Value, Value]]  # w = (1 + cos(pi z)) / 2 and 1 - w, from z and 1 - z
    scaled: Callable[[Value, Value, Value, float], Value]  # the step t a / b; the last argument bounds t a
    as_step: Callable[[Value], Value]  # a computed number as the step of another schedule
    pi: float = math.pi
    largest_step: float = math.inf  # that the library can count to
    rounding: float = 2.0**-51  # the largest relative error of a quotient, and of a product with it


T = TypeVar("T")


class computed_once(Generic[T]):  # noqa: N801  (a decorator)
    """A property that is computed once. PyTorch's compiler can trace it, unlike that of functools in Python 3.11."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute

    def __get__(self, owner: Any, cls: type) -> T:
        value = self._compute(owner)
        object.__setattr__(owner, self._compute.__name__, value)
        return value


class Column(tuple[float, ...]):
    """Numbers for `count` and `take`; converts them to an array only once."""

    @computed_once
    def array(self) -> Floats:
        """The same numbers."""
        return np.array(self, dtype=np.float64)


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):  # NumPy has a value for each: inf, -inf or nan
        with np.errstate(all="ignore"):
            return float(np.power(float(base), float(exponent)))


def _half_wave(cos: Callable[[Value], Value]) -> Callable[[Value, Value], tuple[Value, Value]]:
    def half_wave(z: Value, rest: Value) -> tuple[Value, Value]:
        w = (1.0 + cos(math.pi * z)) / 2.0
        return w, 1.0 - w

    return half_wave


def _array(numbers: Sequence[float]) -> Floats:
    return numbers.array if isinstance(numbers, Column) else np.array(numbers, dtype=np.float64)


SCALAR = Maths(
    cos=math.cos,
    log=math.log,
    sqrt=math.sqrt,
    floor=math.floor,
    power=_power,
    minimum=min,
    maximum=max,
    where=lambda condition, x, y: x if condition else y,
    count=bisect_right,
    take=operator.getitem,
    half_wave=_half_wave(math.cos),
    scaled=lambda t, a, b, _: t * a / b,
    as_step=lambda x: x,
)
ARRAY = Maths(
    cos=np.cos,
    log=np.log,
    sqrt=np.sqrt,
    floor=np.floor,
    power=np.power,
    minimum=np.minimum,
    maximum=np.maximum,
    where=np.where,
    count=lambda boundaries, t: np.searchsorted(_array(boundaries), t, side="right"),
    take=lambda values, index: _array(values)[index.astype(np.intp)],
    half_wave=_half_wave(np.cos),
    scaled=lambda t, a, b, _: t * a / b,
    as_step=lambda x: x,
)
