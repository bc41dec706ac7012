"""Users' functions: imported by name, read only if allowed, and named in errors."""

import copy
import functools
import importlib
import json
import math
import random
import sys

import numpy as np
import pytest
from refusals import LINE, refused

from stepsize import Constant, Function, from_dict, parse, to_dict
from stepsize.errors import ArgumentError, FormatError, StepError
from stepsize.plots import Picture, plot_schedules, sketch_schedules

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


def test_a_plain_function_is_called_at_the_asked_step_alone_however_late():
    asked = []

    def root(step):
        asked.append(step)
        return step**0.5

    assert Function(root)(10**14) == 10**7
    assert asked == [10**14]


NOT_FOUND = {
    "no.such.module:f": 'no module named "no"; write the name of a module in the current folder or installed',
    "json.nothing:f": 'no module named "json.nothing"; write the name of a module in the current folder or installed',
    "json:dumps_all": 'json has no "dumps_all"; did you mean "dumps"?',
    "json:JSONDecoder.dcode": 'JSONDecoder has no "dcode"; did you mean "decode"?',
    "json:no_such_function": (
        f'json has no "no_such_function" (the module is {json.__file__}); correct the name, or rename that file if you '
        "mean another one of its name"
    ),
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_a_function_that_cannot_be_imported_is_an_error_at_the_first_call(name):
    function = Function(name)
    refused(ArgumentError, f"must be importable, got '{name}'; {NOT_FOUND[name]}", lambda: function(0))


def test_a_name_of_something_else_than_a_function_is_an_error_at_the_first_call():
    words = "Function(function=...) must be the name of a function, got 'math:pi'; it names 3.14159"
    refused(ArgumentError, words, lambda: Function("math:pi")(0))


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
    message = refused(ArgumentError, f"must be importable, got '{name}:f'; {BROKEN[code]}", lambda: function(0))
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


class Factor:
    """The tutorials' FactorScheduler: every call lowers its own field."""

    def __init__(self, rate=0.6, factor=0.8, lowest=0.01):
        self.rate, self.factor, self.lowest = rate, factor, lowest

    def __call__(self, step):
        self.rate = max(self.lowest, self.rate * self.factor)
        return self.rate

    def value(self, step):
        return self(step)


class Late:
    """The tutorials' CosineScheduler: past its end it gives the last value that it computed."""

    def __init__(self):
        self.rate, self.history = 1.0, []

    def __call__(self, step):
        if step <= 5:
            self.rate = 1.0 - step / 10
            self.history.append(step)
        return self.rate


class Root:
    """It has fields that no call changes, and no value at step 0."""

    def __init__(self):
        self.scale = 1.0

    def __call__(self, step):
        return self.scale / step


class Popping:
    """Its values are taken from a list, one at each call."""

    def __init__(self):
        self.left = [0.1 * each for each in range(60)]

    def __call__(self, step):
        return self.left.pop()


factor_by_name = Factor()

EXPECTED = [max(0.01, 0.6 * 0.8 ** (step + 1)) for step in range(50)]
KEEPS_STATE = {
    "object": (lambda: Factor(), EXPECTED),
    "method": (lambda: Factor().value, EXPECTED),
    "last value": (lambda: Late(), [1.0 - min(step, 5) / 10 for step in range(50)]),
    "list in a field": (lambda: Popping(), [0.1 * each for each in range(59, 9, -1)]),
    "partial of a method": (lambda: functools.partial(Factor().value), EXPECTED),
}


def shown_in_every_way(plan):
    plan.sample(30)
    plan([40, 2])
    plan(7)
    plan(2.5)
    repr(plan)
    plan._repr_svg_()
    sketch_schedules([plan], steps=45, width=60, height=10, colour=False)
    plot_schedules([plan], Picture(), steps=45)
    assert plan == copy.copy(plan)
    hash(plan)


@pytest.mark.parametrize("kind", KEEPS_STATE)
def test_looking_at_a_function_that_keeps_state_does_not_change_it(kind):
    make, expected = KEEPS_STATE[kind]
    own = make()
    plan = Function(own)
    shown_in_every_way(plan)
    shown_in_every_way((2 * plan).head(48) >> Constant(0.1))
    np.testing.assert_allclose([plan(step) for step in range(50)], expected, rtol=1e-12)
    np.testing.assert_allclose(plan.sample(50), expected, rtol=1e-12)
    assert Function(own)(0) == pytest.approx(expected[0]), "the object itself was not called"


def test_later_changes_to_an_object_do_not_change_the_schedule():
    own = Factor()
    plan = Function(own)
    for step in range(10):
        own(step)
    assert plan(0) == plan(0.5) == pytest.approx(0.48)
    assert plan(49) == pytest.approx(0.01)


def test_an_object_named_as_a_function_is_copied_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "of_mine", sys.modules[__name__])
    plan = Function("of_mine:factor_by_name")
    shown_in_every_way(plan)
    assert plan(0) == Function("of_mine:factor_by_name")(0) == pytest.approx(0.48)


