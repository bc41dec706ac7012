"""Any function of the step as a schedule."""

import copy
import importlib
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, StepError, one_line, quoted, shown
from stepsize.schedules.maths import ARRAY, SCALAR, Maths, Value, computed_once
from stepsize.schedules.shape import Endless

if TYPE_CHECKING:
    from stepsize.schedules.arrays import ArraySteps

_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_LAST_STEP = 10_000_000  # of an object that may keep state


def _function(owner: str, name: str, value: Any) -> Callable[[float], float] | str:
    """The rule: a name to import, or something to call."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and re.fullmatch(f"{_DOTTED}:{_DOTTED}", value, re.ASCII):
        return value
    raise ArgumentError(owner, name, 'a function, or the name of one as "package.module:name"', value)


@dataclass(frozen=True, repr=False)
class Function(Endless):
    """Your own f(t): a function of the step, or the name of one to import.

    The function gets one step at a time: an int for a whole step, a float otherwise. A name is imported at the first
    call. The text and JSON forms can only write a name.

    A schedule is a pure function, so calling or drawing it must not change its later values. An object with fields
    (or a method of one) may keep state. It is copied when the schedule is made, the copy is called once for each of
    the steps 0, 1, 2, ... up to the one requested, and its values are remembered. Between two whole steps such an
    object holds the earlier value. Any other function, and an object that cannot be copied, is called at each request.
    It is refused if it returns two values for the first requested step, which is requested again after every array.

    Raises:
        ArgumentError: at a call, if the name cannot be imported.
        StepError: the function raises an error at some step, its value there is not a finite number, or it returns two
            values for one step; or an object that may keep state is called beyond step 10 million.

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
            self._called  # noqa: B018  (copied now, so that later changes to the object do not change the schedule)

    def _at(self, t: Value, m: Maths) -> Value:
        if m is SCALAR:
            return self._one(t)
        if m is not ARRAY:
            return self._in_library(t)
        values = [self._one(step) for step in t.flat]
        if values:
            self._one(t.flat[0], values[0])
        return np.array(values, dtype=np.float64).reshape(t.shape)

    def _in_library(self, t: "ArraySteps") -> Value:
        """The values beside steps of another array library; inside a compiler, the function itself is traced."""
        library, steps = t.library, t.library.on_host(t.array)
        if steps is not None:
            return library.constant(self._at(steps.astype(np.float64), ARRAY).tolist(), library.real_type, t.whole)
        advice = "write it with the functions of that library, such as where, or combine shapes"
        if isinstance(self._called, _InOrder):
            raise StepError(f"{shown(self)} may keep state, so a compiler cannot trace it", advice)
        try:
            return library.real(self._called(t.array))
        except Exception as error:
            raise StepError(f"a compiler cannot trace {shown(self)}: {one_line(str(error), 120)}", advice) from error

    def _one(self, t: float, before: float | None = None) -> float:
        """The value at one step; `before` is an earlier value at this step."""
        step = int(t) if t == int(t) else float(t)
        value = self._value(step)
        first_step, first_value = vars(self).setdefault("_first", (step, value))
        if step == first_step:
            before = first_value
        if before is not None and value != before:
            reason = f"{shown(self)} gave {before:.16g} and then {value:.16g} at step {step:.16g}"
            advice = "compute the value from the step, or keep the state in an object with a method __call__"
            raise StepError(f"{reason}: it keeps state that cannot be copied, or draws random numbers", advice)
        return value

    def _value(self, step: float) -> float:
        function = self._called
        if isinstance(function, _InOrder) and step > _LAST_STEP:
            reason = f"{shown(self)} may keep state, so it is called for every step in turn, up to {_LAST_STEP:,}"
            advice = "compute the value from the step in a plain function"
            raise StepError(f"{reason}, and not at step {step:.16g}", advice)
        try:
            given = function(step)
        except Exception as error:
            raise StepError(f"{shown(self)} raised {shown(error)} at step {step:.16g}") from error
        with suppress(Exception):  # the value may be an object that raises anything
            if math.isfinite(float(given)):
                return float(given)
        reason = f"{shown(self)} must give a finite number at every step, got {shown(given)} at step {step:.16g}"
        raise StepError(reason)

    @computed_once
    def _called(self) -> Callable[[float], Any]:
        """The function that gives the values; an import that fails is tried again at the next call."""
        function = self.function
        if isinstance(function, str):
            function = imported("Function", "function", function)
        with suppress(Exception):  # a copy method of the object may raise anything
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
    """An object as a function of the step: called once each for 0, 1, 2, ..."""

    def __init__(self, function: Callable[[float], Any]) -> None:
        self._untouched = copy.deepcopy(function)
        self._function = copy.deepcopy(function)
        self._given: list[Any] = []  # values, and the errors raised in place of values

    def __call__(self, step: float) -> Any:
        while len(self._given) <= step:
            try:
                self._given.append(self._function(len(self._given)))
            except Exception as error:
                self._given.append(error)
        given = self._given[int(step)]
        if step != int(step):
            with suppress(Exception):
                if copy.deepcopy(self._untouched)(int(step)) == given:
                    return copy.deepcopy(self._untouched)(step)
        if isinstance(given, Exception):
            raise given
        return given


def imported(owner: str, argument: str, name: str) -> Callable[..., Any]:
    """The function that an argument names, as "package.module:name" or "file.py:name"."""
    module, _, path = name.rpartition(":")
    found: Any = None
    try:
        found = _module_of_file(module) if module.endswith(".py") else importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise ArgumentError(owner, argument, "importable", name, _cause(module, error, found)) from error
    if not callable(found):
        raise ArgumentError(owner, argument, "the name of a function", name, f"it names {shown(found)}")
    return found  # type: ignore[no-any-return]


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters by name; none for a function without a signature, such as one written in C."""
    with suppress(TypeError, ValueError):
        return inspect.signature(function).parameters
    return {}


def _module_of_file(file: str) -> ModuleType:
    """The module in a file, under the name by which its neighbours import it."""
    from pathlib import Path

    path = Path(file)
    if not path.is_file():
        raise ImportError(f"no such file: {file}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    module = importlib.import_module(path.stem)
    if module.__file__ is None or not path.samefile(module.__file__):
        raise ImportError(f"{file} has the name of the module {path.stem} at {module.__file__}; rename the file")
    return module


def _cause(module: str, error: BaseException, found: Any) -> str:
    if type(error) is ImportError and error.name is None:  # of a file
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in (module, module.partition(".")[0]):
        advice = "write the name of a module in the current folder or installed"
        return f"no module named {quoted(error.name or module)}; {advice}"
    if isinstance(error, AttributeError) and found is not None:  # it lacks the name
        is_module = isinstance(found, ModuleType)
        owner, file = (found.__name__, getattr(found, "__file__", None)) if is_module else (shown(found), None)
        if meant := nearest(error.name, dir(found)):
            return f"{owner} has no {quoted(str(error.name))}; {meant}"
        advice = "correct the name, or rename that file if you mean another one of its name"
        return f"{owner} has no {quoted(str(error.name))}" + (f" (the module is {file}); {advice}" if file else "")
    return shown(error, 200)
