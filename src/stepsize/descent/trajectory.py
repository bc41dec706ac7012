"""Descending a surface: `descend`, and the trajectory that it returns."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Count, NonNegative, Number, Whole
from stepsize.checked_calls import checked
from stepsize.descent.optimizer import AnyOptimizer, Optimizer
from stepsize.descent.sources import Source, surface_of
from stepsize.descent.surface import Floats, Surface
from stepsize.errors import ArgumentError, StepError
from stepsize.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The path of one descent, or of several from different starts.

    For one start of shape `(dimensions,)` the shape `...` below is empty; for starts of shape `(starts, dimensions)`
    it is `(starts,)`.

    Attributes:
        surface: the surface.
        optimizer: the update rule.
        rates: the rate of each update, shape `(steps,)`.
        points: from the start on, shape `(steps + 1, ..., dimensions)`; NaN after a descent has diverged or stopped.
        values: of the surface at the points, shape `(steps + 1, ...)`.
        lasted: the number of updates until the last finite point, shape `(...)`; `steps` if a descent went through.
        stopped: whether the last finite point has a value but no gradient, as the tip of a cone does; shape `(...)`.
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
        """The requested number of updates."""
        return len(self.rates)

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Whether a point, its value or its gradient became infinite, or left the domain; shape `(...)`."""
        return np.asarray((self.lasted < self.steps) & ~self.stopped)

    @property
    def end(self) -> Floats:
        """The last finite point of every descent, shape `(..., dimensions)`."""
        place = self.lasted[np.newaxis, ..., np.newaxis]
        return np.asarray(np.take_along_axis(self.points, place, axis=0)[0])

    def paths(self) -> Iterator[Floats]:
        """The finite points of each descent in turn, of shape `(lasted + 1, dimensions)`."""
        each = self.points.reshape(self.steps + 1, -1, self.surface.dimensions)
        for index, lasted in enumerate(self.lasted.flat):
            yield each[: lasted + 1, index]


def _rate(owner: str, name: str, value: Any) -> Schedule | float:
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        raise ArgumentError(owner, name, "a number or a schedule", value, "parse() makes a schedule from a text")
    return Number(least=0.0)(owner, name, value)


Rate = Annotated[float | Schedule, _rate]
Seed = Annotated[int, Whole(0)]


@checked
def descend(
    surface: Source,
    optimizer: AnyOptimizer,
    start: ArrayLike,
    steps: Count,
    lr: Rate,
    noise: NonNegative = 0.0,
    seed: Seed = 0,
) -> Trajectory:
    """Descend a surface from one start, or from many at once.

    If a descent diverges, or stops at a point without a gradient, the others continue. `noise` adds a normal deviate
    of that standard deviation to each coordinate of each gradient: as in stochastic gradient descent, the gradients
    are then right on average.

    Args:
        surface: a surface, or a name, a formula or a function, as in `surface_from`.
        optimizer: the update rule.
        start: a point, shape `(dimensions,)`, or several, shape `(starts, dimensions)`; in one dimension also a number.
        steps: the number of updates.
        lr: the rate, or a schedule of it: update t has the rate `lr(t)`.
        noise: the standard deviation of the noise on every gradient.
        seed: of the noise.

    Raises:
        ArgumentError: an argument is not allowed, or a start is outside the domain of the surface.
        ParseError: a formula cannot be read.
        StepError: the schedule is negative or has no value at some step.

    Example:
        >>> from stepsize.descent import GradientDescent, descend
        >>> down = descend("x**2", GradientDescent(), 10.0, steps=10, lr=0.2)
        >>> down.end.round(6), bool(down.diverged)
        (array([0.060466]), False)
    """
    shape = np.asarray(start, dtype=object).shape
    ground = surface_of(surface, shape[-1] if shape else 1)
    x = _start_points(ground, start)
    rates = rates_of("descend", lr, steps)
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


def rates_of(owner: str, lr: float | Schedule, steps: int) -> Floats:
    """The rate of every update; errors name the argument `lr` of the owner."""
    if not isinstance(lr, Schedule):
        return np.full(steps, lr)
    rates = lr(np.arange(steps, dtype=np.float64))
    negative = np.flatnonzero(rates < 0.0)
    if negative.size:
        step = int(negative[0])
        reason = f"a rate is at least 0, and {lr} is {rates[step]:g} at step {step}"
        raise StepError(reason, "bound it with .clip(0)").about(owner, "lr")
    return rates


def _start_points(surface: Surface, start: ArrayLike) -> Floats:
    try:
        x = surface.points(start)
    except ArgumentError as error:
        raise error.about("descend", "start") from None
    values = surface(x)
    outside = np.argwhere(~(np.isfinite(x).all(axis=-1) & np.isfinite(values)))
    if len(outside):
        place = tuple(outside[0])
        name = f"start[{', '.join(map(str, place))}]" if place else "start"
        advice = f"the value there is {float(values[place]):g}"
        raise ArgumentError("descend", name, f"in the domain of {surface.text}", tuple(x[place].tolist()), advice)
    return x
