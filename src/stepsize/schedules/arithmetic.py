"""Schedules added, multiplied, divided, raised to a power, compared and bounded, step by step."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any

from stepsize.arguments import Many, Number, Real
from stepsize.errors import ArgumentError
from stepsize.schedules.base import Schedule, operand_of
from stepsize.schedules.maths import Maths, Value
from stepsize.schedules.shape import Wrapper

Operand = Schedule | float


def _operands(owner: str, name: str, value: Any) -> tuple[Operand, ...]:
    """The rule of all classes: two or more, not all of them numbers; those of an operand of the same class follow."""
    operands: list[Operand] = []
    for operand in Many(_operand, empty=True)(owner, name, value):
        flat = isinstance(operand, _Pointwise) and type(operand).__name__ == owner
        operands.extend(operand.operands if flat else (operand,))
    if len(operands) < 2 or not any(isinstance(operand, Schedule) for operand in operands):
        raise ArgumentError(owner, name, "at least two operands, one of them a schedule", value)
    return tuple(operands)


def _operand(owner: str, name: str, value: Any) -> Operand:
    return value if isinstance(value, Schedule) else Number()(owner, name, value)


@dataclass(frozen=True, repr=False)
class _Pointwise(Schedule):
    """Operands under one operator, from the left; as long as the longest of them."""

    operands: Annotated[tuple[Operand, ...], _operands]

    @property
    def steps(self) -> float:  # type: ignore[override]
        return max(child.steps for child in self._children)

    @property
    def _children(self) -> Sequence[Schedule]:
        return [operand for operand in self.operands if isinstance(operand, Schedule)]

    def _values(self, t: Value, m: Maths) -> list[Value]:
        return [operand._at(t, m) if isinstance(operand, Schedule) else operand for operand in self.operands]


class Sum(_Pointwise):
    """`a + b`: the sum at every step."""

    _binds = 2

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(operator.add, self._values(t, m))

    def _text(self) -> str:
        text = _bracketed(self.operands[0], Sum._binds)
        for operand in self.operands[1:]:
            if isinstance(operand, float) and operand < 0.0:
                text += f" - {-operand!r}"
            elif isinstance(operand, Product) and operand.operands[0] == -1.0:
                text += f" - {_product_text(operand.operands[1:])}"
            else:
                text += f" + {_bracketed(operand, Sum._binds)}"
        return text


class Product(_Pointwise):
    """`a * b`: the product at every step."""

    _binds = 3

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(operator.mul, self._values(t, m))

    def _text(self) -> str:
        return _product_text(self.operands)


class Minimum(_Pointwise):
    """`minimum(a, b)`: the smallest value at every step."""

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(m.minimum, self._values(t, m))

    def _text(self) -> str:
        return f"minimum({', '.join(_bracketed(operand, 0) for operand in self.operands)})"


class Maximum(_Pointwise):
    """`maximum(a, b)`: the largest value at every step."""

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(m.maximum, self._values(t, m))

    def _text(self) -> str:
        return f"maximum({', '.join(_bracketed(operand, 0) for operand in self.operands)})"


def minimum(*operands: Operand) -> Schedule:
    """The smallest of schedules and numbers at every step; as long as the longest schedule.

    Example:
        >>> minimum(Linear(0.0, 1.0, 4), 0.5, Constant(0.3, 6)).sample()
        array([0.  , 0.25, 0.3 , 0.3 , 0.3 , 0.3 ])
    """
    return Minimum(tuple(operand_of("minimum", operand) for operand in operands))


def maximum(*operands: Operand) -> Schedule:
    """The largest of schedules and numbers at every step; as long as the longest schedule.

    Example:
        >>> maximum(Exponential(0.6, 0.5), 0.1)([0, 1, 2, 3])
        array([0.6 , 0.3 , 0.15, 0.1 ])
    """
    return Maximum(tuple(operand_of("maximum", operand) for operand in operands))


@dataclass(frozen=True, repr=False)
class Quotient(Wrapper):
    """`a / 2`: a schedule divided by a number."""

    divisor: Real

    _binds = 3

    def _validate(self) -> None:
        if self.divisor == 0.0:
            raise ArgumentError("the right of /", "", "a number other than 0", self.divisor)

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(t, m) / self.divisor

    def _text(self) -> str:
        return f"{_bracketed(self.schedule, Quotient._binds)} / {self.divisor!r}"


@dataclass(frozen=True, repr=False)
class Power(Wrapper):
    """`a ** p`: a schedule raised to a power."""

    exponent: Real

    _binds = 4

    def _at(self, t: Value, m: Maths) -> Value:
        return m.power(self.schedule._at(t, m), self.exponent)

    def _text(self) -> str:
        # ** groups from the right, so a power that is raised again needs brackets.
        return f"{_bracketed(self.schedule, Power._binds + 1)} ** {self.exponent!r}"


@dataclass(frozen=True, repr=False)
class Clip(Wrapper):
    """`a.clip(low, high)`: never below `low` nor above `high`."""

    low: Real
    high: Annotated[float, Number(infinite=True)] = math.inf

    def _validate(self) -> None:
        if self.low > self.high:
            raise ArgumentError("Clip", "low", f"at most high = {self.high}", self.low, "exchange the two")

    def _at(self, t: Value, m: Maths) -> Value:
        return m.minimum(m.maximum(self.schedule._at(t, m), self.low), self.high)


def _product_text(operands: Sequence[Operand]) -> str:
    # A quotient binds as tightly as a product, so it needs no brackets only in first place.
    first, *others = operands
    return " * ".join([_bracketed(first, Product._binds), *(_bracketed(each, Product._binds + 1) for each in others)])


def _bracketed(operand: Operand, binding: int) -> str:
    """The text of an operand, in brackets if it binds less tightly than its operator."""
    if isinstance(operand, float):
        return repr(operand)
    return operand._text() if operand._binds >= binding else f"({operand._text()})"


OPERATORS = (Sum, Product, Minimum, Maximum, Quotient, Power, Clip)
FUNCTIONS = (minimum, maximum)
