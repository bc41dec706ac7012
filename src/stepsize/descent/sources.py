"""Surfaces from what people write: a name, a formula, a Python function."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stepsize.arguments import Whole, nearest, quoted, refusal
from stepsize.descent.formula import read_formula
from stepsize.descent.function import FiniteDifferences, check_gradient, coordinates_of, elementwise
from stepsize.descent.landscapes import SURFACES
from stepsize.descent.rule import Floats
from stepsize.descent.surface import Box, Point, Surface
from stepsize.errors import ArgumentError, ParseError

_PROBES = 7


def surface_from(
    source: str | Callable[..., Any] | Surface,
    *,
    gradient: Callable[..., Sequence[Any]] | None = None,
    dimensions: int | None = None,
    window: Box | None = None,
    minima: Sequence[Point] = (),
) -> Surface:
    """The surface of a name, a formula or a Python function; a surface is given back as it is.

    A formula is in Python's notation, with the coordinates x, y and z or x1, x2 and so on, numbers, `+ - * / **`,
    brackets, pi, e, and sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, exp, log, sqrt and abs of one argument.
    Its gradient is SymPy's. It is read against a list of what is allowed and never run as code.

    A function takes a number for each coordinate and gives one; it may take arrays, which is faster. Its gradient is
    the one given, after it was held against finite differences, or else finite differences, which are checked too.

    Args:
        source: a name in `SURFACES`, a formula, or a function.
        gradient: of a function: takes the same, gives the partial derivatives as a tuple.
        dimensions: how many numbers a function takes, where its signature does not say.
        window: (low, high) for each coordinate: where there is something to see.
        minima: known ones, the lowest first.

    Raises:
        ParseError: a formula cannot be read, or has a name that is not allowed; points at the place.
        MissingExtraError: a formula is given and SymPy is not installed.
        ArgumentError: an argument does not fit, the gradient is not that of the function, or, at a call, finite
            differences meet a kink.

    Example:
        >>> from stepsize.descent import surface_from
        >>> surface_from("0.1*x**2 + 2*y**2").gradient([-5.0, -2.0])
        array([-1., -8.])
        >>> surface_from(lambda x, y: 0.1 * x**2 + 2 * y**2).gradient([-5.0, -2.0]).round(9)
        array([-1., -8.])
        >>> surface_from("rosenbrock").minima
        ((1.0, 1.0),)
    """
    if isinstance(source, str) and source.strip().lower() in SURFACES:
        source = SURFACES[source.strip().lower()]
    if isinstance(source, Surface):
        if (gradient, dimensions, window, tuple(minima)) != (None, None, None, ()):
            raise ArgumentError(f"{source.name} is a surface with all that belongs to it; change it by replace()")
        return source
    if isinstance(source, str):
        if gradient is not None or dimensions is not None:
            raise ArgumentError("a formula says its dimensions and its gradient itself; leave them out")
        meant = nearest(source, SURFACES) if source.strip().isidentifier() else ""
        if meant:
            raise ParseError(f"{quoted(source.strip())} is no surface; {meant}", source, 0)
        formula = read_formula(source)
        return Surface(
            "formula", formula.text, formula, formula.partials(), len(formula.variables), window, tuple(minima)
        )
    if not callable(source):
        raise refusal("surface_from", "source", "a name, a formula or a function", source)
    return _of_function(source, gradient, dimensions, window, tuple(minima))


def _of_function(
    function: Callable[..., Any],
    gradient: Callable[..., Sequence[Any]] | None,
    dimensions: int | None,
    window: Box | None,
    minima: tuple[Point, ...],
) -> Surface:
    count = coordinates_of(function) if dimensions is None else Whole(1)("surface_from", "dimensions", dimensions)
    if count is None:
        advice = "write how many numbers the function takes"
        raise refusal("surface_from", "dimensions", "given for this function", dimensions, advice)
    name = getattr(function, "__name__", type(function).__name__)
    name = "function" if name == "<lambda>" else name
    probes = _probes(window or ((-1.0, 1.0),) * int(count))
    values = elementwise(function, probes)
    differences = FiniteDifferences(values, name)
    if gradient is not None:
        check_gradient(gradient, differences, probes)
    return Surface(name, name, values, gradient or differences, int(count), window, minima)


def _probes(window: Box) -> Floats:
    """A few points of the window, none of them a round number."""
    low, high = np.array(window, dtype=np.float64).T
    within: Floats = low + (high - low) * np.random.default_rng(0).uniform(0.05, 0.95, (_PROBES, len(window)))
    return within
