"""Schedules added, multiplied, divided and bounded, step by step."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any

from stepsize.arguments import Many, Number, Real
from stepsize.errors import ArgumentError, shown
from stepsize.schedules.base import Nested, Schedule
from stepsize.schedules.maths import Maths, Value
from stepsize.schedules.wrapper import Wrapper

Operand = Schedule | float


def _operand(owner: str, name: str, value: Any) -> Operand:
    return value if isinstance(value, Schedule) else Number()(owner, name, value)


def _operands(owner: str, name: str, value: Any) -> tuple[Operand, ...]:
    """The rule of both classes: two or more, not all of them numbers, none of the class itself."""
    operands: list[Operand] = []
    for operand in Many(_operand)(owner, name, value):
        if isinstance(operand, Sum | Product) and type(operand).__name__ == owner:
            operands.extend(operand.operands)
        else:
            operands.append(operand)
    if len(operands) < 2 or not any(isinstance(operand, Schedule) for operand in operands):
        raise ArgumentError(f"{owner} needs at least two operands, one of them a schedule")
    return tuple(operands)


@dataclass(frozen=True, repr=False)
class _Pointwise(Schedule):
    """Operands under one sign, from the left; as long as the longest of them."""

    operands: Annotated[tuple[Operand, ...], _operands]

    @property
    def steps(self) -> float:  # type: ignore[override]
        """The length of the longest operand."""
        return max(child.steps for child in self._children)

    @property
    def _children(self) -> Sequence[Schedule]:
        return [operand for operand in self.operands if isinstance(operand, Schedule)]


@dataclass(frozen=True, repr=False)
class Sum(_Pointwise):
    """`a + b`: the sum at every step."""

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(operator.add, [_value(operand, t, m) for operand in self.operands])

    def _text(self) -> str:
        text = within(self.operands[0], Sum._binds)
        for operand in self.operands[1:]:
            if isinstance(operand, float) and operand < 0.0:
                text += f" - {-operand!r}"
            elif isinstance(operand, Product) and operand.operands[0] == -1.0:
                text += f" - {operand._text_of(operand.operands[1:])}"
            else:
                text += f" + {within(operand, Sum._binds)}"
        return text

    _binds = 2


@dataclass(frozen=True, repr=False)
class Product(_Pointwise):
    """`a * b`: the product at every step."""

    def _at(self, t: Value, m: Maths) -> Value:
        return reduce(operator.mul, [_value(operand, t, m) for operand in self.operands])

    def _text(self) -> str:
        return self._text_of(self.operands)

    def _text_of(self, operands: tuple[Operand, ...]) -> str:
        # A quotient binds as tightly as a product, so it needs no brackets only where it stands first.
        first, *others = operands
        return " * ".join([within(first, Product._binds), *(within(other, Product._binds + 1) for other in others)])

    _binds = 3


@dataclass(frozen=True, repr=False)
class Quotient(Schedule):
    """`a / 2`: a schedule divided by a number."""

    schedule: Nested
    divisor: Real

    def _validate(self) -> None:
        if self.divisor == 0.0:
            raise ArgumentError(f"{shown(self.schedule)} cannot be divided by zero")

    @property
    def steps(self) -> float:  # type: ignore[override]
        """The schedule's own."""
        return self.schedule.steps

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(t, m) / self.divisor

    def _text(self) -> str:
        return f"{within(self.schedule, Quotient._binds)} / {self.divisor!r}"

    _binds = 3

    @property
    def _children(self) -> Sequence[Schedule]:
        return (self.schedule,)


@dataclass(frozen=True, repr=False)
class Clip(Wrapper):
    """`a.clip(low, high)`: never below `low` nor above `high`."""

    low: Real
    high: Annotated[float, Number(infinite=True)] = math.inf

    def _validate(self) -> None:
        if self.low > self.high:
            raise ArgumentError("Clip", "low", f"at most high = {self.high}", self.low, "exchange the two")

    @property
    def steps(self) -> float:  # type: ignore[override]
        """The schedule's own."""
        return self.schedule.steps

    def _at(self, t: Value, m: Maths) -> Value:
        return m.minimum(m.maximum(self.schedule._at(t, m), self.low), self.high)


def _value(operand: Operand, t: Value, m: Maths) -> Value:
    return operand if isinstance(operand, float) else operand._at(t, m)


def within(operand: Operand, binding: int) -> str:
    """The text of an operand of a sign that binds so tightly, in brackets where they are needed."""
    if isinstance(operand, float):
        return repr(operand)
    return operand._text() if operand._binds >= binding else f"({operand._text()})"
