"""Shapes given point by point: values that jump, and lines through knots."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from stepsize.arguments import Choice, Length, Many, NonNegative, Number, Real, Steps
from stepsize.errors import ArgumentError
from stepsize.schedules.maths import Column, Maths, Value, computed_once
from stepsize.schedules.shape import Shape


@dataclass(frozen=True, repr=False)
class MultiStep(Shape):
    """Multiplied by `factor` at every boundary; a boundary given twice counts twice.

        f(t) = start factor^(number of boundaries <= t)

    Example:
        >>> MultiStep(0.5, 0.5, (3, 8))([2, 3, 7, 8])
        array([0.5  , 0.25 , 0.25 , 0.125])
    """

    start: Real
    factor: NonNegative
    boundaries: Annotated[tuple[int, ...], Many(Length(0), rising="weakly")]

    @property
    def steps(self) -> int:  # type: ignore[override]
        """The last boundary."""
        return self.boundaries[-1]

    def _at(self, t: Value, m: Maths) -> Value:
        return self.start * m.power(self.factor, m.count(self.boundaries, t))


@dataclass(frozen=True, repr=False)
class Piecewise(Shape):
    """One value after another, each from its boundary on; there is one value more than boundaries.

    Example:
        >>> Piecewise((0.3, 0.1, 0.03), (5, 12))([0, 4, 5, 12])
        array([0.3 , 0.3 , 0.1 , 0.03])
    """

    values: Annotated[tuple[float, ...], Many(Number())]
    boundaries: Annotated[tuple[int, ...], Many(Length(1), rising="strictly")]

    def _validate(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            rule = f"{len(self.boundaries) + 1} values (one more than boundaries)"
            raise ArgumentError("Piecewise", "values", rule, self.values)

    @property
    def steps(self) -> int:  # type: ignore[override]
        """The last boundary."""
        return self.boundaries[-1]

    def _at(self, t: Value, m: Maths) -> Value:
        return m.take(self.values, m.count(self.boundaries, t))


@dataclass(frozen=True, repr=False)
class Table(Shape):
    """A value for every step, f(t) = values[floor(t)]; after the last step, the last value is held.

    Example:
        >>> Table((0.1, 0.3, 0.2)).sample(5)
        array([0.1, 0.3, 0.2, 0.2, 0.2])
    """

    values: Annotated[tuple[float, ...], Many(Number())]

    @property
    def steps(self) -> int:  # type: ignore[override]
        """The number of values."""
        return len(self.values)

    def _at(self, t: Value, m: Maths) -> Value:
        return m.take(self._column, m.minimum(m.floor(t), len(self.values) - 1))

    @computed_once
    def _column(self) -> Column:
        return Column(self.values)


@dataclass(frozen=True, repr=False)
class Triangle(Shape):
    """A straight line up from `low` to `high`, and one down again.

        f(t) = low (1 - z) + high z,    z = min(t / up, (up + down - t) / down)

    Example:
        >>> Triangle(0.1, 0.5, 4, 2).sample(8)
        array([0.1, 0.2, 0.3, 0.4, 0.5, 0.3, 0.1, 0.1])

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186 (2015).
    """

    low: Real
    high: Real
    up: Steps
    down: Steps

    def _validate(self) -> None:
        if self.low > self.high:
            advice = f"for a valley write {self.low} - Triangle(0.0, {self.low - self.high:.12g}, ...)"
            raise ArgumentError("Triangle", "low", f"at most high = {self.high}", self.low, advice)

    @property
    def steps(self) -> int:  # type: ignore[override]
        """The sum of up and down."""
        return self.up + self.down

    def _at(self, t: Value, m: Maths) -> Value:
        z = m.maximum(m.minimum(t / self.up, (self.steps - t) / self.down), 0.0)
        return m.minimum(m.maximum(self.low * (1.0 - z) + self.high * z, self.low), self.high)


class _Points:
    """The rule of knots: at least two (step, value) pairs, at rising steps."""

    measures_steps = True

    def __call__(self, owner: str, name: str, value: Any) -> tuple[tuple[float, float], ...]:
        points = Many(self._point)(owner, name, value)
        for index, (before, after) in enumerate(itertools.pairwise(points), start=1):
            if after[0] <= before[0]:
                raise ArgumentError(owner, f"{name}[{index}]", f"at a later step than {before[0]:g}", after)
        if len(points) < 2:
            raise ArgumentError(owner, name, "at least two (step, value) pairs", points)
        return points

    def _point(self, owner: str, name: str, value: Any) -> tuple[float, float]:
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
            raise ArgumentError(owner, name, "a (step, value) pair", value)
        return Number(least=0.0)(owner, name, value[0]), Number()(owner, name, value[1])


@dataclass(frozen=True, repr=False)
class Knots(Shape):
    """Straight lines or half cosine waves through points (step, value).

    Steps may be fractional. The first value is held before the first point, the last value after the last point. The
    length is the last point's step, rounded up.

        f(t) = v_i (1 - w) + v_{i+1} w,    z = (t - s_i) / (s_{i+1} - s_i),    w = z  or  (1 - cos(pi z)) / 2

    Example:
        >>> Knots(((0, 0.1), (10, 0.3), (20, 0.0)))([0, 5, 10, 15, 30])
        array([0.1 , 0.2 , 0.3 , 0.15, 0.  ])
    """

    points: Annotated[tuple[tuple[float, float], ...], _Points()]
    shape: Annotated[str, Choice(("linear", "cosine"))] = "linear"

    @property
    def steps(self) -> int:  # type: ignore[override]
        """The last point's step, rounded up."""
        return math.ceil(self.points[-1][0])

    @computed_once
    def _columns(self) -> tuple[Column, Column, Column | None, Column, Column]:
        """The knots' steps, their whole parts, their fractional parts if any, the gaps between them, and the values."""
        steps, values = zip(*self.points, strict=True)
        floors = [math.floor(step) for step in steps]
        parts = [step - floor for step, floor in zip(steps, floors, strict=True)]
        gaps = [after - before for before, after in itertools.pairwise(steps)]
        return Column(steps), Column(floors), Column(parts) if any(parts) else None, Column(gaps), Column(values)

    def _at(self, t: Value, m: Maths) -> Value:
        steps, floors, parts, gaps, values = self._columns
        i = m.minimum(m.maximum(m.count(steps, t) - 1, 0), len(steps) - 2)
        after = (t - m.take(floors, i)) * 1.0  # steps after the knot
        if parts is not None:
            after = after - m.take(parts, i)
        z = m.minimum(m.maximum(after / m.take(gaps, i), 0.0), 1.0)
        falling, rising = (1.0 - z, z) if self.shape == "linear" else m.half_wave(z, 1.0 - z)
        here, there = m.take(values, i), m.take(values, i + 1)
        value = here * falling + there * rising
        return m.minimum(m.maximum(value, m.minimum(here, there)), m.maximum(here, there))


SHAPES = (MultiStep, Piecewise, Triangle, Knots, Table)
