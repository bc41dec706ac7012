"""Any function of the step as a schedule."""

import importlib
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np

from stepsize.arguments import quoted, refusal, shown
from stepsize.errors import ArgumentError, StepError
from stepsize.schedules.maths import SCALAR, Maths, Value
from stepsize.schedules.shape import Endless

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def _function(owner: str, name: str, value: Any) -> Callable[[float], float] | str:
    """The rule: a name to import, or something to call."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise refusal(owner, name, 'a function, or the name of one as "package.module:name"', value)


@dataclass(frozen=True, repr=False)
class Function(Endless):
    """f(t) of your own: the name of an importable function of the step, or the function itself.

    A name is imported at the first call. A plain function works everywhere but in the text and JSON forms, which
    have no way to write it. The function is given an int for a whole step, a float otherwise, one step at a time.

    Raises:
        ArgumentError: at a call, if the name cannot be imported.
        StepError: the function raises an error at some step, or its value there is no finite number.

    Example:
        >>> Function("math:exp")(0)
        1.0
        >>> Function(lambda t: 0.1 if t < 10 else 0.01)([0, 10])
        array([0.1 , 0.01])
    """

    function: Annotated[Callable[[float], float] | str, _function]

    def _at(self, t: Value, m: Maths) -> Value:
        if m is SCALAR:
            return self._one(t)
        return np.array([self._one(step) for step in t.flat], dtype=np.float64).reshape(t.shape)

    def _one(self, t: float) -> float:
        function = self._imported
        try:
            given = function(int(t) if t == int(t) else float(t))
        except Exception as error:
            raise StepError(f"{shown(self)} raised {shown(error)} at step {t:.16g}") from error
        try:
            value = float(given)
        except Exception:  # whatever an object of the user's own raises
            value = math.nan
        if not math.isfinite(value):
            raise StepError(
                f"{shown(self)} must give a finite number at every step, got {shown(given)} at step {t:.16g}"
            )
        return value

    @cached_property
    def _imported(self) -> Callable[[float], Any]:
        """The function itself; an import that fails is tried again at the next call."""
        return imported(self._text(), self.function) if isinstance(self.function, str) else self.function

    def _text(self) -> str:
        return f'Function("{self.function}")' if isinstance(self.function, str) else f"Function({shown(self.function)})"


def imported(what: str, name: str) -> Callable[..., Any]:
    """The function that "package.module:name" names; errors call it `what`.

    Raises:
        ArgumentError: it cannot be imported, or is not a function.
    """
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # the module is the user's own, and may raise anything
        raise ArgumentError(f"{what} cannot be imported: {_why_not(module, error)}") from error
    if not callable(found):
        raise ArgumentError(f"{what} must be a function, got {shown(found)}")
    return found  # type: ignore[no-any-return]


def _why_not(module: str, error: BaseException) -> str:
    top = module.partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and error.name in (module, top):
        return f"there is no module {quoted(error.name)}; write the name of a module in the current folder or installed"
    if isinstance(error, AttributeError) and (file := getattr(sys.modules.get(module), "__file__", None)):
        return f"{error} ({file}); if you mean another file of this name, rename that one"
    return shown(error, 200)
