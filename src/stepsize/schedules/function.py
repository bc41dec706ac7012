"""Any function of the step as a schedule."""

import importlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from stepsize.arguments import refusal, shown
from stepsize.errors import ArgumentError, StepError
from stepsize.schedules.maths import SCALAR, Maths, Value
from stepsize.schedules.shape import Shape

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def _function(owner: str, name: str, value: Any) -> Callable[[float], float] | str:
    """The rule: a name to import, or something to call."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise refusal(owner, name, 'a function, or the name of one as "package.module:name"', value)


@dataclass(frozen=True, repr=False)
class Function(Shape):
    """f(t) of your own: the name of an importable function of the step, or the function itself.

    A name is imported at the first call. A plain function works everywhere but in the text and JSON forms, which
    have no way to write it. The function is given an int for a whole step, a float otherwise, one step at a time.

    Raises:
        ArgumentError: at the first call, if the name cannot be imported.
        StepError: the function's value at some step is no finite number.

    Example:
        >>> Function("math:exp")(0)
        1.0
        >>> Function(lambda t: 0.1 if t < 10 else 0.01)([0, 10])
        array([0.1 , 0.01])
    """

    function: Annotated[Callable[[float], float] | str, _function]

    @property
    def steps(self) -> float:  # type: ignore[override]
        """Endless."""
        return math.inf

    def _at(self, t: Value, m: Maths) -> Value:
        function = imported(self.function) if isinstance(self.function, str) else self.function
        if m is SCALAR:
            return self._one(function, t)
        return np.array([self._one(function, step) for step in t.flat], dtype=np.float64).reshape(t.shape)

    def _one(self, function: Callable[[float], Any], t: float) -> float:
        given = function(int(t) if t == int(t) else float(t))
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            raise StepError(f"{self} must give a finite number at every step, got {shown(given)} at step {t:g}")
        return value

    def _text(self) -> str:
        return f'Function("{self.function}")' if isinstance(self.function, str) else f"Function({self.function!r})"


def imported(name: str) -> Callable[[float], float]:
    """The function that "package.module:name" names."""
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f'Function("{name}") cannot be imported: {error}') from error
    if not callable(found):
        raise ArgumentError(f'Function("{name}") is not a function but {shown(found)}')
    return found  # type: ignore[no-any-return]
