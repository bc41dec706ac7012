"""Expressions as source, and values as a number plus multiples of expressions, whose constants are folded."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

import numpy as np

_SIMPLE = r"[a-z]\w*|[\d._]+(e-?\d+)?"  # no blanks around a power of these


@dataclass(frozen=True)
class Expr:
    """Source, and how tightly it binds: 1 for // and %, which always take brackets, 2 for + and -, 3 for * and /,
    4 for **, 5 for a name or a call.
    """

    text: str
    binds: int = 5

    def within(self, binds: int) -> str:
        """The text, in brackets if it binds less tightly."""
        return self.text if self.binds >= binds else f"({self.text})"

    def __add__(self, other: "Expr") -> "Expr":
        return Expr(f"{self.within(2)} + {other.within(2)}", 2)

    def __sub__(self, other: "Expr") -> "Expr":
        return Expr(f"{self.within(2)} - {other.within(3)}", 2)

    def __mul__(self, other: "Expr") -> "Expr":
        return Expr(f"{self.within(3)} * {other.within(3)}", 3)

    def __truediv__(self, other: "Expr") -> "Expr":
        return Expr(f"{self.within(3)} / {other.within(4)}", 3)

    def __pow__(self, other: "Expr") -> "Expr":
        if re.fullmatch(_SIMPLE, self.text) and re.fullmatch(f"-?({_SIMPLE})", other.text):
            return Expr(f"{self.text}**{other.text}", 4)
        return Expr(f"{self.within(5)} ** {other.within(5)}", 4)


def number(x: float | Fraction) -> Expr:
    """A number as a person writes it."""
    if isinstance(x, Fraction):
        x = x.numerator if x.denominator == 1 else float(x)
    text = f"{x:_}" if isinstance(x, int) and abs(x) >= 10_000 else repr(x)
    return Expr(text, 5 if x >= 0 else 3)


def rounded(x: float) -> float:
    """A computed number without the noise of its last digit: 0.3 - 0.1 is 0.2."""
    return float(f"{x:.15g}")


@dataclass(frozen=True)
class Value:
    """offset + coefficient * term + ..."""

    offset: float
    terms: tuple[tuple[float, Expr], ...] = ()

    @classmethod
    def of(cls, term: Expr, coefficient: float = 1.0, offset: float = 0.0) -> "Value":
        """offset + coefficient * term."""
        return cls(offset, ((coefficient, term),) if coefficient else ())

    def __add__(self, other: "Value") -> "Value":
        return Value(rounded(self.offset + other.offset), self.terms + other.terms)

    def scaled(self, x: float) -> "Value":
        terms = ((rounded(coefficient * x), term) for coefficient, term in self.terms)
        return Value(rounded(self.offset * x), tuple(each for each in terms if each[0]))

    def __mul__(self, other: "Value") -> "Value":
        if not self.terms or not other.terms:
            value, factor = (self, other) if self.terms else (other, self)
            return value.scaled(factor.offset)
        if self.offset == other.offset == 0 and len(self.terms) == len(other.terms) == 1:
            (a, x), (b, y) = self.terms[0], other.terms[0]
            return Value.of(x * y, rounded(a * b))
        return Value.of(self.expr * other.expr)

    @property
    def expr(self) -> Expr:
        summands = [(self.offset, number(abs(self.offset)))] if self.offset or not self.terms else []
        for coefficient, term in self.terms:
            size = abs(coefficient)
            summands.append((coefficient, term if size == 1 else number(size) * term))
        (sign, first), *others = summands
        found = Expr(f"-{first.within(3)}", 3) if sign < 0 else first
        for sign, each in others:
            found = found - each if sign < 0 else found + each
        return found


@dataclass(frozen=True)
class Language:
    """How functions are called: in `math` on one step, or in JAX on an array of steps."""

    jax: bool

    def call(self, function: str, argument: Expr) -> Expr:
        """A function of `math`, which jax.numpy has too."""
        return Expr(f"{self.module}.{function}({argument.text})")

    @property
    def module(self) -> str:
        return "jnp" if self.jax else "math"

    def not_below(self, low: int, x: Expr) -> Expr:
        """x, which is lower only in cases that are not selected, and which JAX computes too."""
        return Expr(f"jnp.maximum({x.text}, {low})") if self.jax and "-" in x.text else x

    def power_of(self, base: float, exponent: Expr) -> Expr:
        """base ** exponent; in single precision, an error of the base would grow with the exponent."""
        if self.jax and base > 0 and float(np.float32(base)) != base:
            return Expr(f"jnp.exp({(Expr(f'math.log({base!r})') * exponent).text})")
        return number(base) ** exponent

    def power(self, base: Expr, exponent: float) -> Expr:
        if exponent.is_integer():
            return base if exponent == 1 else base ** number(int(exponent))
        base = self.not_below(0, base)
        return self.call("sqrt", base) if exponent == 0.5 else base ** number(exponent)

    def extreme(self, function: str, operands: Sequence[Value]) -> Value:
        """The "min" or "max" of values; that of the numbers among them is computed now."""
        pick = {"min": min, "max": max}[function]
        numbers = [each.offset for each in operands if not each.terms]
        values = [each for each in operands if each.terms]
        if numbers:
            values.append(Value(pick(numbers)))
        texts = list(dict.fromkeys(each.expr.text for each in values))
        if len(texts) == 1:
            return values[0]
        if not self.jax:
            return Value.of(Expr(f"{function}({', '.join(texts)})"))
        return Value.of(Expr(reduce(lambda one, other: f"jnp.{function}imum({one}, {other})", texts)))

    def clipped(self, value: Value, low: float, high: float) -> Value:
        if not value.terms:
            return Value(min(max(value.offset, low), high))
        if self.jax and high < math.inf:
            return Value.of(Expr(f"jnp.clip({value.expr.text}, {low!r}, {high!r})"))
        bounded = self.extreme("max", [value, Value(low)])
        return bounded if high == math.inf else self.extreme("min", [bounded, Value(high)])
