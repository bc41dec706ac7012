"""`a.repeat(times, scale, stretch)`: warm restarts."""

import math
from dataclasses import dataclass
from functools import cached_property

from stepsize.arguments import LONGEST, EndlessCount, Positive, Real
from stepsize.errors import ArgumentError, shown
from stepsize.schedules.base import Nested, either_name
from stepsize.schedules.maths import SCALAR, Column, Maths, Value
from stepsize.schedules.wrapper import Wrapper

MOST_CYCLES = 1_000_000
"""Cycles of differing lengths have no closed form for where they start, so they are counted off."""


@dataclass(frozen=True, repr=False, init=False)
class Repeat(Wrapper):
    """The schedule again and again; a cycle's first step belongs to that cycle.

    Cycle i = 0, 1, ... has its values times scale^i and takes n_i = floor(steps stretch^i + 1/2) steps:

        f(t) = scale^i a((t - n_0 - ... - n_{i-1}) steps / n_i)

    After the last cycle its own end value is held. With `stretch` other than 1 at most a million cycles are counted.
    """

    times: EndlessCount
    scale: Real = 1.0
    stretch_: Positive = 1.0

    @either_name
    def __init__(self, schedule: Nested, times: EndlessCount, scale: Real = 1.0, stretch: Positive = 1.0) -> None:
        object.__setattr__(self, "schedule", schedule)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "stretch_", stretch)  # `stretch` is a method of all schedules
        self.__post_init__()

    def _validate(self) -> None:
        if self.schedule._finite("repeat", "cut it with .head(n) first") == 0:
            raise ArgumentError(f"{shown(self.schedule)} has no steps, so there is nothing to repeat")
        if self.stretch_ == 1.0:
            return
        if self.times == math.inf:
            self._validate_endless()
            return
        if self.times > MOST_CYCLES:
            raise ArgumentError("Repeat", "times", f"at most {MOST_CYCLES} where stretch is not 1, or inf", self.times)
        last = self.schedule.steps * SCALAR.power(self.stretch_, self.times - 1)
        if last < 0.5:
            advice = "repeat it fewer times or shrink it less"
            raise ArgumentError("Repeat", "stretch", "large enough to leave each cycle a step", self.stretch_, advice)
        if last > LONGEST:
            advice = "repeat it fewer times or stretch it less"
            raise ArgumentError("Repeat", "stretch", "small enough for cycles under 2**53 steps", self.stretch_, advice)

    def _validate_endless(self) -> None:
        """A million cycles must reach as far as steps can be told apart: sum of steps stretch^i >= 2^53."""
        growth = MOST_CYCLES * math.log(self.stretch_)
        if growth <= 0 or (growth < 700 and self.schedule.steps * math.expm1(growth) / (self.stretch_ - 1) < LONGEST):
            advice = "or give the number of times"
            raise ArgumentError("Repeat", "stretch", "1, or at least 1.0001, where times is inf", self.stretch_, advice)

    @property
    def steps(self) -> float:  # type: ignore[override]
        """The sum of the cycles' lengths."""
        if self.times == math.inf:
            return math.inf
        return self._starts[-1] if self.stretch_ != 1.0 else self.schedule.steps * self.times

    @cached_property
    def _starts(self) -> Column:
        """Where the cycles start, and the end of the last; for endless ones as far as steps can be told apart."""
        starts = [0]
        while starts[-1] <= LONGEST and len(starts) <= min(self.times, MOST_CYCLES):
            starts.append(starts[-1] + math.floor(self.schedule.steps * self.stretch_ ** (len(starts) - 1) + 0.5))
        return Column(starts)

    def _at(self, t: Value, m: Maths) -> Value:
        inner, steps = self.schedule, self.schedule.steps
        if self.stretch_ == 1.0:
            cycle = m.minimum(t // steps, self.times - 1)
            local = m.where(t >= steps * self.times, steps, t % steps)
        else:
            starts = self._starts
            cycle = m.minimum(m.count(starts, t), len(starts) - 1) - 1
            begin = m.take(starts, cycle)
            length = m.take(starts, cycle + 1) - begin
            # The product comes first and the end is put in by hand, as in Stretch.
            local = m.where(t - begin >= length, steps, (t - begin) * float(steps) / length)
        value = inner._at(local, m)
        return value if self.scale == 1.0 else value * m.power(self.scale, cycle)
