"""A function to descend: its values, its gradient and its known minima; and surfaces with names, for demonstrations."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Count, Many, Maybe, Number, apply_field_rules
from stepsize.errors import ArgumentError

Floats = NDArray[np.float64]
Box = tuple[tuple[float, float], ...]
Point = tuple[float, ...]
PI, TWO_PI = math.pi, 2.0 * math.pi


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
        """The default starting point, a fifth of the window from its upper left corner; None without a window."""
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
        from stepsize.descent.sources import surface_from

        if SURFACES.get(self.name) is self:  # its functions have no names to pickle them by
            return surface_from, (self.name,)
        return super().__reduce__()


def _beale(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """The three terms, whose squares are the surface."""
    return 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3


def _beale_slope(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    first, second, third = _beale(x, y)
    across = 2.0 * (first * (y - 1.0) + second * (y**2 - 1.0) + third * (y**3 - 1.0))
    return across, 2.0 * x * (first + 2.0 * y * second + 3.0 * y**2 * third)


def _himmelblau_slope(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    first, second = x**2 + y - 11.0, x + y**2 - 7.0
    return 4.0 * x * first + 2.0 * second, 2.0 * first + 4.0 * y * second


def _booth_slope(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    first, second = x + 2.0 * y - 7.0, 2.0 * x + y - 5.0
    return 2.0 * first + 4.0 * second, 4.0 * first + 2.0 * second


def _ackley(x: Floats, y: Floats) -> Floats:
    far = np.sqrt((x**2 + y**2) / 2.0)
    waves = (np.cos(TWO_PI * x) + np.cos(TWO_PI * y)) / 2.0
    # Near the minimum 20 - 20 cancels; expm1 keeps the digits.
    return -20.0 * np.expm1(-0.2 * far) - math.e * np.expm1(waves - 1.0)


def _ackley_slope(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    far = np.sqrt((x**2 + y**2) / 2.0)
    waves = np.exp((np.cos(TWO_PI * x) + np.cos(TWO_PI * y)) / 2.0)
    # The surface has no slope at its tip, the minimum: 0 is the middle of the slopes around it.
    inward = np.divide(2.0 * np.exp(-0.2 * far), far, out=np.zeros_like(far), where=far != 0.0)
    return inward * x + PI * np.sin(TWO_PI * x) * waves, inward * y + PI * np.sin(TWO_PI * y) * waves


_ALL = (
    Surface(
        "wave",
        "x cos(pi x)",
        lambda x: x * np.cos(PI * x),
        lambda x: (np.cos(PI * x) - PI * x * np.sin(PI * x),),
        dimensions=1,
        window=((-1, 2),),
        minima=((1.0904082219467213,), (-0.2738526868008509,)),
    ),
    Surface("cubic", "x^3", lambda x: x**3, lambda x: (3.0 * x**2,), 1, ((-2, 2),), saddles=((0,),)),
    Surface(
        "saddle",
        "x^2 - y^2",
        lambda x, y: x**2 - y**2,
        lambda x, y: (2.0 * x, -2.0 * y),
        dimensions=2,
        window=((-2, 2), (-2, 2)),
        saddles=((0, 0),),
    ),
    Surface("tanh", "tanh(x)", np.tanh, lambda x: (1.0 / np.cosh(x) ** 2,), 1, ((-2, 5),)),
    Surface("parabola", "x^2", np.square, lambda x: (2.0 * x,), 1, ((-11, 11),), minima=((0,),)),
    Surface(
        "bowl",
        "0.1 x^2 + 2 y^2",
        lambda x, y: 0.1 * x**2 + 2.0 * y**2,
        lambda x, y: (0.2 * x, 4.0 * y),
        dimensions=2,
        window=((-5.5, 1.5), (-3, 2)),
        minima=((0, 0),),
    ),
    Surface(
        "rosenbrock",
        "(1 - x)^2 + 100 (y - x^2)^2",
        lambda x, y: (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2,
        lambda x, y: (-2.0 * (1.0 - x) - 400.0 * x * (y - x**2), 200.0 * (y - x**2)),
        dimensions=2,
        window=((-2, 2), (-1, 3)),
        minima=((1, 1),),
    ),
    Surface(
        "beale",
        "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2",
        lambda x, y: sum(term**2 for term in _beale(x, y)),
        _beale_slope,
        dimensions=2,
        window=((-4.5, 4.5), (-4.5, 4.5)),
        minima=((3, 0.5),),
        saddles=((0, 1),),
    ),
    Surface(
        "himmelblau",
        "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
        lambda x, y: (x**2 + y - 11.0) ** 2 + (x + y**2 - 7.0) ** 2,
        _himmelblau_slope,
        dimensions=2,
        window=((-5.5, 5.5), (-5.5, 5.5)),
        minima=(
            (3, 2),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.2831859912861696),
            (3.5844283403304917, -1.8481265269644036),
        ),
        saddles=(
            (0.08667750455539636, 2.884254701174776),
            (3.385154183607021, 0.07385187983774928),
            (-3.0730257507643897, -0.08135304428796751),
            (-0.12796134673068008, -1.9537149802445763),
        ),
    ),
    Surface(
        "booth",
        "(x + 2 y - 7)^2 + (2 x + y - 5)^2",
        lambda x, y: (x + 2.0 * y - 7.0) ** 2 + (2.0 * x + y - 5.0) ** 2,
        _booth_slope,
        dimensions=2,
        window=((-10, 10), (-10, 10)),
        minima=((1, 3),),
    ),
    Surface(
        "ackley",
        "20 - 20 exp(-0.2 sqrt((x^2 + y^2) / 2)) + e - exp((cos(2 pi x) + cos(2 pi y)) / 2)",
        _ackley,
        _ackley_slope,
        dimensions=2,
        window=((-4, 4), (-4, 4)),
        minima=((0, 0),),
    ),
)
SURFACES: Mapping[str, Surface] = MappingProxyType({surface.name: surface for surface in _ALL})
"""Surfaces by name: wave, cubic, saddle, tanh, parabola, bowl, rosenbrock, beale, himmelblau, booth, ackley.

Reference: Rosenbrock (1960); Beale (1958); Himmelblau (1972); Ackley (1987); Booth, and windows of these, as in
Jamil and Yang, "A Literature Survey of Benchmark Functions for Global Optimization Problems", arXiv 1308.4008 (2013).
"""
