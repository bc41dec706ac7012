"""Schedules added, multiplied, divided and bounded, step by step."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any

from stepsize.arguments import Many, Number, Real
from stepsize.errors import ArgumentError
from stepsize.schedules.base import Schedule
from stepsize.schedules.maths import Maths, Value
from stepsize.schedules.shape import Wrapper

Operand = Schedule | float


def _operands(owner: str, name: str, value: Any) -> tuple[Operand, ...]:
    """The rule of both classes: two or more, not all of them numbers; nested sums (or products) are flattened."""
    operands: list[Operand] = []
    for operand in Many(_operand)(owner, name, value):
        flat = isinstance(operand, Sum | Product) and type(operand).__name__ == owner
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


@dataclass(frozen=True, repr=False)
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


@dataclass(frozen=True, repr=False)
class Product(_Pointwise):
    """`a * b`: the product at every step."""

    _binds = 3

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(operator.mul, self._values(t, m))

    def _text(self) -> str:
        return _product_text(self.operands)


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


OPERATORS = (Sum, Product, Quotient, Clip)
