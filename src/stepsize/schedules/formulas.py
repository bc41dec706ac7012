"""Shapes with a formula: a constant, from one value to another in a number of steps, and decays without an end."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

from stepsize.arguments import EndlessSteps, Fraction, NonNegative, Number, Positive, Real, Steps
from stepsize.schedules.maths import ARRAY, SCALAR, Maths, Value
from stepsize.schedules.shape import Endless, Shape, either_name


@dataclass(frozen=True, repr=False)
class Constant(Shape):
    """The same value at every step; give `steps` if another schedule follows.

    Example:
        >>> (Constant(0.3, 100) >> Linear(0.3, 0.0, 50))([0, 99, 125])
        array([0.3 , 0.3 , 0.15])
    """

    value: Real
    steps: EndlessSteps = math.inf

    def _at(self, t: Value, m: Maths) -> Value:
        return self.value + 0.0 * t  # a float for a float, an array for an array


@dataclass(frozen=True, repr=False)
class Between(Shape):
    """From `start` at step 0 to `end` at step `steps`, which is held from there on."""

    start: Real
    end: Real
    steps: Steps

    @abstractmethod
    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        """The value at the progress z = t / steps in [0, 1), with rest = 1 - z; exactly `start` at 0."""

    def _at(self, t: Value, m: Maths) -> Value:
        start, end = self.start, self.end
        if m is SCALAR:
            if t >= self.steps:
                return end
            z = t / self.steps
            value = self._between(z, 1.0 - z, m)
            # Rounding may leave the interval by the last bit. The ends are bounds, so clip to them.
            if start < end:
                return start if value < start else end if value > end else value
            return start if value > start else end if value < end else value
        held = t >= self.steps
        inside = m.where(held, 0, t)
        z = inside / self.steps
        # In single precision, 1 - z is too coarse for the last steps of a long phase.
        rest = 1.0 - z if m is ARRAY else (self.steps - inside) / self.steps
        value = self._between(z, rest, m)
        return m.where(held, end, m.minimum(m.maximum(value, m.minimum(start, end)), m.maximum(start, end)))


@dataclass(frozen=True, repr=False)
class Linear(Between):
    """A straight line from `start` to `end`.

        f(t) = start (1 - z) + end z,    z = t / steps

    Example:
        >>> Linear(0.0, 0.3, 3).sample(5)
        array([0. , 0.1, 0.2, 0.3, 0.3])

    Reference: to zero as a default, Bergsma et al., "Straight to Zero", arXiv 2502.15938 (2025).
    """

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        return self.start * rest + self.end * z


@dataclass(frozen=True, repr=False)
class Cosine(Between):
    """Half a cosine wave from `start` to `end`: flat at both ends.

        f(t) = start w + end (1 - w),    w = (1 + cos(pi z)) / 2,    z = t / steps

    Example:
        >>> Cosine(0.2, 0.02, 10)([0, 5, 10])
        array([0.2 , 0.11, 0.02])

    Reference: Loshchilov and Hutter, "SGDR", arXiv 1608.03983 (2016).
    """

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        if m is SCALAR:  # a call less, at every update of a scheduler
            w = (1.0 + math.cos(math.pi * z)) / 2.0
            return self.start * w + self.end * (1.0 - w)
        w, rising = m.half_wave(z, rest)
        return self.start * w + self.end * rising


@dataclass(frozen=True, repr=False)
class Polynomial(Between):
    """A power of the remaining progress: power 1 is linear, larger powers fall faster at first.

        f(t) = start w + end (1 - w),    w = (1 - z)^power,    z = t / steps

    Example:
        >>> Polynomial(0.01, 0.0, 100, 2.0)(50)
        0.0025
    """

    power: Positive

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        w = m.power(rest, self.power)
        return self.start * w + self.end * (1.0 - w)


@dataclass(frozen=True, repr=False)
class Geometric(Between):
    """The same factor at every step: a straight line on a log axis.

        f(t) = start^(1 - z) end^z,    z = t / steps

    Example:
        >>> Geometric(1.0, 0.01, 2).sample(3)
        array([1.  , 0.1 , 0.01])
    """

    start: Positive
    end: Positive

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        return m.power(self.start, rest) * m.power(self.end, z)


@dataclass(frozen=True, repr=False)
class OneMinusSqrt(Between):
    """Steep at first: the best of the cooldowns that Hagele et al. (2024) compare.

        f(t) = start w + end (1 - w),    w = 1 - sqrt(z),    z = t / steps

    Example:
        >>> OneMinusSqrt(0.4, 0.0, 100)(25)
        0.2

    Reference: Hagele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations",
    arXiv 2405.18392 (2024).
    """

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        root = m.sqrt(z)
        return self.start * (rest / (1.0 + root)) + self.end * root


@dataclass(frozen=True, repr=False)
class Rex(Between):
    """Reflected exponential: slow at first, fast at the end.

        f(t) = start w + end (1 - w),    w = (1 - z) / ((1 - beta) + beta (1 - z)),    z = t / steps

    `beta` is at least 0, a straight line, and at most 1, the start value held to the end; the reference has 1/2.

    Example:
        >>> Rex(3.0, 0.0, 10)([0, 5, 10])
        array([3., 2., 0.])
        >>> Rex(1.1, 0.0, 10, beta=0.9)([0, 5, 10])
        array([1.1, 1. , 0. ])

    Reference: Chen et al., "REX: Revisiting Budgeted Training with an Improved Schedule", arXiv 2107.04197 (2021).
    """

    beta: Fraction = 0.5

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        beta = self.beta
        return (self.start * rest + self.end * ((1.0 - beta) * z)) / ((1.0 - beta) + beta * rest)


@dataclass(frozen=True, repr=False)
class Logarithmic(Between):
    """The logarithm of the step: most of the way in the first few steps.

        f(t) = start (1 - w) + end w,    w = log(1 + t) / log(1 + steps)

    Example:
        >>> Logarithmic(0.0, 1.0, 15)([0, 1, 3, 7, 15])
        array([0.  , 0.25, 0.5 , 0.75, 1.  ])

    Reference: the default warmup of DeepSpeed (2020).
    """

    def _between(self, z: Value, rest: Value, m: Maths) -> Value:
        steps = self.steps * 1.0
        w = m.log(z * steps + 1.0) / m.log(steps + 1.0)
        return self.start * (1.0 - w) + self.end * w


@dataclass(frozen=True, repr=False)
class Exponential(Endless):
    """Multiplied by `factor` every `per` steps, smoothly.

        f(t) = start factor^(t / per)

    Example:
        >>> Exponential(0.1, 0.5, 100)([0, 100, 200])
        array([0.1  , 0.05 , 0.025])
    """

    start: Real
    factor: NonNegative
    per: Annotated[float, Number(above=0.0, measures_steps=True)] = 1.0

    def _at(self, t: Value, m: Maths) -> Value:
        return self.start * m.power(self.factor, t * 1.0 / self.per)


@dataclass(frozen=True, repr=False, init=False)
class Staircase(Endless):
    """Multiplied by `factor` at every `every`-th step.

        f(t) = start factor^floor(t / every)

    Example:
        >>> Staircase(0.4, 0.5, 10)([0, 9, 10, 20])
        array([0.4, 0.4, 0.2, 0.1])
    """

    start: Real
    factor: NonNegative
    every_: Steps

    @either_name
    def __init__(self, start: Real, factor: NonNegative, every: Steps) -> None:
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "factor", factor)
        object.__setattr__(self, "every_", every)  # `every` is a method of all schedules
        self.__post_init__()

    def _at(self, t: Value, m: Maths) -> Value:
        return self.start * m.power(self.factor, t // self.every_)


@dataclass(frozen=True, repr=False)
class InversePower(Endless):
    """The classical decay of stochastic approximation, a power of the step; a negative power rises.

        f(t) = start (rate t + 1)^-power

    Example:
        >>> InversePower(0.1)([0, 3, 99])
        array([0.1 , 0.05, 0.01])

    Reference: Robbins and Monro, "A Stochastic Approximation Method" (1951).
    """

    start: Real
    rate: NonNegative = 1.0
    power: Real = 0.5

    def _at(self, t: Value, m: Maths) -> Value:
        return self.start * m.power(self.rate * (t * 1.0) + 1.0, -self.power)


SHAPES = (
    *(Constant, Linear, Cosine, Polynomial, Geometric, OneMinusSqrt, Rex, Logarithmic),
    *(Exponential, Staircase, InversePower),
)
