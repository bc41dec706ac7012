"""Surfaces from a name, a formula or a Python function, whose gradient is by finite differences or checked by them."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from stepsize.arguments import MaybeCount, nearest
from stepsize.checked_calls import checked
from stepsize.descent.formula import read_formula
from stepsize.descent.surface import SURFACES, Floats, Places, Surface, Window
from stepsize.errors import ArgumentError, ParseError, quoted, shown

_STEP = 1e-4  # for each unit of a coordinate: truncation and rounding errors are then both near 1e-12
_TRIES = 5  # steps to try, each a tenth of the previous
_AGREEMENT = 1e-3  # how far differences over two distances may lie apart, relative to the slope
_TRIED = 7  # points at which a function and its gradient are tried


def _source(owner: str, name: str, value: Any) -> Any:
    if not isinstance(value, str | Surface) and not callable(value):
        raise ArgumentError(owner, name, "a name, a formula, a function or a surface", value)
    return value


Source = Annotated[str | Callable[..., Any] | Surface, _source]


@checked
def surface_from(
    f: Source,
    *,
    gradient: Callable[..., Sequence[Any]] | None = None,
    dimensions: MaybeCount = None,
    window: Window = None,
    minima: Places = (),
) -> Surface:
    """The surface of a name, a formula or a Python function; a surface is returned unchanged.

    A formula is in Python's notation. It has the coordinates x, y and z, or x1, x2 and so on, numbers, `+ - * / **`,
    brackets, pi, e, and sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, exp, log, sqrt and abs of one argument.
    SymPy derives its gradient. It is read against a list of what is allowed and never runs as code.

    A function takes a number for each coordinate and returns a number; if it also takes arrays, it is faster. Without
    `gradient`, its gradient is by finite differences, which are checked at every call; a given gradient is compared
    with them once.

    Args:
        f: a name in `SURFACES`, a formula, a function, or a surface.
        gradient: of a function: takes an array for each coordinate, returns the partial derivatives as a tuple.
        dimensions: how many numbers a function takes, if its signature does not say.
        window: what a picture shows: (low, high) for each coordinate, or (low, high) in one dimension.
        minima: known minima, the lowest first.

    Raises:
        ParseError: a formula cannot be read, or has a name that is not allowed; points at the place.
        MissingExtraError: a formula is given and SymPy is not installed.
        ArgumentError: an argument is not allowed, the gradient is not that of the function, or, at a call, finite
            differences meet a jump or the edge of the domain.

    Example:
        >>> from stepsize.descent import surface_from
        >>> surface_from("0.1*x**2 + 2*y**2").gradient([-5.0, -2.0])
        array([-1., -8.])
        >>> surface_from(lambda x, y: 0.1 * x**2 + 2 * y**2).gradient([-5.0, -2.0]).round(9)
        array([-1., -8.])
        >>> surface_from("rosenbrock").minima
        ((1.0, 1.0),)
    """
    if isinstance(f, str):
        f = SURFACES.get(f.strip().lower(), f)
    given = {"gradient": gradient, "dimensions": dimensions, "window": window, "minima": minima or None}
    fixed = given if isinstance(f, Surface) else ("gradient", "dimensions") if isinstance(f, str) else ()
    for name in fixed:
        if given[name] is not None:
            whose = f"{f.name} has its own" if isinstance(f, Surface) else "a formula has its own"
            raise ArgumentError("surface_from", name, "left out", given[name], whose)
    if isinstance(f, Surface):
        return f
    if isinstance(f, str):
        meant = nearest(f, SURFACES) if f.strip().isidentifier() else ""
        if meant:
            raise ParseError(f"{quoted(f.strip())} is not a surface; {meant}", f, 0)
        formula = read_formula(f)
        return Surface("formula", formula.text, formula, formula.partials(), len(formula.variables), window, minima)
    count = coordinates_of(f) if dimensions is None else dimensions
    if count is None:
        advice = "write how many numbers the function takes"
        raise ArgumentError("surface_from", "dimensions", "given for this function", dimensions, advice)
    if window is not None and len(window) != count:
        raise ArgumentError("surface_from", "window", f"(low, high) for each coordinate, {count} here", window)
    name = getattr(f, "__name__", type(f).__name__).replace("<lambda>", "function")
    low, high = np.array(window or ((-1.0, 1.0),) * count).T
    points = low + (high - low) * np.random.default_rng(0).uniform(0.05, 0.95, (_TRIED, count))
    values = elementwise(f, points)
    differences = differences_of(values, name, points)
    if gradient is not None:
        check_gradient(gradient, differences, points)
    return Surface(name, name, values, gradient or differences, count, window, minima)


def surface_of(f: Source, dimensions: int) -> Surface:
    """As `surface_from`; a function takes this many numbers if its signature does not say how many."""
    unknown = callable(f) and not isinstance(f, Surface) and coordinates_of(f) is None
    return surface_from(f, dimensions=dimensions if unknown else None)


def coordinates_of(function: Callable[..., Any]) -> int | None:
    """How many numbers a function requires; None if its signature does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters) or None


