"""Shapes that go from one value to another in a number of steps."""

from abc import abstractmethod
from dataclasses import dataclass

from stepsize.arguments import Positive, Real, Steps
from stepsize.schedules.maths import SCALAR, Maths, Value
from stepsize.schedules.shape import Shape


@dataclass(frozen=True, repr=False)
class Between(Shape):
    """From `start` at step 0 to `end` at step `steps`, where it stays.

    A subclass gives the way between, a function of the progress z = t / T in [0, 1).
    """

    start: Real
    end: Real
    steps: Steps

    @abstractmethod
    def _way(self, z: Value, m: Maths) -> Value:
        """The value at progress z; `start` exactly at 0."""

    def _at(self, t: Value, m: Maths) -> Value:
        start, end = self.start, self.end
        if m is SCALAR:
            if t >= self.steps:
                return end
            value = self._way(t / self.steps, m)
            # Rounding may leave the interval by the last bit; the ends are bounds, so it is put back.
            if start < end:
                return start if value < start else end if value > end else value
            return start if value > start else end if value < end else value
        held = t >= self.steps
        value = self._way(m.where(held, 0.0, t) / self.steps, m)
        return m.where(held, end, m.minimum(m.maximum(value, min(start, end)), max(start, end)))


@dataclass(frozen=True, repr=False)
class Linear(Between):
    """A straight line from `start` to `end`.

        f(t) = start (1 - z) + end z,    z = t / steps

    Example:
        >>> Linear(0.0, 0.3, 3).sample(5)
        array([0. , 0.1, 0.2, 0.3, 0.3])

    Reference: to zero as a default, Bergsma et al., "Straight to Zero", arXiv 2502.15938 (2025).
    """

    def _way(self, z: Value, m: Maths) -> Value:
        return self.start * (1.0 - z) + self.end * z


@dataclass(frozen=True, repr=False)
class Cosine(Between):
    """Half a cosine wave from `start` to `end`: flat at both ends.

        f(t) = start w + end (1 - w),    w = (1 + cos(pi z)) / 2,    z = t / steps

    Example:
        >>> Cosine(0.2, 0.02, 10)([0, 5, 10])
        array([0.2 , 0.11, 0.02])

    Reference: Loshchilov and Hutter, "SGDR", arXiv 1608.03983 (2016).
    """

    def _way(self, z: Value, m: Maths) -> Value:
        w = (1.0 + m.cos(m.pi * z)) / 2.0
        return self.start * w + self.end * (1.0 - w)


@dataclass(frozen=True, repr=False)
class Polynomial(Between):
    """A power of what is left of the way.

        f(t) = start w + end (1 - w),    w = (1 - z)^power,    z = t / steps

    Example:
        >>> Polynomial(0.01, 0.0, 100, 2.0)(50)
        0.0025
    """

    power: Positive

    def _way(self, z: Value, m: Maths) -> Value:
        w = m.power(1.0 - z, self.power)
        return self.start * w + self.end * (1.0 - w)


@dataclass(frozen=True, repr=False)
class Geometric(Between):
    """By the same factor at every step: a straight line on a log axis.

        f(t) = start^(1 - z) end^z,    z = t / steps

    Example:
        >>> Geometric(1.0, 0.01, 2).sample(3)
        array([1.  , 0.1 , 0.01])
    """

    start: Positive
    end: Positive

    def _way(self, z: Value, m: Maths) -> Value:
        return m.power(self.start, 1.0 - z) * m.power(self.end, z)


@dataclass(frozen=True, repr=False)
class OneMinusSqrt(Between):
    """Steep at first: the cooldown that served best after a constant rate.

        f(t) = start w + end (1 - w),    w = 1 - sqrt(z),    z = t / steps

    Example:
        >>> OneMinusSqrt(0.4, 0.0, 100)(25)
        0.2

    Reference: Hagele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations",
    arXiv 2405.18392 (2024).
    """

    def _way(self, z: Value, m: Maths) -> Value:
        w = 1.0 - m.sqrt(z)
        return self.start * w + self.end * (1.0 - w)


@dataclass(frozen=True, repr=False)
class Rex(Between):
    """Reflected exponential: slow at first, quick at the end.

        f(t) = start w + end (1 - w),    w = (1 - z) / (1/2 + (1 - z)/2),    z = t / steps

    Example:
        >>> Rex(3.0, 0.0, 10)([0, 5, 10])
        array([3., 2., 0.])

    Reference: Chen et al., "REX: Revisiting Budgeted Training with an Improved Schedule", arXiv 2107.04197 (2021).
    """

    def _way(self, z: Value, m: Maths) -> Value:
        w = (1.0 - z) / (0.5 + (1.0 - z) / 2.0)
        return self.start * w + self.end * (1.0 - w)
