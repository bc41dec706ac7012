"""Surfaces from what people write: a name, a formula, a Python function."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np

from stepsize.arguments import Maybe, Whole, checked, nearest
from stepsize.descent.formula import read_formula
from stepsize.descent.function import check_gradient, coordinates_of, differences_of, elementwise
from stepsize.descent.landscapes import SURFACES
from stepsize.descent.rule import Floats
from stepsize.descent.surface import Box, Places, Point, Surface, Window
from stepsize.errors import ArgumentError, ParseError, quoted


def _source(owner: str, name: str, value: Any) -> Any:
    if not isinstance(value, str | Surface) and not callable(value):
        raise ArgumentError(owner, name, "a name, a formula, a function or a surface", value)
    return value


Source = Annotated[str | Callable[..., Any] | Surface, _source]
"""What a surface is made from; one that is there already is taken as it is."""
_PROBES = 7


@checked
def surface_from(
    f: Source,
    *,
    gradient: Callable[..., Sequence[Any]] | None = None,
    dimensions: Annotated[int | None, Maybe(Whole(1))] = None,
    window: Window = None,
    minima: Places = (),
) -> Surface:
    """The surface of a name, a formula or a Python function; a surface is given back as it is.

    A formula is in Python's notation, with the coordinates x, y and z or x1, x2 and so on, numbers, `+ - * / **`,
    brackets, pi, e, and sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, exp, log, sqrt and abs of one argument.
    Its gradient is SymPy's. It is read against a list of what is allowed and never run as code.

    A function takes a number for each coordinate and gives one; it may take arrays, which is faster. Its gradient is
    the one given, after it was held against finite differences, or else finite differences, which are checked too.

    Args:
        f: a name in `SURFACES`, a formula, a function, or a surface.
        gradient: of a function: takes an array for each coordinate, gives the partial derivatives as a tuple.
        dimensions: how many numbers a function takes, where its signature does not say.
        window: (low, high) for each coordinate, in one dimension (low, high): where there is something to see.
        minima: known ones, the lowest first.

    Raises:
        ParseError: a formula cannot be read, or has a name that is not allowed; points at the place.
        MissingExtraError: a formula is given and SymPy is not installed.
        ArgumentError: an argument does not fit, the gradient is not that of the function, or, at a call, finite
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
    if isinstance(f, str) and f.strip().lower() in SURFACES:
        f = SURFACES[f.strip().lower()]
    if isinstance(f, Surface):
        if (gradient, dimensions, window, minima) != (None, None, None, ()):
            raise ArgumentError(f"{f.name} is a surface with all that belongs to it; change it by replace()")
        return f
    if isinstance(f, str):
        if gradient is not None or dimensions is not None:
            raise ArgumentError("a formula says its dimensions and its gradient itself; leave them out")
        meant = nearest(f, SURFACES) if f.strip().isidentifier() else ""
        if meant:
            raise ParseError(f"{quoted(f.strip())} is no surface; {meant}", f, 0)
        formula = read_formula(f)
        return Surface("formula", formula.text, formula, formula.partials(), len(formula.variables), window, minima)
    return _of_function(f, gradient, dimensions, window, minima)


def surface_of(f: Source, dimensions: int) -> Surface:
    """As `surface_from`, of functions whose signature does not say how many numbers they take with so many."""
    untold = callable(f) and not isinstance(f, Surface) and coordinates_of(f) is None
    return surface_from(f, dimensions=dimensions if untold else None)


def _of_function(
    function: Callable[..., Any],
    gradient: Callable[..., Sequence[Any]] | None,
    dimensions: int | None,
    window: Box | None,
    minima: tuple[Point, ...],
) -> Surface:
    count = coordinates_of(function) if dimensions is None else dimensions
    if count is None:
        advice = "write how many numbers the function takes"
        raise ArgumentError("surface_from", "dimensions", "given for this function", dimensions, advice)
    if window is not None and len(window) != count:
        raise ArgumentError("surface_from", "window", f"(low, high) for each coordinate, {count} here", window)
    name = getattr(function, "__name__", type(function).__name__)
    name = "function" if name == "<lambda>" else name
    probes = _probes(window or ((-1.0, 1.0),) * count)
    values = elementwise(function, probes)
    differences = differences_of(values, name, probes)
    if gradient is not None:
        check_gradient(gradient, differences, probes)
    return Surface(name, name, values, gradient or differences, count, window, minima)


def _probes(window: Box) -> Floats:
    """A few points of the window, none of them a round number."""
    low, high = np.array(window, dtype=np.float64).T
    within: Floats = low + (high - low) * np.random.default_rng(0).uniform(0.05, 0.95, (_PROBES, len(window)))
    return within
