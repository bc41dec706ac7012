"""Any function of the step as a schedule."""

import copy
import importlib
import math
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Annotated, Any

import numpy as np

from stepsize.errors import ArgumentError, StepError, quoted, shown
from stepsize.schedules.maths import SCALAR, Maths, Value
from stepsize.schedules.shape import Endless

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)

_LATEST = 10_000_000


def _function(owner: str, name: str, value: Any) -> Callable[[float], float] | str:
    """The rule: a name to import, or something to call."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ArgumentError(owner, name, 'a function, or the name of one as "package.module:name"', value)


@dataclass(frozen=True, repr=False)
class Function(Endless):
    """f(t) of your own: the name of an importable function of the step, or the function itself.

    The function gets an int for a whole step, a float otherwise, one step at a time. A name is imported at the first
    call. A function without a name works everywhere but in the text and JSON forms, which cannot write it.

    A schedule is a function of the step, so drawing it or asking it twice must not change what it gives later.
    An object with fields (or a method of one) may keep state: it is copied when the schedule is made, and the copy is
    called once for each of the steps 0, 1, 2, ... up to the one asked for; what it gave is remembered. Between two
    whole steps an object that keeps state holds the earlier value. Anything else (a function, or an object that
    cannot be copied) is called when it is asked. It is refused as soon as it gives another value for the first step
    that it was asked for, which is asked again at the end of every array.

    Raises:
        ArgumentError: at a call, if the name cannot be imported.
        StepError: the function raises an error at some step, its value there is not a finite number, or it gives two
            values for one step; or an object is asked for a step beyond 10 million.

    Example:
        >>> Function("math:exp")(0)
        1.0
        >>> Function(lambda t: 0.1 if t < 10 else 0.01)([0, 10])
        array([0.1 , 0.01])
    """

    function: Annotated[Callable[[float], float] | str, _function]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.function, str):
            self._called  # noqa: B018  (copied now: what becomes of the object later does not change the schedule)

    def _at(self, t: Value, m: Maths) -> Value:
        if m is SCALAR:
            return self._one(t)
        values = [self._one(step) for step in t.flat]
        if values:
            self._compare(t.flat[0], values[0], self._one(t.flat[0]))
        return np.array(values, dtype=np.float64).reshape(t.shape)

    def _one(self, t: float) -> float:
        function = self._called
        step = int(t) if t == int(t) else float(t)
        if isinstance(function, _InOrder) and step > _LATEST:
            raise StepError(
                f"{shown(self)} may keep state, so it is called for every step in turn, up to {_LATEST:,}, and not at "
                f"step {step:.16g}; compute the value from the step in a plain function"
            )
        value = self._value(function, step)
        first, before = vars(self).setdefault("_first", (step, value))
        if step == first:
            self._compare(step, before, value)
        return value

    def _compare(self, step: float, before: float, now: float) -> None:
        if now != before:
            raise StepError(
                f"{shown(self)} gave {before:.16g} and then {now:.16g} at step {step:.16g}: it keeps state that cannot "
                "be copied, or draws random numbers; compute the value from the step, or keep the state in an object "
                "with a method __call__"
            )

    def _value(self, function: Callable[[float], Any], step: float) -> float:
        try:
            given = function(step)
        except Exception as error:
            raise StepError(f"{shown(self)} raised {shown(error)} at step {step:.16g}") from error
        try:
            value = float(given)
        except Exception:  # whatever an object of the user's own raises
            value = math.nan
        if not math.isfinite(value):
            raise StepError(
                f"{shown(self)} must give a finite number at every step, got {shown(given)} at step {step:.16g}"
            )
        return value

    @cached_property
    def _called(self) -> Callable[[float], Any]:
        """What is called for a value; an import that fails is tried again at the next call."""
        function = self.function
        if isinstance(function, str):
            function = imported(f"Function({quoted(function)})", function)
        with suppress(Exception):  # whatever the object's own way of copying raises
            if _has_fields(function):
                return _InOrder(function)
        return function

    def _text(self) -> str:
        return f'Function("{self.function}")' if isinstance(self.function, str) else f"Function({shown(self.function)})"


def _has_fields(function: Callable[[float], Any]) -> bool:
    """Whether it is an object with fields, or a method of one."""
    if isinstance(function, partial):
        return _has_fields(function.func)
    owner = getattr(function, "__self__", function)
    if isinstance(function, FunctionType | BuiltinFunctionType | type) or isinstance(owner, type):
        return False
    return bool(owner.__getstate__())


class _InOrder:
    """An object as a function of the step: called for 0, 1, 2, ... in turn, once each."""

    def __init__(self, function: Callable[[float], Any]) -> None:
        self._untouched = copy.deepcopy(function)
        self._function = copy.deepcopy(function)
        self._given: list[Any] = []

    def __call__(self, step: float) -> Any:
        while len(self._given) <= step:
            try:
                given = self._function(len(self._given))
            except Exception as error:
                given = _Raised(error)
            self._given.append(given)
        given = self._given[int(step)]
        if step != int(step):
            with suppress(Exception):
                if copy.deepcopy(self._untouched)(int(step)) == given:
                    return copy.deepcopy(self._untouched)(step)
        if isinstance(given, _Raised):
            raise given.error
        return given


@dataclass(frozen=True)
class _Raised:
    """What came of a step instead of a value."""

    error: Exception


def imported(what: str, name: str) -> Callable[..., Any]:
    """The function that "package.module:name" or "file.py:name" names; errors call it `what`.

    Raises:
        ArgumentError: it cannot be imported, or is not a function.
    """
    module, _, path = name.rpartition(":")
    try:
        found: Any = _module_of(Path(module)) if module.endswith(".py") else importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # the module is the user's own, and may raise anything
        raise ArgumentError(f"{what} cannot be imported: {_why_not(module, error)}") from error
    if not callable(found):
        raise ArgumentError(f"{what} must be a function, got {shown(found)}")
    return found  # type: ignore[no-any-return]


def _module_of(file: Path) -> ModuleType:
    """The module that a file is, under the name by which its neighbours would import it."""
    if not file.is_file():
        raise ArgumentError(f"there is no file {file}")
    folder, name = str(file.resolve().parent), file.stem
    if folder not in sys.path:
        sys.path.append(folder)
    module = importlib.import_module(name)
    if module.__file__ is None or not file.samefile(module.__file__):
        raise ArgumentError(f"{file} has the name of the module {name} at {module.__file__}; rename the file")
    return module


def _why_not(module: str, error: BaseException) -> str:
    top = module.partition(".")[0]
    if isinstance(error, ArgumentError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in (module, top):
        advice = "write the name of a module in the current folder or installed"
        return f"there is no module {quoted(error.name or module)}; {advice}"
    if isinstance(error, AttributeError) and (file := getattr(sys.modules.get(module), "__file__", None)):
        return f"{shown(error, 120)} ({file}); if you mean another file of this name, rename that one"
    return shown(error, 200)
