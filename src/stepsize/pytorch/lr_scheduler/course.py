"""How a scheduler moves one group's rate: by itself, on top of others, and as a part of a sequence.

The values are those of `stepsize.schedules`. What is added here is the step: PyTorch's schedulers multiply the rate
that they find, so two of them on one optimizer work together, and a rate set by hand is carried on from.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from stepsize.schedules import Constant, Cosine, Function, Linear, Schedule

Move = Callable[[float], float]
"""From the rate that is there to the rate of the next update."""


class Course(ABC):
    """What one scheduler does to one group's rate."""

    schedule: Schedule
    """The rate under this scheduler alone, from its base rate."""

    @abstractmethod
    def moved(self, t: float) -> Move:
        """The step from t - 1 to t; t = 0 is the construction, which finds the base rate."""

    def jumped(self, t: float) -> Move:
        """PyTorch's `step(epoch=t)`, and at 0 the start of a part of a sequence."""
        there = self.schedule(t)
        return lambda rate: there

    def entered(self, rate: float) -> "Course":
        """The course as a part of a sequence that takes over where the rate is this."""
        return self


@dataclass(frozen=True)
class Absolute(Course):
    """The schedule's value, whatever was there."""

    schedule: Schedule

    def moved(self, t: float) -> Move:
        return self.jumped(t)


@dataclass(frozen=True)
class Chainable(Course):
    """The schedule's value where its last one still stands; any other rate moves by the same factor.

    f(t) = floor + (base - floor) w(t),    rate' = floor + (rate - floor) w(t) / w(t - 1),    w(-1) = 1
    """

    base: float
    schedule: Schedule
    way: Schedule
    """w"""
    floor: float = 0.0
    rises: bool = False
    """It comes back from its floor, where there is no factor: what is there is added to, as in PyTorch."""

    def moved(self, t: float) -> Move:
        before = self.schedule(t - 1) if t >= 1 else self.base
        after = self.schedule(t)
        return lambda rate: after if rate == before else self._carried(rate, t)

    def _carried(self, rate: float, t: float) -> float:
        """What becomes of a rate that this scheduler did not write."""
        before, after = self.way(t - 1) if t >= 1 else 1.0, self.way(t)
        if after == before:
            return rate
        if before == 0.0:
            return rate + (self.base - self.floor) * after
        return self.floor + (rate - self.floor) * (after / before)


@dataclass(frozen=True)
class RunningProduct(Course):
    """Times a function of the step at every step but the first: r(t) = r(t - 1) g(t)."""

    start: float
    factor: Schedule

    @cached_property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """All the factors so far, multiplied."""
        return Function(Steps(self.start, (self,)))

    def moved(self, t: float) -> Move:
        return (lambda rate: rate) if t == 0 else self.jumped(t)

    def jumped(self, t: float) -> Move:
        factor = self.factor(t)
        return lambda rate: rate * factor

    def entered(self, rate: float) -> Course:
        return RunningProduct(rate * self.factor(0), self.factor)


@dataclass(frozen=True)
class Annealed(Course):
    """From the rate that is found, at step `begin`, to `end` in so many steps; another rate goes there likewise."""

    start: float
    end: float
    shape: type[Cosine] | type[Linear]
    steps: int
    begin: int = 0

    @cached_property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """From the start that is known."""
        return self._between(self.start, self.end)

    def moved(self, t: float) -> Move:
        earlier, way = max(t - 1, 0), self._between(1.0, 0.0)
        before, after = self.schedule(earlier), self.schedule(t)
        left, next_left = way(earlier), way(t)

        def move(rate: float) -> float:
            if rate == before:
                return after
            return self.end + (rate - self.end) * (next_left / left) if left else self.end

        return move

    def jumped(self, t: float) -> Move:
        return (lambda rate: rate) if t == 0 and self.steps else super().jumped(t)

    def entered(self, rate: float) -> Course:
        return Annealed(rate, self.end, self.shape, self.steps)

    def _between(self, start: float, end: float) -> Schedule:
        if self.steps == 0:
            return Constant(end)
        way = self.shape(start, end, self.steps)
        return way.shift(self.begin) if self.begin else way


@dataclass(frozen=True)
class Switched(Course):
    """One course after another, each on its own clock from its milestone on."""

    parts: tuple[Course, ...]
    milestones: tuple[int, ...]

    @cached_property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """The parts' schedules one after another; a part that goes on from the rate it finds is told that rate."""
        ends = (*self.milestones, math.inf)
        whole: Schedule | None = None
        for part, start, end in zip(self.parts, (0, *self.milestones), ends, strict=True):
            if start == end:
                continue
            here = part if whole is None else part.entered(whole(start - 1))
            phase = here.schedule if end == math.inf else here.schedule.head(int(end - start))
            whole = phase if whole is None else whole >> phase
        assert whole is not None  # the last part has no end
        return whole

    def moved(self, t: float) -> Move:
        k = bisect_right(self.milestones, t)
        part, start = self.parts[k], (0, *self.milestones)[k]
        if k and t == start > 0:
            return lambda rate: part.entered(rate).schedule(0)
        return part.moved(t - start)

    def entered(self, rate: float) -> Course:
        k = bisect_right(self.milestones, 0)
        return Switched((*self.parts[:k], self.parts[k].entered(rate), *self.parts[k + 1 :]), self.milestones)


@dataclass(frozen=True)
class Folded(Course):
    """Several courses at once: each step of one goes on from what the one before it made of the rate."""

    base: float
    parts: tuple[Course, ...]

    @cached_property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """The product where all parts only multiply, else step by step from the base rate."""
        factors = [part for part in self.parts if isinstance(part, Chainable) and part.floor == 0.0 and not part.rises]
        if len(factors) < len(self.parts) or not all(part.base for part in factors):
            return Function(Steps(self.base, self.parts))
        whole = factors[0].schedule
        for part in factors[1:]:
            whole = whole * (part.schedule / part.base)
        return whole

    def moved(self, t: float) -> Move:
        moves = [part.moved(t) for part in self.parts]

        def move(rate: float) -> float:
            for each in moves:
                rate = each(rate)
            return rate

        return move


@dataclass(frozen=True)
class Steps:
    """A rate as a function of the step, found by taking the steps one after another; each is taken once."""

    start: float
    courses: tuple[Course, ...]

    def __call__(self, t: float) -> float:
        whole = self._whole
        while len(whole) <= t:
            whole.append(whole[-1] if whole else self.start)
            for course in self.courses:
                whole[-1] = course.moved(len(whole) - 1)(whole[-1])
        return whole[int(t)]

    @cached_property
    def _whole(self) -> list[float]:
        """The rates so far."""
        return []
