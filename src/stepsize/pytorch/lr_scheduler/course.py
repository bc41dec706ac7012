"""How a scheduler moves one group's rate: by itself, on top of others, and as a part of a sequence.

The values are those of `stepsize.schedules`. What is added here is the step: PyTorch's schedulers multiply the rate
that they find, so two of them on one optimizer work together, and a rate set by hand is carried on from.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
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

    def started(self, rate: float) -> "Course":
        """The course where its first step finds this rate instead of the base rate."""
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
    between: Callable[[float, float], Schedule]
    """The way from one rate to another: from `base` to `floor` it is the schedule, from 1 to 0 it is w."""
    floor: float = 0.0
    rises: bool = False
    """It comes back from its floor, where there is no factor: what is there is added to, as in PyTorch."""

    @cached_property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """From the base rate."""
        return self.between(self.base, self.floor)

    @cached_property
    def way(self) -> Schedule:
        """w"""
        return self.between(1.0, 0.0)

    def moved(self, t: float) -> Move:
        if t >= 1:
            step, before = self.__dict__.get("_last", (None, 0.0))
            if step != t - 1:
                before = self.schedule(t - 1)
        else:
            before = self.base
        after = self.schedule(t)
        self.__dict__["_last"] = (t, after)  # the next step asks for it
        carry: Move | None = None

        def move(rate: float) -> float:
            nonlocal carry
            if rate == before:
                return after
            if carry is None:
                carry = self._carrying(t)
            return carry(rate)

        return move

    def _carrying(self, t: float) -> Move:
        """What becomes of a rate that this scheduler did not write."""
        before, after = self.way(t - 1) if t >= 1 else 1.0, self.way(t)
        if after == before:
            return lambda rate: rate
        if before == 0.0:
            rise = (self.base - self.floor) * after
            return lambda rate: rate + rise
        floor, factor = self.floor, after / before
        return lambda rate: floor + (rate - floor) * factor

    def started(self, rate: float) -> Course:
        if rate == self.base:
            return self
        return Folded(rate, (self,)) if self.rises else replace(self, base=rate)


@dataclass(frozen=True)
class Decaying(Chainable):
    """Times gamma at every drop; a factor of 0 is one at every drop again, though w tells nothing of it any more."""

    gamma: float = 1.0
    drops: Callable[[float], float] = math.floor
    """How many there are up to a step."""

    def _carrying(self, t: float) -> Move:
        factor = self.gamma ** (self.drops(t) - (self.drops(t - 1) if t >= 1 else 0))
        return lambda rate: rate * factor


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

    def started(self, rate: float) -> Course:
        return RunningProduct(rate, self.factor)


@dataclass(frozen=True)
class Annealed(Course):
    """From the rate that is found, at step `begin`, to `end` in so many steps; another rate goes there likewise."""

    start: float
    end: float
    shape: type[Cosine] | type[Linear]
    steps: int
    begin: int = 0
    """Less than 0 where the clock was set back on the way."""

    @cached_property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """From the start that is known."""
        if self.begin < 0:
            return self._own.tail(-self.begin)
        return self._own.shift(self.begin) if self.begin else self._own

    def moved(self, t: float) -> Move:
        now = max(t - self.begin, 0)
        earlier = max(now - 1, 0)
        before, after = self._own(earlier), self._own(now)
        left, next_left = self._way(earlier), self._way(now)

        def move(rate: float) -> float:
            if rate == before:
                return after
            return self.end + (rate - self.end) * (next_left / left) if left else self.end

        return move

    def jumped(self, t: float) -> Move:
        return (lambda rate: rate) if t == self.begin and self.steps else self.moved(t)

    def entered(self, rate: float) -> Course:
        return Annealed(rate, self.end, self.shape, self.steps)

    def started(self, rate: float) -> Course:
        return self.entered(rate)

    @cached_property
    def _own(self) -> Schedule:
        """On its own clock, from its beginning."""
        return self._between(self.start, self.end)

    @cached_property
    def _way(self) -> Schedule:
        return self._between(1.0, 0.0)

    def _between(self, start: float, end: float) -> Schedule:
        return self.shape(start, end, self.steps) if self.steps else Constant(end)


def annealed_from(
    rate: float, end: float, shape: type[Cosine] | type[Linear], steps: int, taken: int, otherwise: float
) -> float:
    """The start of an `Annealed` that is at this rate after `taken` steps; `otherwise` at its end, which tells none."""
    left = shape(1.0, 0.0, steps)(taken) if steps else 0.0
    return end + (rate - end) / left if left else otherwise


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
        return self._with_first(lambda part: part.entered(rate))

    def started(self, rate: float) -> Course:
        return self._with_first(lambda part: part.started(rate))

    def _with_first(self, change: Callable[[Course], Course]) -> Course:
        k = bisect_right(self.milestones, 0)
        return replace(self, parts=(*self.parts[:k], change(self.parts[k]), *self.parts[k + 1 :]))


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
        whole = factors[0].started(self.base).schedule
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

    def started(self, rate: float) -> Course:
        return replace(self, base=rate)


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
