"""Convexity by random chords: a chord that leaves the set, or passes below the function, refutes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import Count
from stepsize.checked_calls import checked
from stepsize.descent.sources import Source, elementwise, surface_of
from stepsize.descent.surface import Box, Floats, Point, box
from stepsize.descent.trajectory import Seed
from stepsize.errors import ArgumentError

_WEIGHTS = np.linspace(0.0, 1.0, 17)[1:-1]  # the places to check on a chord, as parts of its length
_SHORTEST = -3.0  # chords are as long as the domain is wide, down to 10 to this power of it
# An excess counts as rounding up to 1e-12 of the largest value; up to 4 times the sixth differences along the chord if
# numbers may cancel within the function, unless it is more than a hundredth of the largest value.
_ROUNDING, _ROUGH, _CLEAR = 1e-12, 4.0, 1e-2

Domain = Annotated[Box, box]


@dataclass(frozen=True)
class Chord:
    """A straight line between two points, and a place on it that refutes convexity.

    Attributes:
        start, end: the two points.
        at: the place between them, a point.
        excess: for a function, how far it lies above the chord at this place; for a set, 0.
    """

    start: Point
    end: Point
    at: Point
    excess: float = 0.0


@dataclass(frozen=True)
class Convexity:
    """The answer of `is_convex` and `is_convex_set`; true or false in an `if`.

    Attributes:
        convex: whether no chord refutes convexity.
        chord: the `Chord` that refutes it most clearly, or None.
        chords: how many were checked.
    """

    convex: bool
    chord: Chord | None
    chords: int

    def __bool__(self) -> bool:
        return self.convex


@checked
def is_convex(f: Source, domain: Domain, chords: Count = 20_000, seed: Seed = 0) -> Convexity:
    """Whether a function is convex on a box: no chord passes below it.

        f(w a + (1 - w) b) <= w f(a) + (1 - w) f(b)    for all a, b and 0 <= w <= 1

    The chords are random, long and short, and each is checked in 15 places. A violation that rounding cannot explain
    refutes convexity. Rounding errors are recognized by their size, 1e-12 of the largest value, and by their
    roughness: what rounding leaves of 1 - cos(x) near 0 goes up and down from one place to the next. If no chord is
    found, this is evidence, not proof: a dent that is smaller than a thousandth of the box, or as small and rough as
    rounding errors, can be missed.

    Args:
        f: a name, a formula, a function or a surface, as in `surface_from`.
        domain: (low, high) for each coordinate, or (low, high) in one dimension.
        chords: how many to check.
        seed: of the random choice.

    Returns:
        An answer that is true or false in an `if`. Its `chord` has the `start`, the `end`, the place `at` which the
        function lies furthest above it, and by how much, `excess`; or is None. `chords` were checked.

    Raises:
        ArgumentError: an argument is not allowed, or the function is not finite somewhere on the box.

    Example:
        >>> from stepsize.descent import is_convex
        >>> bool(is_convex("x**2 / 2", (-2, 2)))
        True
        >>> found = is_convex("cos(pi*x)", (-1, 1))
        >>> bool(found), round(found.chord.excess, 2)
        (False, 2.0)
    """
    surface = surface_of(f, len(domain))
    if len(domain) != surface.dimensions:
        rule = f"(low, high) for each coordinate, {surface.dimensions} here"
        raise ArgumentError("is_convex", "domain", rule, domain)
    start, end = _ends(domain, chords, seed)
    between = _between(start, end)
    low, high, middle = surface(start), surface(end), surface(between)
    for points, values in ((start, low), (end, high), (between, middle)):
        if not np.isfinite(values).all():
            point = tuple(points[tuple(np.argwhere(~np.isfinite(values))[0])].tolist())
            rule, advice = f"one on which {surface.text} is finite", f"it is not finite at {point}"
            raise ArgumentError("is_convex", "domain", rule, domain, advice)
    excess = middle - (_WEIGHTS * low[:, np.newaxis] + (1.0 - _WEIGHTS) * high[:, np.newaxis])
    rounding = _rounding(start, np.column_stack([high, middle, low]))
    refuting = np.where(excess > rounding[:, np.newaxis], excess, -np.inf)
    chord, place = np.unravel_index(refuting.argmax(), refuting.shape)
    if refuting[chord, place] == -np.inf:
        return Convexity(True, None, chords)
    return Convexity(False, _chord(start, end, between, chord, place, float(excess[chord, place])), chords)


def _rounding(start: Floats, along: Floats) -> Floats:
    """How far rounding may lift a function above each chord, shape (chords,).

    `along` are the values along the chords at even distances, shape (chords, places). The sixth differences of a
    smooth function nearly vanish there, and those of rounding are several times the rounding. The numbers that cancel
    within a function are assumed to be no larger than 1 and the squares of the coordinates.
    """
    largest = float(np.abs(along).max()) or 1.0
    cancelled = max(1.0, float(np.abs(start).max())) ** 2
    rough = np.abs(np.diff(along / largest, n=6, axis=1)).max(axis=1)  # the differences of large values may overflow
    rough = largest * np.minimum(_ROUGH * rough, _CLEAR)
    rounding: Floats = np.maximum(_ROUNDING * largest, np.minimum(rough, _ROUNDING * cancelled))
    return rounding + np.finfo(np.float64).tiny  # subnormal numbers are rounding too


@checked
def is_convex_set(contains: Callable[..., Any], domain: Domain, chords: Count = 20_000, seed: Seed = 0) -> Convexity:
    """Whether a set is convex within a box: the chords between its points stay in it.

    A chord that leaves the set refutes convexity; if none does, this is evidence. Of several, the answer has the one
    with the longest part outside.

    Args:
        contains: takes a number for each coordinate and returns whether the point is in the set; may take arrays.
        domain: (low, high) for each coordinate, or (low, high) in one dimension.
        chords: how many to draw; those with both ends in the set are checked.
        seed: of the random choice.

    Returns:
        An answer as that of `is_convex`; `at` is a place of the chord outside the set.

    Raises:
        ArgumentError: an argument is not allowed, or no chord has both ends in the set.

    Example:
        >>> from stepsize.descent import is_convex_set
        >>> disc = lambda x, y: x**2 + y**2 <= 1
        >>> bool(is_convex_set(disc, ((-1, 1), (-1, 1))))
        True
        >>> bool(is_convex_set(lambda x, y: not disc(x, y), ((-2, 2), (-2, 2))))
        False
    """
    start, end = _ends(domain, chords, seed)
    inside = elementwise(contains, start[:7])
    kept = _members(inside, start) & _members(inside, end)
    if not kept.any():
        advice = f"none of {chords:,} random chords has both ends in it"
        raise ArgumentError("is_convex_set", "domain", "closer to the set", domain, advice)
    start, end = start[kept], end[kept]
    between = _between(start, end)
    outside = ~_members(inside, between)
    if not outside.any():
        return Convexity(True, None, len(start))
    length = outside.mean(axis=1) * np.linalg.norm(end - start, axis=1)
    chord = length.argmax()
    places = np.flatnonzero(outside[chord])
    return Convexity(False, _chord(start, end, between, chord, places[len(places) // 2], 0.0), len(start))


def _members(inside: Callable[..., ArrayLike], points: Floats) -> Any:
    return np.asarray(inside(*np.moveaxis(points, -1, 0))) == 1.0


def _ends(domain: Domain, chords: int, seed: int) -> tuple[Floats, Floats]:
    """Both ends of the chords, each of shape (chords, dimensions); the first chord joins two corners."""
    low, high = np.array(domain).T
    random = np.random.default_rng(seed)
    start = low + (high - low) * random.random((chords, len(domain)))
    towards = low + (high - low) * random.random((chords, len(domain)))
    length = 10.0 ** random.uniform(_SHORTEST, 0.0, (chords, 1))
    length[: chords // 2] = 1.0
    start[0], towards[0] = low, high
    return start, start + length * (towards - start)


def _between(start: Floats, end: Floats) -> Floats:
    """The places on the chords, shape (chords, places, dimensions); a weight is that of the start."""
    weights = _WEIGHTS[:, np.newaxis]
    return np.asarray(weights * start[:, np.newaxis] + (1.0 - weights) * end[:, np.newaxis])


def _chord(start: Floats, end: Floats, between: Floats, chord: Any, place: Any, excess: float) -> Chord:
    a, b, at = (tuple(point.tolist()) for point in (start[chord], end[chord], between[chord, place]))
    return Chord(a, b, at, excess)
