"""Descending a surface: `descend`, and the trajectory that comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Count, NonNegative, Number, Whole, checked
from stepsize.descent.rule import Floats, Optimizer, any_optimizer
from stepsize.descent.sources import Source, surface_of
from stepsize.descent.surface import Surface
from stepsize.errors import ArgumentError, StepError
from stepsize.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where one descent went, or many that began side by side.

    For a start of shape `(dimensions,)` the leading shape `...` below is empty; for an array of starts of shape
    `(starts, dimensions)` it is `(starts,)`.

    Attributes:
        surface: what was descended.
        optimizer: the update rule.
        rates: the rate of each update, shape `(steps,)`.
        points: step 0 is the start; shape `(steps + 1, ..., dimensions)`. NaN once a descent has diverged or stopped.
        values: of the surface at the points, shape `(steps + 1, ...)`.
        lasted: the updates after which all was still finite, shape `(...)`; `steps` for a descent that held.
        stopped: whether the last of these points has a value but no gradient, as the tip of a cone has; shape `(...)`.
    """

    surface: Surface
    optimizer: Optimizer[Any]
    rates: Floats
    points: Floats
    values: Floats
    lasted: NDArray[np.int64]
    stopped: NDArray[np.bool_]

    @property
    def steps(self) -> int:
        """The updates that were asked for."""
        return len(self.rates)

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Whether a point, its value or its gradient became infinite, or left the domain; shape `(...)`."""
        return np.asarray((self.lasted < self.steps) & ~self.stopped)

    @property
    def end(self) -> Floats:
        """The last finite point of every descent, shape `(..., dimensions)`."""
        place = self.lasted[np.newaxis, ..., np.newaxis]
        end: Floats = np.take_along_axis(self.points, place, axis=0)[0]
        return end

    def paths(self) -> Iterator[Floats]:
        """The finite points of one descent after another, each of shape `(lasted + 1, dimensions)`."""
        each = self.points.reshape(self.steps + 1, -1, self.surface.dimensions)
        for index, lasted in enumerate(self.lasted.flat):
            yield each[: lasted + 1, index]


def _rate(owner: str, name: str, value: Any) -> Schedule | float:
    """The rule of a rate: a number, or a schedule."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        raise ArgumentError(owner, name, "a number or a schedule", value, "parse() makes a schedule of a text")
    return Number(least=0.0)(owner, name, value)


Rate = Annotated[float | Schedule, _rate]
Seed = Annotated[int, Whole(0)]


@checked
def descend(
    surface: Source,
    optimizer: Annotated[Optimizer[Any], any_optimizer],
    start: ArrayLike,
    steps: Count,
    lr: Rate,
    noise: NonNegative = 0.0,
    seed: Seed = 0,
) -> Trajectory:
    """Go down a surface from one start, or from many at once.

    Where a descent diverges, or stops for want of a gradient, this is noticed, and the others go on. With `noise`,
    each coordinate of each gradient has a normal deviate of that standard deviation added, so that gradients are right
    on average, as those of stochastic gradient descent are.

    Args:
        surface: what to descend: a surface, or a name, a formula or a function, as `surface_from` takes it.
        optimizer: the update rule.
        start: a point, shape `(dimensions,)`, or many, shape `(starts, dimensions)`; in one dimension a number too.
        steps: the number of updates.
        lr: the rate, or a schedule of it: update t is made with `lr(t)`.
        noise: the standard deviation of what is added to every gradient.
        seed: of the noise: the same one, the same trajectory.

    Raises:
        ArgumentError: an argument does not fit, or a start is outside the surface's domain.
        ParseError: a formula cannot be read.
        StepError: the schedule has a negative value, or none, at some step.

    Example:
        >>> from stepsize.descent import GradientDescent, descend
        >>> down = descend("x**2", GradientDescent(), 10.0, steps=10, lr=0.2)
        >>> down.end.round(6), bool(down.diverged)
        (array([0.060466]), False)
    """
    shape = np.asarray(start, dtype=object).shape
    ground = surface_of(surface, shape[-1] if shape else 1)
    x = ground.points(start)
    rates = rates_of(lr, steps)
    _check_start(ground, x)
    random = np.random.default_rng(seed)
    state = optimizer.init(x)
    points = np.empty((steps + 1, *x.shape))
    points[0] = x
    with np.errstate(all="ignore"):
        for step, rate in enumerate(rates.tolist()):
            g = ground.gradient(x)
            if noise:
                g += noise * random.standard_normal(x.shape)
            x, state = optimizer.update(state, x, g, rate)
            points[step + 1] = x
    values = ground(points)
    finite = np.isfinite(points).all(axis=-1) & np.isfinite(values)
    lasted = np.where(finite.all(axis=0), steps, finite.argmin(axis=0) - 1)
    after = np.arange(steps + 1).reshape(-1, *[1] * lasted.ndim) > lasted
    points[after], values[after] = np.nan, np.nan
    down = Trajectory(ground, optimizer, rates, points, values, lasted, np.zeros(lasted.shape, dtype=bool))
    return replace(down, stopped=(lasted < steps) & np.isnan(ground.gradient(down.end)).any(axis=-1))


def rates_of(lr: float | Schedule, steps: int) -> Floats:
    """The rate of every update.

    Raises:
        StepError: the schedule has a negative value, or none, at some step.
    """
    if not isinstance(lr, Schedule):
        return np.full(steps, lr)
    rates = lr(np.arange(steps, dtype=np.float64))
    negative = np.flatnonzero(rates < 0.0)
    if negative.size:
        step = int(negative[0])
        raise StepError(f"a rate is at least 0, and {lr} is {rates[step]:g} at step {step}; bound it with .clip(0)")
    return rates


def _check_start(surface: Surface, x: Floats) -> None:
    outside = ~(np.isfinite(x).all(axis=-1) & np.isfinite(surface(x)))
    if outside.any():
        place = np.argwhere(outside)[0]
        which = f"start {place[0]} of {len(x)}" if place.size else "the start"
        point = tuple(x[tuple(place)].tolist())
        raise ArgumentError(
            f"descend(start=...) must lie in the domain of {surface.text}, and {which}, {point}, does not: "
            f"the value there is {float(surface(x)[tuple(place)]):g}"
        )
