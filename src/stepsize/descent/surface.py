"""A function to descend: its values, its gradient, and its known minima."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Count, Many, Maybe, Number, apply_field_rules
from stepsize.errors import ArgumentError

Floats = NDArray[np.float64]
Box = tuple[tuple[float, float], ...]
Point = tuple[float, ...]


def array_of(owner: str, name: str, value: Any) -> Floats:
    """The rule of an argument that is a number or an array of numbers."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(owner, name, "a number or an array of numbers", value) from None


def _interval(owner: str, name: str, value: Any) -> tuple[float, float]:
    numbers = Many(Number())(owner, name, value)
    if len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise ArgumentError(owner, name, "(low, high) with low < high", value)
    return numbers[0], numbers[1]


def box(owner: str, name: str, value: Any) -> Box:
    """The rule of a box: (low, high) for each coordinate, or (low, high) alone in one dimension."""
    bare = isinstance(value, Sequence) and len(value) == 2 and not any(isinstance(each, Sequence) for each in value)
    intervals: Box = Many(_interval)(owner, name, (value,) if bare else value)
    return intervals


Window = Annotated[Box | None, Maybe(box)]
Places = Annotated[tuple[Point, ...], Many(Many(Number()), empty=True)]


@dataclass(frozen=True)
class Surface:
    """A function of one or more coordinates with its gradient, its known minima, and a window for pictures.

    `surface(points)` takes points of shape `(..., dimensions)` and returns values of shape `(...)`;
    `surface.gradient(points)` returns gradients of the points' shape. In one dimension a number is a point too.
    Outside the domain of the function the value is NaN. The gradient need not be: for log(x) it is 1 / x everywhere.

    Args:
        name: one word.
        text: the formula, for people.
        function: takes an array for each coordinate and returns the values.
        partials: takes the same and returns the partial derivatives, one for each coordinate.
        dimensions: the number of coordinates.
        window: what a picture shows: (low, high) for each coordinate, or (low, high) in one dimension. None: the
            region that the descents cross.
        minima: known minima, the lowest first; there may be others.
        saddles: known points with a gradient of zero that are neither a minimum nor a maximum.

    Raises:
        ArgumentError: an argument is not allowed, or a call has points with a different number of coordinates.

    Example:
        >>> from stepsize.descent import Surface
        >>> bowl = Surface("bowl", "x^2 + y^2", lambda x, y: x**2 + y**2, lambda x, y: (2 * x, 2 * y), 2)
        >>> bowl([3.0, 4.0]), bowl.gradient([[3.0, 4.0], [0.0, 1.0]])
        (array(25.), array([[6., 8.],
               [0., 2.]]))
    """

    name: str
    text: str
    function: Callable[..., ArrayLike]
    partials: Callable[..., Sequence[ArrayLike]]
    dimensions: Count
    window: Window = None
    minima: Places = ()
    saddles: Places = ()

    def __post_init__(self) -> None:
        apply_field_rules(self)
        given = {"window": (self.window,) if self.window else (), "minima": self.minima, "saddles": self.saddles}
        for name, each in ((name, each) for name, several in given.items() for each in several):
            if len(each) != self.dimensions:
                raise ArgumentError("Surface", name, f"in {self.dimensions} dimensions, as dimensions says", each)

    @property
    def start(self) -> tuple[float, ...] | None:
        """A point to start from until one is chosen: a fifth from the upper left of the window; None without one."""
        if self.window is None:
            return None
        return tuple(low + part * (high - low) for (low, high), part in zip(self.window, (0.2, 0.8), strict=False))

    def __call__(self, points: ArrayLike) -> Floats:
        at = self.points(points)
        values = np.empty(at.shape[:-1])
        with np.errstate(all="ignore"):
            values[...] = self.function(*np.moveaxis(at, -1, 0))
        return values

    def gradient(self, points: ArrayLike) -> Floats:
        """The gradient at every point."""
        at = self.points(points)
        gradients = np.empty(at.shape)
        with np.errstate(all="ignore"):
            for i, partial in enumerate(self.partials(*np.moveaxis(at, -1, 0))):
                gradients[..., i] = partial
        return gradients

    def points(self, points: ArrayLike) -> Floats:
        """The points as an array of shape `(..., dimensions)`.

        Raises:
            ArgumentError: they are not numbers, or have a different number of coordinates.
        """
        found = array_of("Surface", "points", points)
        if found.ndim == 0 and self.dimensions == 1:
            found = found[np.newaxis]
        if found.ndim == 0 or found.shape[-1] != self.dimensions:
            coordinates = "1 coordinate" if self.dimensions == 1 else f"{self.dimensions} coordinates"
            raise ArgumentError("Surface", "points", f"points of {coordinates}, for {self.text}", points)
        return found

    def __reduce__(self) -> str | tuple[Any, ...]:
        from stepsize.descent import SURFACES, surface_from

        if SURFACES.get(self.name) is self:  # its functions have no names to pickle them by
            return surface_from, (self.name,)
        return super().__reduce__()