def counting():
    rate = 0.6

    def lower(step):
        nonlocal rate
        rate = max(0.01, 0.8 * rate)
        return rate

    return lower


def with_attribute(step):
    with_attribute.rate *= 0.8
    return with_attribute.rate


with_attribute.rate = 0.6


class Generated:
    """An object that holds a generator, which cannot be copied."""

    def __init__(self):
        self.values = (0.999**step for step in range(9999))

    def __call__(self, step):
        return next(self.values)


CANNOT_BE_COPIED = {
    "closure": counting,
    "attribute": lambda: with_attribute,
    "list": lambda: (lambda values: lambda step: values.pop())([0.1 * each for each in range(9999)]),
    "generator": lambda: (lambda values: lambda step: next(values))(0.999**step for step in range(9999)),
    "object": Generated,
    "random": lambda: lambda step: random.random(),
    "method of a list": lambda: lambda step, values=[0.1 * each for each in range(9999)]: values.pop(),
}


@pytest.mark.parametrize("kind", CANNOT_BE_COPIED)
@pytest.mark.parametrize("steps", [0, 3, [0, 1, 2]])
def test_state_that_cannot_be_copied_is_refused_when_a_value_changes(kind, steps):
    plan = Function(CANNOT_BE_COPIED[kind]())
    if not isinstance(steps, list):
        plan(steps)
        plan(steps + 1)
    for _ in range(3):
        message = refused(StepError, "keeps state that cannot be copied", lambda: plan(steps))
        assert f"at step {0 if isinstance(steps, list) else steps}: it keeps" in message
        assert message.endswith(
            "compute the value from the step, or keep the state in an object with a method __call__"
        )
    assert plan._repr_svg_() is None


def test_a_function_is_called_once_for_a_step():
    asked = []
    plan = Function(lambda step: asked.append(step) or 0.1)
    for step in range(5):
        plan(step)
    assert asked == [0, 1, 2, 3, 4]


def test_an_object_need_not_have_a_value_at_every_step():
    plan = Function(Root())
    assert plan([4, 2.5]).tolist() == [0.25, 0.4]
    refused(StepError, "raised ZeroDivisionError('float division by zero') at step 0", lambda: plan(0))


def test_an_object_is_refused_at_a_step_beyond_ten_million():
    refused(
        StepError,
        "may keep state, so it is called for every step in turn, up to 10,000,000, and not at step 1000000000; compute "
        "the value from the step in a plain function",
        lambda: Function(Factor())(10**9),
    )


def test_a_plain_function_has_no_json_form():
    refused(FormatError, 'use Function("package.module:name")', lambda: to_dict(LINE + Function(nothing)))


def test_functions_are_read_if_allowed():
    function = Function("math:cos")
    assert parse('Function("math:cos") * 2', functions=True) == function * 2
    assert from_dict(to_dict(function), functions=True) == function


def test_reading_a_function_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "not_to_be_imported.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    parse('Function("not_to_be_imported:f")', functions=True)
    from_dict({"version": 1, "type": "Function", "function": "not_to_be_imported:f"}, functions=True)
    assert "not_to_be_imported" not in sys.modules
