"""The local step of a schedule, as a function of a variable of the code."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from stepsize.arguments import LONGEST
from stepsize.errors import ArgumentError
from stepsize.interop.codegen.terms import Expr, number

Real = float | Fraction

LARGEST_32 = 2**31 - 1
_LARGEST_FACTOR = 1000  # that a person would write
_SAME = 1e-12  # a computed step that is this near to a whole one is that step


@dataclass(frozen=True)
class Clock:
    """The step t = rate * (variable - start). The variable is a whole number, or a fraction of a length: `z`.

    A fraction (t / steps) ** power, where t is the step of another clock, is `made` of that clock, steps and power.
    """

    variable: str = "step"
    rate: Fraction = Fraction(1)
    start: Fraction = Fraction(0)
    is_whole: bool = True
    made: "tuple[Clock, int, float] | None" = None

    def after(self, n: Real) -> "Clock":
        """The clock of what begins at step n of this one."""
        return replace(self, start=self.start + Fraction(n) / self.rate)

    def faster(self, factor: Real) -> "Clock":
        """The clock that makes several steps in one of this."""
        return replace(self, rate=self.rate * Fraction(factor))

    def reaches(self, t: Real) -> tuple[str, float]:
        """The variable to compare, and its first value at which the step is t or more."""
        bound = self.start + Fraction(t) / self.rate
        if self.made:
            clock, steps, power = self.made
            return clock.reaches(steps * max(float(bound), 0.0) ** (1 / power))
        if not self.is_whole:
            return self.variable, float(bound)
        near = round(bound)
        return self.variable, near if abs(bound - near) <= _SAME * max(near, 1) else math.ceil(bound)

    @property
    def longest(self) -> int:
        return LONGEST if self.is_whole else math.ceil(self.rate * (1 - self.start))

    def progress(self, n: Real) -> Expr:
        """t / n."""
        length = Fraction(n) / self.rate
        factor = _factor(length, self.start)
        return _over(_difference(_multiple(factor, Expr(self.variable)), self.start * factor), length * factor)

    def rest(self, n: Real) -> Expr:
        """1 - t / n."""
        length = Fraction(n) / self.rate
        factor = _factor(length, self.start)
        return _over(number((self.start + length) * factor) - _multiple(factor, Expr(self.variable)), length * factor)

    @property
    def gone(self) -> Expr:
        """The variable since the start."""
        return _difference(Expr(self.variable), self.start)

    def remaining(self, n: Real) -> tuple[Expr, Fraction]:
        """What the variable still has to go up to step n, and the whole way."""
        length = Fraction(n) / self.rate
        return number(self.start + length) - Expr(self.variable), length

    def divided(self, n: int, *, in_32_bits: bool) -> tuple[Expr, Expr, Fraction]:
        """t // n; t % n in units of a fraction of a step, so that it is a whole number; and this fraction.

        In 32 bits, a multiple of the variable would overflow, and that of its rest does not.
        """
        multiple = self.rate / n
        factor, divisor = multiple.numerator * self.start.denominator, multiple.denominator * self.start.denominator
        offset = multiple.numerator * self.start.numerator
        common = math.gcd(factor, divisor, offset)
        factor, divisor, offset = factor // common, divisor // common, offset // common
        variable, whole = Expr(self.variable), None
        if in_32_bits and factor > 1 and divisor > 1:
            if factor * divisor + abs(offset) > LARGEST_32:
                rule = "one whose clock JAX can count in 32 bits"
                raise ArgumentError("to_code", "schedule", rule, f"{self.rate} steps an update", "write other lengths")
            if self.variable == "step":  # others are rests already
                whole = number(factor) * _whole(variable, "//", divisor)
                variable = _whole(variable, "%", divisor)
        scaled = _difference(_multiple(factor, variable), Fraction(offset))
        count = _whole(scaled, "//", divisor)
        return whole + count if whole else count, _whole(scaled, "%", divisor), Fraction(n, divisor)


def _multiple(factor: int, a: Expr) -> Expr:
    return a if factor == 1 else number(factor) * a


def _whole(a: Expr, sign: str, n: int) -> Expr:
    if n == 1 and sign == "//":
        return a
    return Expr(f"{a.within(5)} {sign} {number(n).text}", 1)


def _factor(length: Fraction, start: Fraction) -> int:
    """What makes both whole numbers; 1 if it is not a small one, or JAX could not compute with them in 32 bits."""
    factor = math.lcm(length.denominator, start.denominator)
    is_small = factor <= _LARGEST_FACTOR and factor * (abs(start) + length) <= LARGEST_32
    return factor if is_small else 1


def _difference(a: Expr, n: Fraction) -> Expr:
    """a - n."""
    if not n:
        return a
    return a - number(n) if n > 0 else a + number(-n)


def _over(a: Expr, length: Fraction) -> Expr:
    if length == 1:
        return a
    if length.numerator == 1 and length.denominator <= _LARGEST_FACTOR:
        return number(length.denominator) * a
    return a / number(length)
