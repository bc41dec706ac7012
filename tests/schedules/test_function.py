"""Functions of one's own: imported by name, allowed where they are read, and told of where they fail."""

import copy
import importlib
import math
import sys

import pytest
from refusals import LINE, refused

from stepsize import Function, from_dict, parse, to_dict
from stepsize.errors import ArgumentError, FormatError, StepError

INF, NAN = math.inf, math.nan


def nothing(t):
    return None


def endlessly(t):
    return 10**400


@pytest.mark.parametrize(
    "function", [nothing, endlessly, lambda t: NAN, lambda t: -INF, lambda t: "high", lambda t: 1j]
)
def test_a_function_must_give_finite_numbers(function):
    refused(StepError, "must give a finite number at every step, got ", lambda: Function(function)(3))
    refused(StepError, "at step 3", lambda: Function(function)([3]))


@pytest.mark.parametrize("name", ["no.such.module:f", "math:no_such_function", "math:pi"])
def test_a_function_that_cannot_be_imported_is_an_error_at_the_first_call(name):
    function = Function(name)
    message = refused(ArgumentError, f'Function("{name}")', lambda: function(0))
    assert "cannot be imported" in message or "must be a function" in message


RAISING = {
    "math:log": 'Function("math:log") raised ValueError(\'',
    "operator:truediv": "raised TypeError('",
    "lines": "raised RuntimeError('one\\ntwo') at step 0",
    "itself": "raised ZeroDivisionError('division by zero') at step 0",
    "for ever": "raised RecursionError(",
    "another's": "raised StepError('a step is a finite number >= 0, got -1') at step 0",
}


def lines(t):
    raise RuntimeError("one\ntwo")


def for_ever(t):
    return for_ever(t)


FUNCTIONS = {"lines": lines, "itself": lambda t: 1 / t, "for ever": for_ever, "another's": lambda t: LINE(t - 1)}


@pytest.mark.parametrize("name", RAISING)
def test_what_a_function_raises_is_an_error_that_names_it_and_the_step(name):
    function = Function(FUNCTIONS.get(name, name))
    for at in (0, [3, 0] if name in ("math:log", "itself", "another's") else [0]):
        message = refused(StepError, RAISING[name], lambda: function(at))  # noqa: B023  (called at once)
        assert message.endswith(" at step 0")
        assert "\n" not in message
    assert function._repr_svg_() is None
    with pytest.raises(StepError) as caught:
        function(0)
    assert isinstance(caught.value.__cause__, Exception)


BROKEN = {
    "def f(t:": "SyntaxError(",
    "1 / 0": "ZeroDivisionError('division by zero')",
    "import no_such": "ModuleNotFoundError",
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_module_that_cannot_be_imported_is_an_error_whatever_it_raises(code, tmp_path, monkeypatch):
    name = f"broken_{BROKEN[code][:6].lower()}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    function = Function(f"{name}:f")
    message = refused(ArgumentError, f'Function("{name}:f") cannot be imported: {BROKEN[code]}', lambda: function(0))
    assert "\n" not in message
    assert function._repr_svg_() is None
    (tmp_path / f"{name}.py").write_text("def f(t):\n    return 0.5  # mended, and longer than it was before\n")
    importlib.invalidate_caches()
    assert function(0) == 0.5


def test_a_name_is_imported_once(monkeypatch):
    function = Function("math:cos")
    assert function(0) == 1.0
    monkeypatch.setattr("math.cos", lambda t: 0.0)
    assert function(0) == function([0])[0] == 1.0
    assert copy.copy(function)(0) == Function("math:cos")(0) == 0.0


def test_a_plain_function_has_no_json_form():
    refused(FormatError, 'use Function("package.module:name")', lambda: to_dict(LINE + Function(nothing)))


def test_functions_are_read_where_they_are_allowed():
    function = Function("math:cos")
    assert parse('Function("math:cos") * 2', functions=True) == function * 2
    assert from_dict(to_dict(function), functions=True) == function


def test_reading_a_function_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "not_to_be_imported.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    parse('Function("not_to_be_imported:f")', functions=True)
    from_dict({"version": 1, "type": "Function", "function": "not_to_be_imported:f"}, functions=True)
    assert "not_to_be_imported" not in sys.modules
