"""A Python function of the user's own as the values of a surface, and its gradient by finite differences."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsize.descent.rule import Floats
from stepsize.errors import ArgumentError, shown

_STEP = 1e-4
"""Of the differences, for each unit of a coordinate: truncation and rounding are then both near 1e-12."""
_TRIES = 5
"""Steps that are tried, each a tenth of the last."""
_AGREEMENT = 1e-3
"""How far the differences over two distances may lie apart, relative to the slope."""


def coordinates_of(function: Callable[..., Any]) -> int | None:
    """How many numbers a function must be given; None where its signature does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters) or None


@dataclass(frozen=True)
class Elementwise:
    """A function of the coordinates on whole arrays: as it is where it takes them, else one point at a time.

    What it gives has the coordinates' shape, also where the function gives one number for all. Where the function
    raises an error of arithmetic, as `math.log(-1)` does, the point is outside its domain: NaN.
    """

    function: Callable[..., Any]
    whole: bool

    def __call__(self, *coordinates: Floats) -> Floats:
        shape = np.shape(coordinates[0])
        if self.whole:
            return np.broadcast_to(np.asarray(self.function(*coordinates), dtype=np.float64), shape)
        flat = zip(*(np.ravel(each).tolist() for each in coordinates), strict=True)
        with np.errstate(all="ignore"):
            return np.array([self._at(point) for point in flat], dtype=np.float64).reshape(shape)

    def _at(self, point: tuple[float, ...]) -> float:
        if not np.isfinite(point).all():
            return np.nan
        try:
            return float(self.function(*point))
        except (ArithmeticError, ValueError):
            return np.nan
        except Exception as error:
            raise ArgumentError(
                f"{shown(self.function)} raised {shown(error)} at {point}; "
                "it is called with a number for each coordinate"
            ) from error


def elementwise(function: Callable[..., Any], probes: Floats) -> Elementwise:
    """The function on arrays, after a look at whether it takes them: `probes` are points of shape (n, dimensions)."""
    singly = Elementwise(function, whole=False)
    coordinates = tuple(probes.T)
    alone = singly(*coordinates)
    try:
        with np.errstate(all="ignore"):
            together = np.broadcast_to(np.asarray(function(*coordinates), dtype=np.float64), alone.shape)
    except Exception:  # whatever a function says that was written for single numbers
        return singly
    return Elementwise(function, whole=np.allclose(together, alone, rtol=1e-9, equal_nan=True))


@dataclass(frozen=True)
class FiniteDifferences:
    """The partial derivatives by central differences over h and h / 2, put together so that errors of h^2 cancel.

        D = (4 D(h/2) - D(h)) / 3,    D(h) = (f(x + h) - f(x - h)) / 2 h,    h = 1e-4 max(1, |x|)

    Where D(h) and D(h/2) disagree, measured against the slope there and a usual one of that coordinate, or where they
    reach out of the domain, h is a tenth, and so on down to 1e-8: near a kink or an edge. Where they never agree the
    function has a jump, noise or the edge itself, and the place is named.

    Reference: Richardson, "The approximate arithmetical solution by finite differences" (1911).
    """

    function: Callable[..., Floats]
    name: str
    usual: tuple[float, ...]

    def __call__(self, *coordinates: Floats) -> list[Floats]:
        at = np.stack(np.broadcast_arrays(*coordinates))
        here = self.function(*at)
        return [self._partial(at, here, axis) for axis in range(len(at))]

    def allowed(self, axis: int, slope: Floats, here: Floats, h: Floats) -> Floats:
        """How far something may lie from a slope at points of these values to be the same but for rounding."""
        rounding = 1e3 * np.finfo(np.float64).eps * np.abs(here) / h
        found: Floats = _AGREEMENT * np.maximum(self.usual[axis], np.abs(slope)) + rounding
        return found

    def _partial(self, at: Floats, here: Floats, axis: int) -> Floats:
        h = step_at(at[axis])
        for _ in range(_TRIES):
            wide, narrow = self._difference(at, axis, h), self._difference(at, axis, h / 2)
            apart = np.abs(wide - narrow) > self.allowed(axis, narrow, here, h)
            torn = np.isfinite(here) & ~np.isinf(wide) & (apart | np.isnan(wide + narrow))
            if not torn.any():
                break
            h = np.where(torn, h / 10, h)
        else:
            place = tuple(at[:, *np.argwhere(torn)[0]].tolist())
            raise ArgumentError(
                f"{self.name} has no smooth slope at {place}: differences over {10 * h[torn].flat[0]:g} and its half "
                f"give {wide[torn].flat[0]:.6g} and {narrow[torn].flat[0]:.6g}; give its gradient with gradient="
            )
        combined: Floats = (4.0 * narrow - wide) / 3.0
        return combined

    def _difference(self, at: Floats, axis: int, h: Floats) -> Floats:
        after, before = at.copy(), at.copy()
        after[axis] += h
        before[axis] -= h
        # What was added is not quite h, once it is rounded.
        found: Floats = (self.function(*after) - self.function(*before)) / (after[axis] - before[axis])
        return found


def step_at(x: Floats) -> Floats:
    """The h of finite differences."""
    return _STEP * np.maximum(1.0, np.abs(x))


def differences_of(function: Elementwise, name: str, probes: Floats) -> FiniteDifferences:
    """Finite differences that take the steepest slopes at the probes, but at most 1, for usual ones."""
    with np.errstate(all="ignore"):
        unchecked = FiniteDifferences(function, name, (np.inf,) * probes.shape[1])
        slopes = [np.abs(each) for each in unchecked(*probes.T)]
    steepest = (float(np.max(each, where=np.isfinite(each), initial=0.0)) for each in slopes)
    return FiniteDifferences(function, name, tuple(min(1.0, each) or 1.0 for each in steepest))


def check_gradient(partials: Callable[..., Any], differences: FiniteDifferences, probes: Floats) -> None:
    """Hold a gradient that was given against finite differences.

    Raises:
        ArgumentError: they differ, or it does not give a number for each coordinate.
    """
    coordinates = tuple(probes.T)
    with np.errstate(all="ignore"):
        here, expected = differences.function(*coordinates), differences(*coordinates)
        try:
            given = partials(*coordinates)
        except Exception as error:
            raise ArgumentError(
                f"surface_from(gradient=...) raised {shown(error)}; it is called with an array for each coordinate"
            ) from error
    if not isinstance(given, Sequence) or len(given) != probes.shape[1]:
        rule = f"a function that gives {probes.shape[1]} partial derivatives, as a tuple"
        raise ArgumentError("surface_from", "gradient", rule, given)
    found = [np.broadcast_to(each, probes.shape[:1]) for each in given]
    for axis, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        allowed = differences.allowed(axis, ours, here, step_at(coordinates[axis]))
        wrong = np.isfinite(ours) & ~(np.abs(theirs - ours) <= allowed)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ArgumentError(
                f"surface_from(gradient=...) is not the gradient of the function: at {tuple(probes[row].tolist())} it "
                f"gives {tuple(float(each[row]) for each in found)}, and finite differences give "
                f"{tuple(float(each[row]) for each in expected)}"
            )
