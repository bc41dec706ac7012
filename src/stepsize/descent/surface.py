"""A function to descend: its values, its gradient, and what is known of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import Count, Many, Maybe, Number, apply_field_rules
from stepsize.descent.rule import Floats
from stepsize.errors import ArgumentError, shown

Partials = Callable[..., Sequence[ArrayLike]]


def _interval(owner: str, name: str, value: Any) -> tuple[float, float]:
    """The rule of a pair of bounds."""
    low, high = _pair(owner, name, value)
    if not low < high:
        raise ArgumentError(owner, name, "(low, high) with low < high", value)
    return low, high


def _pair(owner: str, name: str, value: Any) -> tuple[float, float]:
    numbers = Many(Number())(owner, name, value)
    if len(numbers) != 2:
        raise ArgumentError(owner, name, "(low, high)", value)
    return numbers[0], numbers[1]


def box(owner: str, name: str, value: Any) -> "Box":
    """The rule of a box: (low, high) for each coordinate; in one dimension, (low, high) alone."""
    bare = isinstance(value, Sequence) and len(value) == 2 and not any(isinstance(each, Sequence) for each in value)
    intervals: Box = Many(_interval)(owner, name, (value,) if bare else value)
    return intervals


def _places(owner: str, name: str, value: Any) -> tuple["Point", ...]:
    return () if value == () else Many(Many(Number()))(owner, name, value)


Box = tuple[tuple[float, float], ...]
Point = tuple[float, ...]
Places = Annotated[tuple[Point, ...], _places]
Window = Annotated[Box | None, Maybe(box)]


@dataclass(frozen=True)
class Surface:
    """A function of one or more coordinates with its gradient, known minima and saddle points, and a window to see it.

    `surface(points)` takes points of shape `(..., dimensions)` and gives values of shape `(...)`;
    `surface.gradient(points)` gives gradients of the points' shape. In one dimension a bare number is a point too.
    Outside the function's domain the value is NaN; the gradient need not be, as 1 / x is that of log(x).

    Args:
        name: one word.
        text: the formula, for people.
        function: takes an array for each coordinate, gives the values.
        partials: takes the same, gives the partial derivatives, one for each coordinate.
        dimensions: the number of coordinates.
        window: (low, high) for each coordinate, in one dimension (low, high): where there is something to see; None:
            wherever a descent goes.
        minima: known minima, the lowest first; there may be others.
        saddles: known points where the gradient is zero and that are neither minimum nor maximum.

    Raises:
        ArgumentError: an argument does not fit; or, at a call, points have another number of coordinates.

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
    partials: Partials
    dimensions: Count
    window: Window = None
    minima: Places = ()
    saddles: Places = ()

    def __post_init__(self) -> None:
        apply_field_rules(self)
        given = {"window": (self.window,) if self.window else (), "minima": self.minima, "saddles": self.saddles}
        for name, each in ((name, each) for name, several in given.items() for each in several):
            if len(each) != self.dimensions:
                raise ArgumentError("Surface", name, f"of {self._coordinates}, as dimensions says", each)

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

    def points(self, given: ArrayLike) -> Floats:
        """What was given as an array of points: of shape `(..., dimensions)`.

        Raises:
            ArgumentError: it is none, or the number of coordinates is another.
        """
        try:
            points = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise ArgumentError(f"a point is made of numbers, got {shown(given)}") from None
        if points.ndim == 0 and self.dimensions == 1:
            points = points[np.newaxis]
        if points.ndim == 0 or points.shape[-1] != self.dimensions:
            raise ArgumentError(f"{self.text} has points of {self._coordinates}, got {shown(given)}")
        return points

    @property
    def _coordinates(self) -> str:
        return "1 coordinate" if self.dimensions == 1 else f"{self.dimensions} coordinates"