@dataclass(frozen=True)
class Elementwise:
    """A function of the coordinates on whole arrays: called once if it takes arrays, else for each point.

    The result has the shape of the coordinates, also if the function returns one number for all. If the function
    raises an arithmetic error at a point, as `math.log(-1)` does, the point is outside its domain: NaN.
    """

    function: Callable[..., Any]
    takes_arrays: bool

    def __call__(self, *coordinates: Floats) -> Floats:
        shape = np.shape(coordinates[0])
        if self.takes_arrays:
            return np.broadcast_to(np.asarray(self.function(*coordinates), dtype=np.float64), shape)
        points = zip(*(np.ravel(each).tolist() for each in coordinates), strict=True)
        with np.errstate(all="ignore"):
            return np.array([self._at(point) for point in points], dtype=np.float64).reshape(shape)

    def _at(self, point: tuple[float, ...]) -> float:
        if not np.isfinite(point).all():
            return np.nan
        try:
            return float(self.function(*point))
        except (ArithmeticError, ValueError):
            return np.nan
        except Exception as error:
            advice = f"at {point} it raised {shown(error)}"
            rule = "one that takes a number for each coordinate"
            raise ArgumentError("the function", "", rule, self.function, advice) from error


def elementwise(function: Callable[..., Any], points: Floats) -> Elementwise:
    """The function on arrays; tried at `points`, shape `(points, dimensions)`, to see whether it takes them."""
    singly = Elementwise(function, takes_arrays=False)
    coordinates = tuple(points.T)
    values = singly(*coordinates)
    try:
        with np.errstate(all="ignore"):
            together = np.broadcast_to(np.asarray(function(*coordinates), dtype=np.float64), values.shape)
    except Exception:  # a function of single numbers may raise anything here
        return singly
    return Elementwise(function, takes_arrays=np.allclose(together, values, rtol=1e-9, equal_nan=True))


