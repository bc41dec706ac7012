"""Shapes that need no end: a constant, which may have one, and decays by a factor or a power, which have none."""

import math
from dataclasses import dataclass
from typing import Annotated

from stepsize.arguments import EndlessSteps, NonNegative, Number, Real, Steps
from stepsize.schedules.base import either_name
from stepsize.schedules.maths import Maths, Value
from stepsize.schedules.shape import Endless, Shape


@dataclass(frozen=True, repr=False)
class Constant(Shape):
    """The same value at every step; give `steps` where something follows it.

    Example:
        >>> (Constant(0.3, 100) >> Linear(0.3, 0.0, 50))([0, 99, 125])
        array([0.3 , 0.3 , 0.15])
    """

    value: Real
    steps: EndlessSteps = math.inf

    def _at(self, t: Value, m: Maths) -> Value:
        return self.value + 0.0 * t  # a float for a float, an array for an array


@dataclass(frozen=True, repr=False)
class Exponential(Endless):
    """Times `factor` every `per` steps, smoothly.

        f(t) = start factor^(t / per)

    Example:
        >>> Exponential(0.1, 0.5, 100)([0, 100, 200])
        array([0.1  , 0.05 , 0.025])
    """

    start: Real
    factor: NonNegative
    per: Annotated[float, Number(above=0.0, measures_steps=True)] = 1.0

    def _at(self, t: Value, m: Maths) -> Value:
        return self.start * m.power(self.factor, t / self.per)


@dataclass(frozen=True, repr=False, init=False)
class Staircase(Endless):
    """Times `factor` at every `every`-th step.

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
    """The classic decay of stochastic approximation.

        f(t) = start (rate t + 1)^-power

    Example:
        >>> InversePower(0.1)([0, 3, 99])
        array([0.1 , 0.05, 0.01])

    Reference: Robbins and Monro, "A Stochastic Approximation Method" (1951).
    """

    start: Real
    rate: NonNegative = 1.0
    power: NonNegative = 0.5

    def _at(self, t: Value, m: Maths) -> Value:
        return self.start * m.power(self.rate * t + 1.0, -self.power)
