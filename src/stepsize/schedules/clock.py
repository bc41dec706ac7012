"""Schedules moved in time: chained, shifted, stretched, bent, cut and repeated."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any

import numpy as np

from stepsize.arguments import LONGEST, EndlessCount, Length, Many, Phase, Positive, Real, Steps
from stepsize.errors import ArgumentError
from stepsize.schedules import formulas
from stepsize.schedules.arithmetic import Clip, Maximum, Minimum, Power, Product, Quotient, Sum
from stepsize.schedules.base import Nested, Schedule, nested
from stepsize.schedules.maths import ARRAY, SCALAR, Column, Maths, Value, computed_once
from stepsize.schedules.piecewise import Triangle
from stepsize.schedules.shape import Wrapper, either_name
from stepsize.schedules.stacks import flattened, restored

_MAX_CYCLES = 10_000  # of different lengths: no formula gives their starts, so they are listed


def _parts(owner: str, name: str, value: Any) -> tuple[Schedule, ...]:
    """The rule of a chain: at least two schedules, of which only the last may be endless; nested chains flatten."""
    parts: list[Schedule] = []
    for part in Many(nested)(owner, name, value):
        parts.extend(part.parts if isinstance(part, Chain) else (part,))
    if len(parts) < 2:
        raise ArgumentError(owner, name, "at least two schedules", value)
    for part in parts[:-1]:
        if part.steps == math.inf:
            advice = "say how long it lasts with .head(n) before >>"
            raise ArgumentError("the left of >>", "", "a schedule that ends", part, advice)
    return tuple(parts)


@dataclass(frozen=True, repr=False)
class Chain(Schedule):
    """`a >> b`: the parts one after another, each on its own clock."""

    parts: Annotated[tuple[Schedule, ...], _parts]

    _binds = 1

    @computed_once
    def starts(self) -> tuple[int, ...]:
        return tuple(accumulate((int(part.steps) for part in self.parts[:-1]), initial=0))

    @property
    def steps(self) -> float:  # type: ignore[override]
        return self.starts[-1] + self.parts[-1].steps

    def head(self, n: Phase) -> Schedule:
        """The first n steps, then the value at step n: the parts before that of step n, and its head."""
        last = bisect_right(self.starts, Length(0)("head", "n", n)) - 1
        if last == 0:
            return self.parts[0].head(n)
        return Chain((*self.parts[:last], self.parts[last].head(n - self.starts[last])))

    def _at(self, t: Value, m: Maths) -> Value:
        starts = self.starts
        if m is SCALAR:
            i = bisect_right(starts, t) - 1
            return self.parts[i]._at(t - starts[i], SCALAR)
        if m is not ARRAY:
            return self._selected(t, m)
        which = m.count(starts, t) - 1
        if which.size and which.min() == which.max():  # most blocks of steps lie within one part
            return self.parts[which[0]]._at(t - starts[which[0]], ARRAY)
        order = np.argsort(which, kind="stable")
        values = np.empty_like(t)
        for here in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
            if here.size:
                i = which[here[0]]
                values[here] = self.parts[i]._at(t[here] - starts[i], ARRAY)
        return values

    def _selected(self, t: Value, m: Maths) -> Value:
        """The value in another array library, which evaluates all parts and selects; those of one form at once."""
        which = m.count(self.starts[1:], t)
        values = None
        for form, columns, places in self._formulas:
            place = m.take(places, which)
            start, *numbers = [m.take(each, place) if isinstance(each, Column) else each for each in columns]
            value = restored(form, iter(numbers))._at(m.maximum(t - start, 0), m)
            values = value if values is None else m.where(place >= 1, value, values)
        return values

    @computed_once
    def _formulas(self) -> list[tuple[Any, list[Any], Column]]:
        """For each form: the starts and then the numbers of its parts, and the place of each part among them.

        Places begin at 1; at 0, of the parts of other forms, stands the first again. Equal numbers are one number.
        """
        members: dict[Any, list[tuple[float, ...]]] = {}
        places: dict[Any, list[int]] = {}
        for i, part in enumerate(self.parts):
            form, numbers = flattened(part, FORMULAS)
            members.setdefault(form, []).append((self.starts[i], *numbers))
            places.setdefault(form, [0] * len(self.parts))[i] = len(members[form])
        columns = {form: [_column(numbers) for numbers in zip(*rows, strict=True)] for form, rows in members.items()}
        return [(form, columns[form], Column(places[form])) for form in members]

    def _text(self) -> str:
        return " >> ".join(part._text() for part in self.parts)

    @property
    def _children(self) -> Sequence[Schedule]:
        return self.parts


@dataclass(frozen=True, repr=False)
class Shift(Wrapper):
    """`a.shift(n)`: the first value for n steps, then the schedule: f(max(t - n, 0))."""

    n: Phase

    @property
    def steps(self) -> float:  # type: ignore[override]
        return self.schedule.steps + self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(m.maximum(t - self.n, 0), m)


@dataclass(frozen=True, repr=False)
class Every(Wrapper):
    """`a.every(n)`: f(floor(t / n)), a schedule of epochs of n steps."""

    n: Steps

    @property
    def steps(self) -> float:  # type: ignore[override]
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
        return self.n

    def _at(self, t: Value, m: Maths) -> Value:
        # The product comes first, in lowest terms: it is exact for whole steps, so that jumps stay at their steps.
        steps, n, most = self._ratio
        return self.schedule._at(m.where(t >= self.n, self.schedule.steps, m.scaled(t, steps, n, most)), m)

    @computed_once
    def _ratio(self) -> tuple[int, int, int]:
        """The numbers of steps here and there in lowest terms, and the largest product."""
        steps = int(self.schedule.steps)
        common = math.gcd(steps, self.n)
        return steps // common, self.n // common, steps // common * self.n


@dataclass(frozen=True, repr=False)
class Warp(Wrapper):
    """`a.warp(power)`: a bent clock, f(T (t / T)^power), with T the length."""

    power: Positive

    def _validate(self) -> None:
        self.schedule._finite("warp", "cut it with .head(n) first")

    def _at(self, t: Value, m: Maths) -> Value:
        steps = int(self.schedule.steps)
        bent = m.power(m.minimum(t, steps) / max(steps, 1), self.power) * float(steps)
        # A whole step that rounding has missed is that step, so that jumps stay at their steps.
        whole = m.floor(bent + 0.5)
        hit = m.maximum(bent, whole) - m.minimum(bent, whole) <= m.rounding * (1.0 + self.power) * bent
        return self.schedule._at(m.where(t >= steps, steps, m.as_step(m.where(hit, whole, bent))), m)


@dataclass(frozen=True, repr=False)
class Head(Wrapper):
    """`a.head(n)`: the first n steps, then the value at step n: f(min(t, n))."""

    n: Phase

    @property
    def steps(self) -> int:  # type: ignore[override]
        return self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(m.minimum(t, self.n), m)


@dataclass(frozen=True, repr=False)
class Tail(Wrapper):
    """`a.tail(n)`: the schedule without its first n steps: f(t + n)."""

    n: Phase

    def _validate(self) -> None:
        if self.n > self.schedule.steps:
            raise ArgumentError("Tail", "n", f"at most the schedule's {self.schedule.steps} steps", self.n)

    @property
    def steps(self) -> float:  # type: ignore[override]
        return self.schedule.steps - self.n

    def _at(self, t: Value, m: Maths) -> Value:
        return self.schedule._at(t + self.n, m)


@dataclass(frozen=True, repr=False, init=False)
class Repeat(Wrapper):
    """`a.repeat(times, scale, stretch)`: warm restarts. The first step of a cycle belongs to that cycle.

    Cycle i = 0, 1, ... has its values times scale^i and takes n_i = floor(steps stretch^i + 1/2) steps:

        f(t) = scale^i a((t - n_0 - ... - n_{i-1}) steps / n_i)

    After the last cycle its own end value is held. If `stretch` is not 1, there are at most 10,000 cycles.
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
        steps, stretch = self.schedule._finite("repeat", "cut it with .head(n) first"), self.stretch_
        if steps == 0:
            raise ArgumentError("the schedule of .repeat()", "", "at least one step long", self.schedule)
        if stretch == 1.0:
            return
        if self.times == math.inf:
            # The cycles must reach as far as steps can be told apart: sum of steps stretch^i >= 2^53.
            growth = _MAX_CYCLES * math.log(stretch)
            if growth <= 0 or (growth < 700 and steps * math.expm1(growth) / (stretch - 1) < LONGEST):
                rule = "1, or at least 1.005, if times is inf"
                raise ArgumentError("Repeat", "stretch", rule, stretch, "or give the number of times")
            return
        if self.times > _MAX_CYCLES:
            raise ArgumentError("Repeat", "times", f"at most {_MAX_CYCLES} if stretch is not 1, or inf", self.times)
        last = steps * SCALAR.power(stretch, self.times - 1)
        if last < 0.5:
            advice = "repeat it fewer times or shrink it less"
            raise ArgumentError("Repeat", "stretch", "large enough to leave each cycle a step", stretch, advice)
        if last > LONGEST:
            advice = "repeat it fewer times or stretch it less"
            raise ArgumentError("Repeat", "stretch", "small enough for cycles under 2**53 steps", stretch, advice)

    @property
    def steps(self) -> float:  # type: ignore[override]
        if self.stretch_ == 1.0 or self.times == math.inf:
            return self.schedule.steps * self.times
        return self._total

    @computed_once
    def _total(self) -> int:
        return sum(self._lengths())  # without a list, since a text may hold thousands of these

    def _lengths(self) -> Iterator[int]:
        steps, stretch = self.schedule.steps, self.stretch_
        return (math.floor(steps * stretch**cycle + 0.5) for cycle in range(int(min(self.times, _MAX_CYCLES))))

    @computed_once
    def starts(self) -> Column:
        """The first step of every cycle, and the end of the last; endless ones stop at the largest step."""
        starts = [0]
        for length in self._lengths():
            starts.append(starts[-1] + length)
            if starts[-1] > LONGEST:
                break
        return Column(starts)

    @computed_once
    def _most(self) -> float:
        """The largest product of a step of a cycle and the steps of the schedule."""
        return self.schedule.steps * max(self.starts[1], self.starts[-1] - self.starts[-2])

    def _at(self, t: Value, m: Maths) -> Value:
        inner, steps = self.schedule, self.schedule.steps
        if self.stretch_ == 1.0:
            cycle = m.minimum(t // steps, self.times - 1)
            local = m.where(t >= steps * self.times, steps, t % steps)
        else:
            starts = self.starts
            cycle = m.minimum(m.count(starts, t), len(starts) - 1) - 1
            begin = m.take(starts, cycle)
            length = m.take(starts, cycle + 1) - begin
            # The product comes first, and the end is set, for exactness as in Stretch.
            t = t - begin
            local = m.where(t >= length, steps, m.scaled(t, steps, length, self._most))
        value = inner._at(local, m)
        return value if self.scale == 1.0 else value * m.power(self.scale, cycle)


def _column(numbers: tuple[float, ...]) -> Any:
    return numbers[0] if len(set(numbers)) == 1 else Column((numbers[0], *numbers))


# The classes whose formula has no branch on their own numbers, so that these may be arrays.
FORMULAS = (
    *formulas.SHAPES,
    Triangle,
    *(Shift, Every, Head, Tail),
    *(Sum, Product, Minimum, Maximum, Quotient, Power, Clip),
)

OPERATORS = (Chain, Shift, Every, Stretch, Warp, Head, Tail, Repeat)
