"""A schedule at any steps that it is called with: checked, and in the library that they come from."""

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from stepsize.errors import StepError, shown
from stepsize.schedules.maths import ARRAY, SCALAR, Floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from stepsize.schedules.base import Schedule

_LIBRARIES = ("jax", "jaxlib", "mlx", "torch", "tensorflow")
_BLOCK = 8192  # how many steps are evaluated at once: values that stay in the cache are several times as fast


def evaluated(schedule: "Schedule", step: "ArrayLike") -> Any:
    """The value at a step, or at every step of an array or list; StepError if it or the step is not finite."""
    if type(step).__module__.partition(".")[0] in _LIBRARIES and hasattr(step, "shape"):
        from stepsize.schedules.arrays import evaluated_in_library

        return evaluated_in_library(schedule, step)
    steps = _checked(step)
    if steps.ndim == 0 and not isinstance(step, np.ndarray):
        value = schedule._at(float(steps), SCALAR)
        if math.isfinite(value):
            return value
        values = np.array(value)
    else:
        flat, values = steps.ravel(), np.empty(steps.shape)
        with np.errstate(all="ignore"):
            for begin in range(0, flat.size, _BLOCK):
                block = slice(begin, begin + _BLOCK)
                values.reshape(-1)[block] = schedule._at(flat[block], ARRAY)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        value, at = values.flat[wrong[0]], steps.flat[wrong[0]]
        advice = "bound it with .clip(low, high) or end it with .head(n)"
        if math.isnan(value):
            advice = "bound the schedules it is made of with .clip(low, high)"
        raise StepError(f"{shown(schedule)} is {value} at step {at:g}", advice)
    return values


def _checked(step: "ArrayLike") -> Floats:
    try:
        given = np.asarray(step)
        if given.dtype.kind not in "iuf" and not all(isinstance(item, numbers.Real) for item in given.flat):
            raise TypeError
        steps: Floats = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise StepError(f"a step is a finite number >= 0 (or an array of them), got {shown(step)}") from None
    wrong = np.flatnonzero(~((steps >= 0) & np.isfinite(steps)))
    if wrong.size:
        index = [int(i) for i in np.unravel_index(wrong[0], steps.shape)]
        place = f" at index {', '.join(map(str, index))}" if index else ""
        raise StepError(f"a step is a finite number >= 0, got {steps.flat[wrong[0]]:g}{place}")
    return steps
