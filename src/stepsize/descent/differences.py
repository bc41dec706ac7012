"""Gradients by finite differences, and the check of a given gradient against them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsize.descent.surface import Floats
from stepsize.errors import ArgumentError, shown

_STEP = 1e-4  # for each unit of a coordinate: truncation and rounding errors are then both near 1e-12
_TRIES = 5  # steps to try, each a tenth of the previous
_AGREEMENT = 1e-3  # how far differences over two distances may lie apart, relative to the slope


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
        found: Floats = _AGREEMENT * np.maximum(self.usual[axis], np.abs(slope)) + rounding
        return found

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
            raise ArgumentError(
                f"the slope of {self.name} at {place}",
                "",
                f"the same over distances of {10 * h[rough].flat[0]:.1g} and half of it",
                (float(wide[rough].flat[0]), float(narrow[rough].flat[0])),
                "give the exact one with {gradient}",
                gradient=...,
            )
        combined: Floats = (4.0 * narrow - wide) / 3.0
        return combined

    def _difference(self, at: Floats, axis: int, h: Floats) -> Floats:
        after, before = at.copy(), at.copy()
        after[axis] += h
        before[axis] -= h
        # Rounding makes the distance slightly different from 2 h.
        found: Floats = (self.function(*after) - self.function(*before)) / (after[axis] - before[axis])
        return found


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