@dataclass(frozen=True)
class FiniteDifferences:
    """Partial derivatives by central differences over h and h / 2, combined so that errors of order h^2 cancel.

        D = (4 D(h/2) - D(h)) / 3,    D(h) = (f(x + h) - f(x - h)) / 2 h,    h = 1e-4 max(1, |x|)

    If D(h) and D(h/2) disagree, relative to the slope there and to a usual slope of that coordinate, or if they leave
    the domain, h is divided by 10, down to 1e-8: this happens near a kink or an edge. If they never agree, the
    function has a jump, noise or an edge there, and an error names the place.

    Reference: Richardson, "The approximate arithmetical solution by finite differences" (1911).
    """

    function: Callable[..., Floats]
    name: str
    usual: tuple[float, ...]

    def __call__(self, *coordinates: Floats) -> list[Floats]:
        at = np.stack(np.broadcast_arrays(*coordinates))
        here = self.function(*at)
        return [self._partial(at, here, axis) for axis in range(len(at))]

    def tolerance(self, axis: int, slope: Floats, here: Floats, h: Floats) -> Floats:
        """How far two estimates of a slope may lie apart, at points with the values `here`."""
        rounding = 1e3 * np.finfo(np.float64).eps * np.abs(here) / h
        return np.asarray(_AGREEMENT * np.maximum(self.usual[axis], np.abs(slope)) + rounding)

    def _partial(self, at: Floats, here: Floats, axis: int) -> Floats:
        h = step_at(at[axis])
        for _ in range(_TRIES):
            wide, narrow = self._difference(at, axis, h), self._difference(at, axis, h / 2)
            apart = np.abs(wide - narrow) > self.tolerance(axis, narrow, here, h)
            rough = np.isfinite(here) & ~np.isinf(wide) & (apart | np.isnan(wide + narrow))
            if not rough.any():
                break
            h = np.where(rough, h / 10, h)
        else:
            place = tuple(at[:, *np.argwhere(rough)[0]].tolist())
            what = f"the slope of {self.name} at {place}"
            rule = f"the same over distances of {10 * h[rough].flat[0]:.1g} and half of it"
            two = float(wide[rough].flat[0]), float(narrow[rough].flat[0])
            raise ArgumentError(what, "", rule, two, "give the exact one with {gradient}", gradient=...)
        return np.asarray((4.0 * narrow - wide) / 3.0)

    def _difference(self, at: Floats, axis: int, h: Floats) -> Floats:
        after, before = at.copy(), at.copy()
        after[axis] += h
        before[axis] -= h
        # Rounding makes the distance slightly different from 2 h.
        return np.asarray((self.function(*after) - self.function(*before)) / (after[axis] - before[axis]))


def step_at(x: Floats) -> Floats:
    """The h of the finite differences at x."""
    return _STEP * np.maximum(1.0, np.abs(x))


def differences_of(function: Callable[..., Floats], name: str, points: Floats) -> FiniteDifferences:
    """Finite differences whose usual slopes are the steepest at these points, but at most 1."""
    with np.errstate(all="ignore"):
        unchecked = FiniteDifferences(function, name, (np.inf,) * points.shape[1])
        slopes = [np.abs(each) for each in unchecked(*points.T)]
    steepest = (float(np.max(each, where=np.isfinite(each), initial=0.0)) for each in slopes)
    return FiniteDifferences(function, name, tuple(min(1.0, each) or 1.0 for each in steepest))


def check_gradient(gradient: Callable[..., Any], differences: FiniteDifferences, points: Floats) -> None:
    """Compare a gradient with finite differences at these points, shape `(points, dimensions)`."""
    coordinates = tuple(points.T)
    with np.errstate(all="ignore"):
        here, expected = differences.function(*coordinates), differences(*coordinates)
        try:
            given = gradient(*coordinates)
        except Exception as error:
            rule = "a function that takes an array for each coordinate"
            advice = f"it raised {shown(error)}"
            raise ArgumentError("surface_from", "gradient", rule, gradient, advice) from error
    if not isinstance(given, Sequence) or len(given) != len(coordinates):
        rule = f"a function that returns {len(coordinates)} partial derivatives, as a tuple"
        raise ArgumentError("surface_from", "gradient", rule, given)
    found = [np.broadcast_to(each, here.shape) for each in given]
    for axis, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        tolerance = differences.tolerance(axis, ours, here, step_at(coordinates[axis]))
        wrong = np.isfinite(ours) & ~(np.abs(theirs - ours) <= tolerance)
        if wrong.any():
            row = int(np.argmax(wrong))
            place, right = (tuple(each) for each in (points[row].tolist(), [float(each[row]) for each in expected]))
            rule = f"the gradient of the function, {right} at {place} by finite differences"
            raise ArgumentError("surface_from", "gradient", rule, tuple(float(each[row]) for each in found))
