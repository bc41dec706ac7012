"""Schedules on another clock: earlier, later, slower, or in part."""

import math
from dataclasses import dataclass
from functools import cached_property

from stepsize.arguments import Phase, Steps
from stepsize.errors import ArgumentError
from stepsize.schedules.maths import Maths, Value
from stepsize.schedules.wrapper import Wrapper


@dataclass(frozen=True, repr=False)
class Shift(Wrapper):
    """`a.shift(n)`: the first value for n steps, then the schedule: f(max(t - n, 0))."""

    n: Phase

    @property
    def steps(self) -> float:  # type: ignore[override]
        """n more than the schedule's."""
        return self.schedule.steps + self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(m.maximum(t - self.n, 0), m)


@dataclass(frozen=True, repr=False)
class Every(Wrapper):
    """`a.every(n)`: f(floor(t / n)), a schedule of epochs of n steps."""

    n: Steps

    @property
    def steps(self) -> float:  # type: ignore[override]
        """n times the schedule's."""
        return self.schedule.steps * self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(t // self.n, m)


@dataclass(frozen=True, repr=False)
class Stretch(Wrapper):
    """`a.stretch(n)`: the same shape over n steps: f(t steps / n)."""

    n: Steps

    def _validate(self) -> None:
        self.schedule._finite("stretch", "cut it with .head(n) first")

    @property
    def steps(self) -> int:  # type: ignore[override]
        """n."""
        return self.n

    def _at(self, t: Value, m: Maths) -> Value:
        # The product comes first, in lowest terms: exact for whole steps, so that jumps fall where they belong.
        steps, n = self._ratio
        return self.schedule._at(m.where(t >= self.n, self.schedule.steps, m.minimum(t, self.n) * steps / n), m)

    @cached_property
    def _ratio(self) -> tuple[float, int]:
        """The schedule's length over n, without common factors."""
        steps = int(self.schedule.steps)
        common = math.gcd(steps, self.n)
        return float(steps // common), self.n // common


@dataclass(frozen=True, repr=False)
class Head(Wrapper):
    """`a.head(n)`: the first n steps, then the value at step n: f(min(t, n))."""

    n: Phase

    @property
    def steps(self) -> int:  # type: ignore[override]
        """n."""
        return self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(m.minimum(t, self.n), m)


@dataclass(frozen=True, repr=False)
class Tail(Wrapper):
    """`a.tail(n)`: what is left after n steps: f(t + n)."""

    n: Phase

    def _validate(self) -> None:
        if self.n > self.schedule.steps:
            raise ArgumentError("Tail", "n", f"at most the schedule's {self.schedule.steps} steps", self.n)

    @property
    def steps(self) -> float:  # type: ignore[override]
        """n fewer than the schedule's."""
        return self.schedule.steps - self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(t + self.n, m)
