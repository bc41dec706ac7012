"""Convexity, looked for over chords: a chord that leaves the set, or passes below the function, refutes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import Count, checked
from stepsize.descent.function import elementwise
from stepsize.descent.rule import Floats
from stepsize.descent.sources import Source, surface_of
from stepsize.descent.surface import Box, Point, box
from stepsize.descent.trajectory import Seed
from stepsize.errors import ArgumentError

_WEIGHTS = np.linspace(0.0, 1.0, 17)[1:-1]
"""Where a chord is looked at, as parts of its length."""
_SHORTEST = -3.0
"""Chords are from the width of the domain down to 10 to this power of it."""
_ROUNDING = 1e-12
"""An excess of no more than this part of the largest value is taken for rounding of the values."""
_ROUGH, _CLEAR = 4.0, 1e-2
"""So is, where numbers may have cancelled within the function, one of no more than 4 times the sixth differences along
its chord, unless it is more than a hundredth of the largest value."""


Domain = Annotated[Box, box]


@dataclass(frozen=True)
class Chord:
    """A straight line between two points, and the place on it where it refutes convexity.

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
    """The answer of `is_convex` and `is_convex_set`, which is true or false in an `if`.

    Attributes:
        convex: whether no chord spoke against it.
        chord: the one that spoke loudest; None where none did.
        chords: how many were looked at.
    """

    convex: bool
    chord: Chord | None
    chords: int

    def __bool__(self) -> bool:
        return self.convex


@checked
def is_convex(f: Source, domain: Domain, chords: Count = 20_000, seed: Seed = 0) -> Convexity:
    """Whether a function lies nowhere above its chords, on a box.

        f(w a + (1 - w) b) <= w f(a) + (1 - w) f(b)    for all a, b and 0 <= w <= 1

    The chords are drawn at random, long ones and short ones, and each is looked at in 15 places. One that violates
    this by more than rounding can refutes convexity. Rounding is told by its size, 1e-12 of the largest value, and by
    its roughness: what is left of 1 - cos(x) near 0 goes up and down from one place to the next. That no chord was
    found is good evidence and no proof: a dent smaller than a thousandth of the box can be missed, or one that is as
    small and as rough as rounding.

    Args:
        f: a name, a formula, a function or a surface, as `surface_from` takes it.
        domain: (low, high) for each coordinate; in one dimension (low, high).
        chords: how many to look at.
        seed: of their choice.

    Raises:
        ArgumentError: an argument does not fit, or the function has no finite value somewhere on the box.

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
        raise ArgumentError(
            "is_convex", "domain", f"(low, high) for each coordinate, {surface.dimensions} here", domain
        )
    start, end = _ends(domain, chords, seed)
    between = _between(start, end)
    low, high, middle = surface(start), surface(end), surface(between)
    for points, values in ((start, low), (end, high), (between, middle)):
        if not np.isfinite(values).all():
            place = tuple(points[tuple(np.argwhere(~np.isfinite(values))[0])].tolist())
            raise ArgumentError(
                f"is_convex() needs a finite value on the whole domain; {surface.text} has none at {place}"
            )
    excess = middle - (_WEIGHTS * low[:, np.newaxis] + (1.0 - _WEIGHTS) * high[:, np.newaxis])
    told = np.where(excess > _floor(start, np.column_stack([high, middle, low]))[:, np.newaxis], excess, -np.inf)
    chord, weight = np.unravel_index(told.argmax(), told.shape)
    if told[chord, weight] == -np.inf:
        return Convexity(True, None, chords)
    return Convexity(False, _chord(start, end, between, chord, weight, float(excess[chord, weight])), chords)


def _floor(start: Floats, along: Floats) -> Floats:
    """What a function may lie above each of the chords by rounding, shape (chords,).

    `along` are its values along the chords at even distances, shape (chords, places). The sixth differences of a smooth
    function all but vanish there, and those of rounding are several times the rounding. What cancels within a function
    is taken to be no larger than the coordinates' squares, and 1.
    """
    largest = float(np.abs(along).max())
    cancelled = max(1.0, float(np.abs(start).max())) ** 2
    with np.errstate(over="ignore", invalid="ignore"):
        rough = _ROUGH * np.abs(np.diff(along, n=6, axis=1)).max(axis=1)
    rounding: Floats = np.maximum(_ROUNDING * largest, np.minimum(rough, min(_ROUNDING * cancelled, _CLEAR * largest)))
    return rounding + np.finfo(np.float64).tiny  # and what is no normal number


@checked
def is_convex_set(contains: Callable[..., Any], domain: Domain, chords: Count = 20_000, seed: Seed = 0) -> Convexity:
    """Whether the chords between points of a set stay in it, within a box.

    A chord that leaves the set refutes it, and that none was found is evidence. Of those that leave, the one with the
    longest part outside is given.

    Args:
        contains: takes a number for each coordinate, tells whether the point is in the set; it may take arrays.
        domain: (low, high) for each coordinate; in one dimension (low, high).
        chords: how many to draw: those with both ends in the set are looked at.
        seed: of their choice.

    Raises:
        ArgumentError: an argument does not fit, or no chord has both ends in the set.

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
        raise ArgumentError(
            f"is_convex_set() found no two points of the set among {chords:,} chords; write a domain closer to the set"
        )
    start, end = start[kept], end[kept]
    between = _between(start, end)
    outside = ~_members(inside, between)
    if not outside.any():
        return Convexity(True, None, len(start))
    # The longest part outside is the plainest to see.
    length = outside.mean(axis=1) * np.linalg.norm(end - start, axis=1)
    chord = length.argmax()
    places = np.flatnonzero(outside[chord])
    return Convexity(False, _chord(start, end, between, chord, places[len(places) // 2], 0.0), len(start))


def _members(inside: Callable[..., ArrayLike], points: Floats) -> Any:
    return np.asarray(inside(*np.moveaxis(points, -1, 0))) == 1.0


def _ends(domain: Domain, chords: int, seed: int) -> tuple[Floats, Floats]:
    """Both ends of the chords, each of shape (chords, dimensions); the first of them goes from corner to corner."""
    low, high = np.array(domain).T
    random = np.random.default_rng(seed)
    start = low + (high - low) * random.random((chords, len(domain)))
    towards = low + (high - low) * random.random((chords, len(domain)))
    reach = 10.0 ** random.uniform(_SHORTEST, 0.0, (chords, 1))
    reach[: chords // 2] = 1.0
    start[0], towards[0] = low, high
    return start, start + reach * (towards - start)


def _between(start: Floats, end: Floats) -> Floats:
    """The places on the chords, shape (chords, places, dimensions); weight w is that of the start."""
    weights = _WEIGHTS[:, np.newaxis]
    between: Floats = weights * start[:, np.newaxis] + (1.0 - weights) * end[:, np.newaxis]
    return between


def _chord(start: Floats, end: Floats, between: Floats, chord: Any, weight: Any, excess: float) -> Chord:
    at = between[chord, weight]
    return Chord(tuple(start[chord].tolist()), tuple(end[chord].tolist()), tuple(at.tolist()), excess)
