"""Bad input: one clear line that names what was wrong and what to write instead, and never another kind of error."""

import copy
import functools
import importlib
import json
import math
import pickle
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Constant, Cosine, Function, Horizon, Linear, Schedule, Table, from_dict, parse, to_dict
from stepsize.errors import ArgumentError, FormatError, ParseError, StepError
from stepsize.schedules import grammar
from strategies import trees

INF, NAN = math.inf, math.nan
LINE = Linear(0.0, 1.0, 4)
HORIZON = Horizon(samples=1000, batch=10, epochs=2)


def refused(kind: type[Exception], fragment: str, make: Callable[[], object]) -> str:
    """The message of the refusal, which is of exactly this kind and says this."""
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert fragment in message
    return message


# Values, in Python.

ARGUMENTS = {
    # lengths
    "a bool is no length": (
        lambda: Linear(0, 1, True),
        "Linear(steps=...) must be a whole number of at least 1, got True",
    ),
    "half a step is no length": (lambda: Linear(0, 1, 2.5), "got 2.5; write 2 or 3"),
    "a fraction is no length": (lambda: Linear(0, 1, Fraction(5, 2)), "write 2 or 3"),
    "NaN is no length": (lambda: Linear(0, 1, NAN), "whole number of at least 1, got nan"),
    "a shape between two values must end": (lambda: Linear(0, 1, INF), "whole number of at least 1, got inf"),
    "minus infinity is no length": (lambda: Constant(1, -INF), "or inf, got -inf"),
    "0 is no length of a shape": (
        lambda: Cosine(0, 1, 0),
        "Cosine(steps=...) must be a whole number of at least 1, got 0",
    ),
    "a length is not negative": (lambda: LINE.head(-1), "Head(n=...) must be a whole number of at least 0, got -1"),
    "None is no length": (lambda: LINE.every(None), "Every(n=...) must be a whole number of at least 1, got None"),
    "a length with a unit": (lambda: Linear(0, 1, "3ep"), 'read by parse(text, horizon=...) or Horizon(...).of("3ep")'),
    "a count with a unit": (
        lambda: Horizon("60000", 256, 10),
        "Horizon(samples=...) must be a whole number of at least 1, got '60000'; write a number such as 3; only a "
        "length may have a unit",
    ),
    "cycles with a unit": (lambda: LINE.repeat("3ep"), "or inf, got '3ep'; write a number such as 3"),
    "a matrix is one line": (
        lambda: Linear(np.zeros((3, 3)), 1, 3),
        "got array([[0., 0., 0.], [0., 0., 0.], [0., 0., 0.]]); write a number",
    ),
    "a length past 2**53": (lambda: Linear(0, 1, 2**53 + 1), "at most 2**53"),
    "a length of 400 digits": (lambda: LINE.shift(10**400), "at most 2**53"),
    "lengths that add up past 2**53": (lambda: Constant(1, 2**53) >> LINE, "would last more than 2**53"),
    "lengths that multiply past 2**53": (lambda: LINE.every(2**52), "would last more than 2**53"),
    "cycles that add up past 2**53": (lambda: LINE.repeat(2**52), "would last more than 2**53"),
    "an array is no length": (lambda: LINE.head(np.array([1, 2])), "Head(n=...) must be"),
    # numbers
    "infinity is no value": (lambda: Linear(0, INF, 3), "Linear(end=...) must be a finite number, got inf"),
    "NaN is no value": (lambda: Constant(NAN), "Constant(value=...) must be a finite number, got nan"),
    "a bool is no value": (
        lambda: Constant(True),
        "Constant(value=...) must be a finite number, got True; write a number such as 0.1",
    ),
    "a text is no value": (lambda: Constant("0.1"), "got '0.1'; write a number such as 0.1"),
    "a complex number is no value": (lambda: Constant(1j), "must be a finite number, got 1j"),
    "a number of 400 digits": (lambda: Constant(10**400), "Constant(value=...) must be a finite number"),
    "a fraction of 400 digits": (lambda: Constant(Fraction(-(10**400))), "Constant(value=...) must be a finite number"),
    "a factor below 0": (
        lambda: ss.Exponential(1, -0.5),
        "Exponential(factor=...) must be a finite number >= 0, got -0.5",
    ),
    "per 0 steps": (lambda: ss.Exponential(1, 0.5, 0), "Exponential(per=...) must be a finite number > 0, got 0"),
    "a geometric line through 0": (lambda: ss.Geometric(1, 0, 5), "Geometric(end=...) must be a finite number > 0"),
    "a power of 0": (lambda: ss.Polynomial(1, 0, 5, 0), "Polynomial(power=...) must be a finite number > 0"),
    "a fraction over 1": (lambda: ss.one_cycle(1, 10, 1.5), "one_cycle(warmup_frac=...) must be a finite number >= 0"),
    "a rate that is a text, where None is allowed": (
        lambda: ss.one_cycle(0.5, 100, init_lr="x"),
        "one_cycle(init_lr=...) must be a finite number, got 'x'",
    ),
    "a rate that is NaN, where None is allowed": (
        lambda: ss.one_cycle(0.5, 100, final_lr=NAN),
        "one_cycle(final_lr=...) must be a finite number, got nan",
    ),
    # sequences
    "no boundaries": (
        lambda: ss.MultiStep(1, 0.5, ()),
        "MultiStep(boundaries=...) must be a sequence of at least one item",
    ),
    "one boundary alone": (lambda: ss.MultiStep(1, 0.5, 3), "must be a sequence, got 3; write (3,)"),
    "a text as a sequence": (lambda: Table("123"), "Table(values=...) must be a sequence, got '123'"),
    "a bad item": (lambda: Table([1.0, INF]), "Table(values[1]=...) must be a finite number, got inf"),
    "boundaries out of order": (lambda: ss.MultiStep(1, 0.5, (8, 3)), "here 8 is followed by 3"),
    "a boundary twice": (lambda: ss.Piecewise((1, 2, 3), (5, 5)), "sort them and write each once"),
    "as many values as boundaries": (lambda: ss.Piecewise((1, 2), (5, 7)), "3 values (one more than boundaries)"),
    "a knot alone": (lambda: ss.Knots([(0, 1)]), "at least two (step, value) pairs"),
    "a knot of three": (lambda: ss.Knots([(0, 1), (1, 2, 3)]), "Knots(points[1]=...) must be a (step, value) pair"),
    "knots at one step": (lambda: ss.Knots([(1, 0), (1, 1)]), "at a later step than 1"),
    "a knot before the start": (lambda: ss.Knots([(-1, 0), (1, 1)]), "must be a finite number >= 0, got -1"),
    # words
    "an unknown way": (
        lambda: ss.Knots([(0, 1), (1, 2)], "cosin"),
        'must be "linear" or "cosine", got \'cosin\'; did you mean "cosine"?',
    ),
    "an unknown decay": (lambda: LINE.cooldown(1, 2, 0, "sqrt"), '"linear" or "cosine" or "1-sqrt"'),
    "an unknown mode": (lambda: ss.cyclic(0, 1, 2, 2, mode="exprange"), 'did you mean "exp_range"?'),
    # whole schedules
    "a triangle upside down": (lambda: ss.Triangle(1, 0, 2, 2), "at most high = 0.0, got 1.0; for a valley write"),
    "bounds exchanged": (
        lambda: LINE.clip(1, 0),
        "Clip(low=...) must be at most high = 0.0, got 1.0; exchange the two",
    ),
    "clip at NaN": (lambda: LINE.clip(0, NAN), "Clip(high=...) must be a number, got nan"),
    "more tail than there is": (lambda: LINE.tail(5), "at most the schedule's 4 steps, got 5"),
    "a warmup of a number": (
        lambda: ss.warmup(0.3, 5),
        "warmup(schedule=...) must be a schedule, got 0.3; write e.g. Constant(0.1)",
    ),
    "a warmup as long as the run": (
        lambda: ss.warmup_cosine(0.3, 20, 20),
        "must be less than total_steps = 20, got 20",
    ),
    "a plan of no phases": (lambda: ss.wsd(0.3, 0, 0, 0), "wsd needs at least one phase of more than 0 steps"),
    "a name without a module": (lambda: Function("exp"), "the name of one as \"package.module:name\", got 'exp'"),
    "a number as a function": (
        lambda: Function(0.1),
        'a function, or the name of one as "package.module:name", got 0.1',
    ),
    # endless, where an end is needed
    "nothing follows an endless one": (lambda: Constant(1) >> LINE, ".head(n) before >>"),
    "in the middle of a chain too": (lambda: LINE >> (ss.InversePower(1) >> LINE), ".head(n) before >>"),
    "an endless one has no shape": (lambda: Constant(1).stretch(10), "cut it with .head(n) first"),
    "an endless one never restarts": (lambda: Constant(1).repeat(2), "cut it with .head(n) first"),
    "an endless one has no sample": (lambda: Constant(1).sample(), "write .sample(n)"),
    "nothing to repeat": (lambda: LINE.head(0).repeat(2), "has no steps, so there is nothing to repeat"),
    "cycles shrink to nothing": (lambda: LINE.repeat(9, 1, 0.5), "large enough to leave each cycle a step"),
    "cycles grow beyond measure": (lambda: LINE.repeat(999, 1, 2), "small enough for cycles under 2**53 steps"),
    "endless cycles that shrink": (lambda: LINE.repeat(INF, 1, 0.9), "or give the number of times"),
    "more unlike cycles than can be counted": (
        lambda: LINE.repeat(10**7, 1, 1.0000001),
        "at most 1000000 where stretch is not 1, or inf",
    ),
    # operators
    "an array times a schedule": (
        lambda: np.ones(3) * LINE,
        "* cannot take array([1., 1., 1.]) (ndarray) beside a schedule",
    ),
    "a schedule plus an array": (
        lambda: LINE + np.ones(3),
        "+ cannot take array([1., 1., 1.]) (ndarray) beside a schedule",
    ),
    "an array minus a schedule": (lambda: np.ones(3) - LINE, "- cannot take array([1., 1., 1.])"),
    "an array before a schedule": (lambda: np.ones(3) >> LINE, ">> cannot take array([1., 1., 1.])"),
    "an array over a schedule": (lambda: np.ones(3) / LINE, "not a number by a schedule"),
    "a schedule over a schedule": (lambda: LINE / LINE, "a schedule is divided by a number only"),
    "a number over a schedule": (lambda: 1 / LINE, "a schedule can be divided by a number, not a number by a schedule"),
    "a schedule over 0": (lambda: LINE / 0, "cannot be divided by zero"),
    "a schedule over NaN": (lambda: LINE / NAN, "Quotient(divisor=...) must be a finite number, got nan"),
    "a number at the end": (
        lambda: LINE >> 1,
        ">> cannot take 1 (int) beside a schedule; write >> Constant(0.01) to stay at a number",
    ),
    "a number at the start": (lambda: 1 >> LINE, "write Constant(0.1, steps) >> ... to start at a number"),
    "a bool as an operand": (
        lambda: LINE + True,
        "+ cannot take True (bool) beside a schedule; write a schedule or a finite number",
    ),
    "infinity as an operand": (lambda: INF * LINE, "* cannot take inf (float)"),
    "a text as an operand": (lambda: LINE - "1", "- cannot take '1' (str)"),
    "NaN as a sample": (lambda: LINE.sample(NAN), "sample(n=...) must be a whole number of at least 0, got nan"),
    # horizons
    "no samples": (lambda: Horizon(0, 1, 1), "Horizon(samples=...) must be a whole number of at least 1, got 0"),
    "half a batch": (
        lambda: Horizon(10, 1.5, 1),
        "Horizon(batch=...) must be a whole number of at least 1, got 1.5; write 1 or 2",
    ),
    "no epochs": (lambda: Horizon(10, 1, 0), "Horizon(epochs=...) must be a finite number > 0, got 0"),
    "endless epochs": (lambda: Horizon(10, 1, INF), "Horizon(epochs=...) must be a finite number > 0, got inf"),
    "a dropped only batch": (
        lambda: Horizon(10, 11, 1, drop_last=True),
        "10 samples on 1 processes do not fill one batch",
    ),
    "less than an update": (
        lambda: Horizon(10, 10, 0.4),
        "Horizon(epochs=...) must be long enough for one update, got 0.4",
    ),
    "drop_last as a word": (
        lambda: Horizon(10, 1, 1, drop_last="yes"),
        "drop_last=...) must be True or False, got 'yes'",
    ),
    "an unknown unit": (lambda: HORIZON.of("3 days"), '\'3 days\' is not a length; write "3ep" (epochs), "10%"'),
    "a negative length": (lambda: HORIZON.of("-3ep"), "is not a length"),
    "an exponent": (lambda: HORIZON.of("1e3"), "is not a length"),
    "a length in other digits": (lambda: HORIZON.of("٣ep"), "is not a length"),
    "a number where a unit is": (lambda: HORIZON.of(5), "5 is not a length"),
    "a length of 5,000 digits": (lambda: HORIZON.of("9" * 5000), "is not a length"),
    "a horizon that is a number": (lambda: parse("Constant(1)", 10), "write Horizon(samples, batch, epochs)"),
    "a text that is bytes": (lambda: parse(b"Constant(1)"), "parse() reads a text, got b'Constant(1)'"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_argument_that_cannot_be_is_refused_in_words(case):
    make, fragment = ARGUMENTS[case]
    message = refused(ArgumentError, fragment, make)
    assert "\n" not in message
    assert len(message) < 300


def test_numpys_numbers_and_whole_floats_are_good():
    assert Linear(np.float32(0.0), np.int16(1), np.int64(10)) == Linear(0, 1, 10.0) == Linear(0, 1, np.float64(10))
    assert LINE.head(np.uint8(3)) == LINE.head(3.0) == LINE.head(Fraction(3))
    assert np.float64(2) * LINE == 2 * LINE == np.int64(2) * LINE
    assert LINE / np.float64(2) == LINE / 2
    assert not np.any(np.ones(3) == LINE)


STEPS = {
    "below 0": (-1, "a step is a finite number >= 0, got -1"),
    "a little below 0": (-1e-300, "got -1e-300"),
    "NaN": (NAN, "got nan"),
    "infinity": (INF, "got inf"),
    "NumPy's NaN": (np.float64("nan"), "got nan"),
    "the first of two in a list": ([1, -2, 3, -4], "got -2 at place 1"),
    "the first of two kinds": ([0, INF, -1], "got inf at place 1"),
    "a place in a matrix": (np.array([[1.0, 2.0], [NAN, -3.0]]), "got nan at place (1, 0)"),
    "an array of one": (np.array(-3), "got -3"),
    "a bool": (True, "got True"),
    "NumPy's bool": (np.True_, "True"),
    "bools": (np.array([True, False]), "got array([ True, False])"),
    "a text": ("3", "got '3'"),
    "texts": (["1", "2"], "got ['1', '2']"),
    "bytes": (b"3", "got b'3'"),
    "None": (None, "got None"),
    "None in a list": ([1, None], "got [1, None]"),
    "a complex number": (3j, "got 3j"),
    "complex numbers": (np.array([1j]), "got array([0.+1.j])"),
    "a date": (np.array(["2020-01-01"], dtype="datetime64[D]"), "got array(["),
    "a ragged list": ([1, [2, 3]], "got [1, [2, 3]]"),
    "a schedule": (LINE, "got Linear(0.0, 1.0, 4)"),
    "a number of 400 digits": (10**400, "got 1000"),
}


@pytest.mark.parametrize("case", STEPS)
def test_a_step_that_is_none_is_refused_and_named(case):
    step, fragment = STEPS[case]
    for schedule in (LINE, LINE >> Cosine(1, 0, 3), Table((1, 2)) * LINE):
        refused(StepError, fragment, lambda: schedule(step))  # noqa: B023  (called at once)


@pytest.mark.parametrize("step", [1000, 1000.0, [0, 1000]])
def test_a_value_that_overflows_is_an_error_that_names_the_step_and_the_way_out(step):
    growing = ss.Exponential(1.0, 10.0) + 1
    message = refused(StepError, "is inf at step 1000; bound it with .clip(low, high)", lambda: growing(step))
    assert message.startswith("Exponential(1.0, 10.0) + 1.0 ")
    assert growing.clip(0.0, 5.0)(1000) == 5.0
    assert (LINE.head(2) >> growing)(3) == 11.0


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
    assert "cannot be imported" in message or "is not a function" in message


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


class Shy:
    """A function that will not say what it is."""

    def __call__(self, t):
        return 0.5

    def __repr__(self):
        raise KeyError


def test_a_notebook_shows_a_function_whatever_it_says_of_itself():
    assert "Function(&lt;Shy whose repr raises KeyError&gt;)" in (Function(Shy()) + 1)._repr_svg_()


def test_a_name_is_imported_once(monkeypatch):
    function = Function("math:cos")
    assert function(0) == 1.0
    monkeypatch.setattr("math.cos", lambda t: 0.0)
    assert function(0) == function([0])[0] == 1.0
    assert copy.copy(function)(0) == Function("math:cos")(0) == 0.0


def test_a_plain_function_has_no_json_form():
    refused(FormatError, 'use Function("package.module:name")', lambda: to_dict(LINE + Function(nothing)))


# Texts.

TEXTS = {
    # names
    "lineer(0, 1, 4)": ('"lineer" is no shape or recipe; did you mean "Linear"?', 0),
    "Cosin(0, 1, 4)": ('did you mean "Cosine"?', 0),
    "onecycle(1, 100)": ('did you mean "one_cycle"?', 0),
    "abs(1)": ("is no shape or recipe; known are Constant, Cosine,", 0),
    "__import__('os')": ("is no shape or recipe", 0),
    "Linear(0, 1, 4).heads(2)": ('"heads" is no method of a schedule; did you mean "head"?', 16),
    "Linear(0, 1, 4).plot()": ("is no method of a schedule", 16),
    "Linear(0, 1, 4).__class__()": ("is no method of a schedule", 16),
    "Linear(0, 1, 4).steps": ("expected ( after .steps", 21),
    "Linear": ("Linear needs its arguments: Linear(start, end, steps)", 0),
    "Linear >> Cosine": ("Linear needs its arguments: Linear(start, end, steps)", 0),
    "Constant(pi)": ('"pi" is no shape or recipe', 9),
    # arguments
    "Linear(0, 1)": ('Linear lacks "steps"; write Linear(start, end, steps)', 0),
    "Linear()": ('Linear lacks "start"', 0),
    "Linear(0, 1, 4, 5)": ("too many arguments; write Linear(start, end, steps)", 16),
    "Linear(0, 1, step=4)": ('Linear has no argument "step"; did you mean "steps"?', 18),
    "Linear(0, 1, T_max=4)": ('Linear has no argument "T_max"; write Linear(start, end, steps)', 19),
    "Linear(0, 1, 4, start=2)": ('Linear is given "start" twice', 22),
    "Linear(start=0, 1, 4)": ("a positional argument cannot follow a keyword; name it too", 16),
    "Linear(0, 1, 4).head(self=3)": ('head has no argument "self"', 26),
    "Linear(0, 1, 2.5)": ("Linear(steps=...) must be a whole number of at least 1, got 2.5; write 2 or 3", 0),
    "Linear(0, 1, inf)": ("must be a whole number of at least 1, got inf", 0),
    "Linear(0, inf, 4)": ("Linear(end=...) must be a finite number, got inf", 0),
    "Linear(0, 1e999, 4)": ("Linear(end=...) must be a finite number, got inf", 0),
    "Linear(0, inf - inf, 4)": ("Linear(end=...) must be a finite number, got nan", 0),
    "Linear(0, True, 4)": ("True is not a finite number; write a finite number such as 0.1", 10),
    "Linear(0, (1,), 4)": ("Linear(end=...) must be a finite number, got (1,)", 0),
    "Linear(0, Constant(1), 4)": ("Linear(end=...) must be a finite number, got Constant(1.0)", 0),
    'Constant("3ep")': ("Constant(value=...) must be a finite number, got '3ep'", 0),
    "Linear(0, 1, 4).tail(9)": ("at most the schedule's 4 steps, got 9", 16),
    "Constant(1) >> Linear(0, 1, 4)": (".head(n) before >>", 0),
    "Linear(0, 1, 4) >> 0.1": ("write Constant(0.1)", 19),
    "0.1 >> Linear(0, 1, 4)": ("write Constant(0.1)", 0),
    "Linear(0, 1, 4) / Linear(0, 1, 4)": ("a schedule is divided by a number only", 0),
    "1 / Linear(0, 1, 4)": ("a schedule can be divided by a number, not a number by a schedule", 0),
    "Linear(0, 1, 4) / 0": ("cannot be divided by zero", 0),
    "1 / 0 * Linear(0, 1, 4)": ("1 cannot be divided by zero", 0),
    'Linear(0, 1, 4) + "1"': ("expected a schedule or a number, found '1'", 18),
    "-(1, 2)": ("expected a schedule or a number, found (1, 2)", 1),
    "Exponential(1, 10).cooldown(400, 10)": ("is inf at step 400", 19),
    'Function("math:exp")': ("Function runs code of yours; allow it with parse(text, functions=True)", 0),
    'Linear(0, 1, 4) + warmup(Function("os:abort"), 3)': ("Function runs code of yours", 25),
    # no schedule
    "": ("expected a schedule or a number, found the end of the text", 0),
    "   ": ("found the end of the text", 3),
    "0.1": ("expected a schedule, found 0.1; write Constant(0.1)", 0),
    "1 + 2 * 3": ("expected a schedule, found 7; write Constant(7)", 0),
    '"Constant(1)"': ("expected a schedule, found 'Constant(1)'", 0),
    "(Constant(1),)": ("expected a schedule, found (Constant(1.0),)", 0),
    "(1).head(3)": ("expected a schedule, found 1; write Constant(1)", 1),
    # form
    "Linear(0, 1, 4": ("this bracket is never closed; add a )", 6),
    "Table([1, 2": ("this bracket is never closed; add a ]", 6),
    "((Constant(1)": ("this bracket is never closed; add a )", 1),
    "Table([1, 2)": ("expected , or ], found ')'", 11),
    "Linear(0, 1, 4))": ("a .method() or the end, found ')'", 15),
    "Linear(0 1, 4)": ("expected , or ), found '1'", 9),
    "Linear(0,, 4)": ("expected a schedule or a number, found ','", 9),
    "Linear(0, 1, 4) >>": ("found the end of the text", 18),
    "Linear(0, 1, 4) > Constant(1)": ("'>' has no meaning here", 16),
    "Linear(0, 1, 4) >>> Constant(1)": ("'>' has no meaning here", 18),
    "Linear(0, 1, 4) ** 2": ("expected a schedule or a number, found '*'", 17),
    "Linear(0, 1, 4) // 2": ("expected a schedule or a number, found '/'", 17),
    "Linear(0, 1, 4); Constant(1)": ("';' has no meaning here", 15),
    "Linear(0, 1, 4) # falls": ("'#' has no meaning here", 16),
    "lambda t: t": ("found 't'", 7),
    "Constant(1)(2)": ("a .method() or the end, found '('", 11),
    "Constant(1).": ("expected the name of a method", 12),
    "Constant(1__0)": ("not a number that can be read", 9),
    "Constant(" + "9" * 5000 + ")": ("not a number that can be read", 9),
    'Constant(1, "3': ("this string is never closed on its line", 12),
    'Constant(1, "\\n")': ("this string is never closed on its line (and may hold no backslash)", 12),
    # letters that look like ASCII
    "\u0421osine(0, 1, 4)": ("U+0421 CYRILLIC CAPITAL LETTER ES is not ASCII, even where it looks like it", 0),
    "Lin\u0435ar(0, 1, 4)": ("U+0435 CYRILLIC SMALL LETTER IE is not ASCII", 3),
    "Linear(0\u060c 1, 4)": ("U+060C ARABIC COMMA is not ASCII", 8),
    "Linear(0, 1, \uff14)": ("U+FF14 FULLWIDTH DIGIT FOUR is not ASCII", 13),
    "Linear(0,\u00a01, 4)": ("U+00A0 NO-BREAK SPACE is not ASCII", 9),
    "Linear(0, \u22121, 4)": ("U+2212 MINUS SIGN is not ASCII", 10),
    "Linear(0, 1, 4) \u226b Constant(1)": ("U+226B MUCH GREATER-THAN is not ASCII", 16),
    "\ud800": ("U+D800 an unnamed character is not ASCII", 0),
    # units
    'Linear(0, 1, "3ep")': ('"3ep" needs a horizon, which says how long the run is', 13),
    'Exponential(0.1, 0.5, "10%")': ('"10%" needs a horizon', 22),
    'Linear(0, 1, "rest")': ('"rest" needs a horizon', 13),
    'Linear(0, 1, "5%")': ("--horizon samples=60000,batch=256,epochs=10) or write the steps", 13),
    "Linear(0, 1, rest)": ('write "rest" in quotes', 13),
    "Cosine(0.2, 0.02, 30%)": ('a length with a unit stands in quotes; write "30%"', 18),
    "Cosine(0.2, 0.02, 3ep)": ('a length with a unit stands in quotes; write "3ep"', 18),
    "Cosine(0.2, 0.02, 2.5 epochs)": ('write "2.5ep"', 18),
    "Cosine(0.2, 0.02, %)": ("'%' has no meaning here", 18),
    "Constant(nan)": ("nan is not a finite number; write a finite number such as 0.1", 9),
    "MultiStep(1, 0.5, (5, 3))": ("weakly rising, got 3; sort them; here 5 is followed by 3", 0),
    "\N{CYRILLIC CAPITAL LETTER ES}onstant(1)": ("CYRILLIC CAPITAL LETTER ES is not ASCII, even where it looks", 0),
    "Constant(\N{MINUS SIGN}1)": ("write the ASCII -", 9),
    "Constant(1) \N{MULTIPLICATION SIGN} 2": ("write the ASCII *", 12),
    "\N{FULLWIDTH LATIN CAPITAL LETTER C}onstant(1)": ("write the ASCII C", 0),
    "Linear(0, 1, \N{LEFT DOUBLE QUOTATION MARK}3ep\N{RIGHT DOUBLE QUOTATION MARK})": ("write a straight quote", 13),
    "Constant(\N{GREEK SMALL LETTER OMICRON})": ("write the ASCII o", 9),
    # depth
    "Constant(1)" + ".head(1)" * 120: ("more than 100 methods on one schedule", 11 + 8 * 108 + 1),
    "Constant(1)" + ".head(1)" * 100: ("schedules cannot be nested deeper than 100", 11 + 8 * 99 + 1),
    "(" * 200 + "Constant(1)" + ")" * 200: ("brackets nested deeper than 108", 108),
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:40]))
def test_a_text_that_is_no_schedule_is_refused_with_the_place(text):
    fragment, position = TEXTS[text]
    message = refused(ParseError, fragment, lambda: parse(text))
    reason, shown, caret = message.split("\n")
    assert len(reason) < 400
    assert len(shown) < 90
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.text == text
    assert caught.value.reason == reason
    if position < len(text):
        under = shown[len(caret) - 1]
        assert under == (text[position] if text[position].isprintable() else " ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


UNITS = {
    'Linear(0, 1, "3 days")': '\'3 days\' is not a length; write "3ep" (epochs), "10%"',
    'Linear(0, 1, "0ep")': " steps is 0 steps; write a longer length, or a number of steps from 1",
    'Linear(0, 1, "0.2%")': '"0.2%" of 200 steps is 0 steps; write a longer length, or a number of steps from 1',
    'Exponential(1, 0.5, "0.2%")': '"0.2%" of 200 steps is 0 steps',
    'Piecewise((1, 2), ("0.2%",))': '"0.2%" of 200 steps is 0 steps',
    'Linear(0, 1, "' + "9" * 5000 + '")': "is not a length",
    'Linear(0, 1, "' + "9" * 30 + '")': "at most 2**53",
    'Constant("10%")': "Constant(value=...) must be a finite number, got '10%'",
    'Knots((("0", "10%"), ("100%", 0.1)))': "Knots(points[0]=...) must be a finite number, got '10%'",
    'noam("10%", 400)': "noam(d_model=...) must be a whole number of at least 1, got '10%'; write a number",
    'Linear(0, 1, 4).repeat("10%")': "Repeat(times=...) must be a whole number of at least 1, or inf, got '10%'",
    'cyclic(0, 1, 5, 5, times="1ep")': "cyclic(times=...) must be a whole number of at least 1, or inf, got '1ep'",
    'sgdr(0.1, 50, "rest")': "sgdr(times=...) must be a whole number of at least 1, or inf, got 'rest'",
    'Linear(0, 1, "rest") >> Linear(1, 0, "rest")': '"rest" may stand only once',
    'Linear(0, 1, 200) >> Linear(1, 0, "rest")': 'nothing is left for "rest"',
    'Linear(0, 1, 500) >> Linear(1, 0, "rest")': "the other phases take 500 of the 200 steps",
    'Linear(0, 1, 300) >> sgdr(1, "rest", 2, stretch=1.5)': "the other phases take 300 of the 200 steps",
    'sgdr(0.1, "rest", 9, stretch=2)': 'no whole number of steps as "rest" makes the whole 200 steps',
    'Linear(0, 1, 300) + Linear(1, 0, "rest")': '"rest" does not say how long',
    'Linear(0, 1, 100).tail("rest").shift(150)': "Tail(n=...) must be at most the schedule's 100 steps",
    'Linear(0, 1, 300).tail("rest")': '"rest" does not say how long',
    'Exponential(0.1, 0.5, "rest")': '"rest" does not say how long',
    'Linear(0, 1, "rest") >> Constant(1)': '"rest" does not say how long',
    'Linear(0, 1, "rest").stretch(100)': '"rest" does not say how long',
    'Linear(0, 1, 4) >> Linear(1, 0, "rest").every(9)': 'no whole number of steps as "rest" makes the whole 200 steps',
}


@pytest.mark.parametrize("text", UNITS, ids=lambda text: text[:50])
def test_a_length_that_does_not_fit_its_horizon_is_refused_with_the_place(text):
    refused(ParseError, UNITS[text], lambda: parse(text, HORIZON))


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


# Much of everything.

MEGA = 10_000_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * MEGA,
        "[" * MEGA,
        "([" * (MEGA // 2),
        ")" * MEGA,
        "{" * MEGA,
        "Linear(" * (MEGA // 7),
        "Table([" * (MEGA // 7),
        "-(" * (MEGA // 2),
        "Constant(1) + (" * (MEGA // 15),
        "Constant(1).head(" * (MEGA // 17),
        "Constant(1)" + ".head(1)" * (MEGA // 8),
        "(" * (MEGA // 2) + ")" * (MEGA // 2),
        "Table(" + "9" * MEGA,
        "x" * MEGA,
        '"' + "x" * MEGA,
        " " * MEGA,
        "\u200b" * (MEGA // 3),
        f'Linear(0, 1, "{"9" * MEGA}ep")',
        f'Linear(0, 1, steps="{" " * MEGA}")',
        f"Linear({'x' * MEGA}=1)",
        f"Constant(1).{'x' * MEGA}",
        f"Constant(1).{'x' * MEGA}(2)",
        f'{"x" * MEGA}("3ep")',
        f'Constant("{"x" * MEGA}")',
        f'noam("{"9" * MEGA}", 400)',
        f'Knots([(0, 1), (1, 2)], "{"linear" * (MEGA // 6)}")',
        f'("{"x" * MEGA}",) + 1',
    ],
    ids=lambda text: ascii(text[:16]),
)
def test_ten_megabytes_of_nonsense_are_refused_in_a_few_lines(text):
    """At the first impossible place: nothing is built up, recursed into or searched through."""
    for horizon in (None, HORIZON):
        message = refused(ParseError, "", lambda: parse(text, horizon))  # noqa: B023  (called at once)
        assert len(message) < 700
        assert len(message.splitlines()) == 3


class Shouting:
    """Says ten megabytes in many lines when it is asked what it is."""

    def __repr__(self):
        return "AH\n\r\u2028 " * (MEGA // 6)

    def __call__(self, t):
        raise ValueError(repr(self))

    def __float__(self):
        raise ValueError(repr(self))


LONG, LOUD = "9\n" * (MEGA // 2), Shouting()
MUCH = Table([0.1] * (MEGA // 5))
BIG = {
    "a length with a unit": lambda: Linear(0, 1, LONG),
    "a count": lambda: Horizon(LONG, 1, 1),
    "a length of a horizon": lambda: HORIZON.of(LONG),
    "a number": lambda: Constant(LONG),
    "a word": lambda: LINE.cooldown(1, 2, 0, LONG),
    "a sequence": lambda: Table(LONG),
    "what is no operand": lambda: LINE + LOUD,
    "what is no schedule": lambda: ss.warmup(LOUD, 3),
    "a step": lambda: LINE(LONG),
    "another step": lambda: LINE(LOUD),
    "a function's name": lambda: Function(LONG),
    "a function that cannot be imported": lambda: Function(f"math:{'x' * MEGA}")(0),
    "a function that raises": lambda: Function(LOUD)(0),
    "a function's value": lambda: Function(lambda t: LOUD)(0),
    "a text that is none": lambda: parse(LOUD),
    "a horizon that is none": lambda: parse("Constant(1)", LOUD),
    "a schedule over 0": lambda: MUCH / 0,
    "a schedule without steps": lambda: MUCH.head(0).repeat(2),
    "a schedule that overflows": lambda: (MUCH * 1e308 * 1e308)(0),
    "a schedule that never ends": lambda: (MUCH * Constant(1)).repeat(2),
    "a form": lambda: from_dict(LONG),
    "a form's version": lambda: from_dict({"version": LONG}),
    "a form's type": lambda: from_dict({"version": 1, "type": LONG}),
    "a form's key": lambda: from_dict({"version": 1, **LINE_FORM, LONG: 1}),
    "a form's key, and what it holds": lambda: from_dict({"version": 1, **LINE_FORM, LONG: {"type": "Liner"}}),
    "a form's value": lambda: from_dict({"version": 1, **LINE_FORM, "end": LONG}),
}


@pytest.mark.parametrize("case", BIG)
def test_however_much_is_given_the_message_is_one_short_line(case):
    with pytest.raises(ss.StepsizeError) as caught:
        BIG[case]()
    assert len(str(caught.value)) < 400
    assert len(str(caught.value).splitlines()) == 1


def test_a_chain_of_twenty_thousand_phases_is_as_good_as_one_of_two():
    phases = [Linear(float(i), float(i + 1), 2) for i in range(20_000)]
    text = " >> ".join(map(str, phases))
    chain = parse(text)
    assert chain.steps == 40_000
    assert str(chain) == text
    assert from_dict(json.loads(json.dumps(to_dict(chain)))) == chain
    assert pickle.loads(pickle.dumps(chain)) == copy.deepcopy(chain) == chain
    assert hash(parse(text)) == hash(chain)
    np.testing.assert_array_equal(chain.sample(), np.arange(40_000) / 2)
    assert chain(39_999) == 19_999.5
    assert chain._repr_svg_().startswith("<svg")


@pytest.mark.parametrize("sign", ["+", "*", "-"])
def test_twenty_thousand_operands_are_as_good_as_two(sign):
    text = f"Constant(1.0) {sign} " + f" {sign} ".join(["Constant(1.0)"] * 20_000)
    made = parse(text)
    assert str(made) == text
    assert made(5) == {"+": 20_001.0, "*": 1.0, "-": -19_999.0}[sign]
    assert from_dict(to_dict(made)) == made


def test_a_table_of_two_hundred_thousand_values_is_written_and_read():
    table = Table(np.linspace(0.0, 1.0, 200_000))
    assert parse(str(table)) == table
    assert from_dict(json.loads(json.dumps(to_dict(table)))) == table
    np.testing.assert_array_equal(table.sample(), np.linspace(0.0, 1.0, 200_000))


NESTING = {
    "sums in products": lambda s: (s + LINE) * LINE if isinstance(s, ss.schedules.arithmetic.Product) else s * LINE,
    "heads": lambda s: s.head(3),
    "quotients": lambda s: s / 2,
    "quotients in products": lambda s: LINE * s if type(s).__name__ == "Quotient" else s / 2,
    "chains in heads": lambda s: s.head(2) if type(s).__name__ == "Chain" else s.head(2) >> LINE,
    "clips of sums": lambda s: s.clip(0) if type(s).__name__ == "Sum" else s + 1,
}


def deepest(grow: Callable[[Schedule], Schedule]) -> Schedule:
    """As deep as it goes; the next is refused."""
    schedule: Schedule = LINE
    while schedule._depth < 100:
        deeper = grow(schedule)
        assert deeper._depth > schedule._depth
        schedule = deeper
    refused(ArgumentError, "schedules cannot be nested deeper than 100", lambda: grow(grow(schedule)))
    return schedule


@pytest.mark.parametrize("grow", NESTING.values(), ids=NESTING)
def test_a_schedule_may_be_a_hundred_deep_and_no_deeper(grow):
    schedule = deepest(grow)
    assert parse(str(schedule)) == schedule
    form = to_dict(schedule)
    assert from_dict(json.loads(json.dumps(form))) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule
    assert hash(schedule) == hash(parse(str(schedule)))
    assert schedule([2])[0] == pytest.approx(schedule(2))
    deeper = {"version": 1, "type": "Head", "schedule": {k: v for k, v in form.items() if k != "version"}, "n": 1}
    wrapped = functools.reduce(lambda inner, _: {"type": "Head", "schedule": inner, "n": 1}, range(2), deeper)
    refused(FormatError, "", lambda: from_dict({**wrapped, "version": 1}))


def from_deep_down(frames: int, call: Callable[[], object]) -> object:
    return call() if frames == 0 else from_deep_down(frames - 1, call)


def test_deep_schedules_are_read_far_down_the_stack_too():
    """A notebook, a test runner and a framework have used much of Python's stack before they call."""
    schedule = deepest(NESTING["chains in heads"])
    text, form = f"{'(' * 50}{schedule}{')' * 50}", to_dict(schedule)
    room = sys.getrecursionlimit() - len(frames_now())
    assert from_deep_down(room - 700, lambda: parse(text)) == schedule
    assert from_deep_down(room - 700, lambda: from_dict(form)) == schedule


def frames_now() -> list[object]:
    frame, found = sys._getframe(), []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


# The JSON form.

LINE_FORM = {"type": "Linear", "start": 0.0, "end": 1.0, "steps": 4}
FORMS = {
    "a list": ([], "a schedule's dictionary was expected, got []"),
    "a text": ("Linear(0, 1, 4)", "a schedule's dictionary was expected"),
    "null": (None, "a schedule's dictionary was expected, got None"),
    "empty": ({}, "reads version 1 of the form, got None"),
    "no version": (LINE_FORM, "reads version 1 of the form, got None"),
    "a later version": ({"version": 2, **LINE_FORM}, "reads version 1 of the form, got 2"),
    "a version in words": ({"version": "1", **LINE_FORM}, "reads version 1 of the form, got '1'"),
    "a version that is true": ({"version": True, **LINE_FORM}, "reads version 1 of the form, got True"),
    "no type": ({"version": 1}, "schedule: None is no type of schedule"),
    "an unknown type": (
        {"version": 1, **LINE_FORM, "type": "Liner"},
        "'Liner' is no type of schedule; did you mean \"Linear\"?",
    ),
    "a type that is a list": ({"version": 1, **LINE_FORM, "type": []}, "[] is no type of schedule"),
    "the base class": ({"version": 1, **LINE_FORM, "type": "Schedule"}, "is no type of schedule"),
    "an unknown key": ({"version": 1, **LINE_FORM, "power": 1}, "Linear has no 'power'; it has start, end, steps"),
    "a private key": ({"version": 1, **LINE_FORM, "_depth": 1}, "Linear has no '_depth'"),
    "a missing key": ({"version": 1, "type": "Linear", "start": 0.0, "steps": 4}, 'Linear lacks "end"'),
    "a text for a number": (
        {"version": 1, **LINE_FORM, "end": "1"},
        "Linear(end=...) must be a finite number, got '1'",
    ),
    "null for a number": (
        {"version": 1, **LINE_FORM, "end": None},
        "Linear(end=...) must be a finite number, got None",
    ),
    "true for a number": (
        {"version": 1, **LINE_FORM, "end": True},
        "Linear(end=...) must be a finite number, got True",
    ),
    "true for a length": ({"version": 1, **LINE_FORM, "steps": True}, "Linear(steps=...) must be a whole number"),
    "half a step": ({"version": 1, **LINE_FORM, "steps": 2.5}, "write 2 or 3"),
    "a length with a unit": ({"version": 1, **LINE_FORM, "steps": "10%"}, "lengths with a unit are read by parse"),
    "an infinite value": ({"version": 1, **LINE_FORM, "end": INF}, "schedule.end: inf has no place in JSON"),
    "an infinite length": ({"version": 1, "type": "Constant", "value": 1, "steps": INF}, "leave an endless length out"),
    "NaN in a list": (
        {"version": 1, "type": "Table", "values": [1, NAN]},
        "schedule.values[1]: nan has no place in JSON",
    ),
    "a list for a number": (
        {"version": 1, **LINE_FORM, "end": [1]},
        "Linear(end=...) must be a finite number, got (1,)",
    ),
    "a schedule for a number": (
        {"version": 1, **LINE_FORM, "end": LINE_FORM},
        "Linear(end=...) must be a finite number",
    ),
    "a number for a schedule": (
        {"version": 1, "type": "Head", "schedule": 1, "n": 2},
        "Head(schedule=...) must be a schedule, got 1",
    ),
    "a number for a chain": ({"version": 1, "type": "Chain", "parts": 1}, "Chain(parts=...) must be a sequence, got 1"),
    "a chain of nothing": (
        {"version": 1, "type": "Chain", "parts": []},
        "Chain(parts=...) must be a sequence of at least one item",
    ),
    "a chain of one": ({"version": 1, "type": "Chain", "parts": [LINE_FORM]}, "Chain needs at least two parts"),
    "a sum of one": (
        {"version": 1, "type": "Sum", "operands": [LINE_FORM]},
        "Sum needs at least two operands, one of them a schedule",
    ),
    "a product of numbers": ({"version": 1, "type": "Product", "operands": [1, 2]}, "one of them a schedule"),
    "a list in a chain": ({"version": 1, "type": "Chain", "parts": [[LINE_FORM], LINE_FORM]}, "must be a schedule"),
    "a mistake inside": (
        {
            "version": 1,
            "type": "Chain",
            "parts": [LINE_FORM, {"type": "Head", "schedule": {**LINE_FORM, "x": 1}, "n": 1}],
        },
        "schedule.parts[1].schedule: Linear has no 'x'",
    ),
    "a version inside": (
        {"version": 1, "type": "Head", "schedule": {"version": 1, **LINE_FORM}, "n": 1},
        "no 'version'",
    ),
    "an endless part": (
        {"version": 1, "type": "Chain", "parts": [{"type": "Constant", "value": 1}, LINE_FORM]},
        ".head(n)",
    ),
    "a function": (
        {"version": 1, "type": "Function", "function": "os:abort"},
        "allow it with from_dict(form, functions=True)",
    ),
    "a function inside": (
        {"version": 1, "type": "Sum", "operands": [LINE_FORM, {"type": "Function", "function": "os:abort"}]},
        "schedule.operands[1]: Function runs code of yours",
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_dictionary_that_is_no_schedule_is_refused_with_the_place(case):
    form, fragment = FORMS[case]
    message = refused(FormatError, fragment, lambda: from_dict(form))
    assert "\n" not in message
    before = copy.deepcopy(form)
    refused(FormatError, fragment, lambda: from_dict(form))
    assert repr(form) == repr(before)


@pytest.mark.parametrize(
    "nest",
    [
        lambda inner: {"type": "Head", "schedule": inner, "n": 1},
        lambda inner: {"type": "Sum", "operands": [{"type": "Product", "operands": [inner, 2.0]}, 1.0]},
        lambda inner: [inner],
        lambda inner: {"type": "Table", "values": inner},
    ],
)
@pytest.mark.parametrize("depth", [101, 1_000, 100_000])
def test_a_dictionary_nested_without_end_is_refused(nest, depth):
    form = functools.reduce(lambda inner, _: nest(inner), range(depth), LINE_FORM)
    top = {"version": 1, "type": "Head", "schedule": form, "n": 1}
    assert len(refused(FormatError, "", lambda: from_dict(top))) < 2_000


# Chance.

VOCABULARY = """
Linear Cosine Constant Table Knots warmup wsd sgdr Repeat Chain head every tail clip inf rest start steps nan
0 1 2.5 -3 1e308 1e-320 9007199254740993 0.1 ( ) [ ] , = . >> + - * / " ' **kw é ≫ "3ep" "10%" "rest" \0
Linear(0,1,4) Constant(1) .head(2) .every(3) .repeat(2,0.5,2) .stretch(9) >>Rex(0,1,2)
"""
WORDS = st.sampled_from(VOCABULARY.split())


def only_parse_errors(text: str, horizon: Horizon | None = None) -> None:
    try:
        schedule = parse(text, horizon)
    except ParseError:
        return
    assert parse(str(schedule)) == schedule
    assert from_dict(json.loads(json.dumps(to_dict(schedule), allow_nan=False))) == schedule


@given(st.text())
def test_any_text_is_a_schedule_or_a_parse_error(text):
    only_parse_errors(text)


@given(st.lists(WORDS, max_size=25), st.sampled_from([None, HORIZON]))
def test_any_words_are_a_schedule_or_a_parse_error(words, horizon):
    only_parse_errors(" ".join(words), horizon)


@given(trees, st.data())
def test_a_text_with_mistakes_is_a_schedule_or_a_parse_error(schedule, data):
    text = str(schedule)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 6, len(text))))
        text = text[:start] + data.draw(st.one_of(st.just(""), WORDS, st.text(max_size=2))) + text[end:]
    only_parse_errors(text, data.draw(st.sampled_from([None, HORIZON])))


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("3ep"))
keys = st.sampled_from(
    ["type", "start", "end", "steps", "schedule", "parts", "operands", "values", "n", "low", "times"]
)
types = st.sampled_from(
    ["Linear", "Constant", "Table", "Chain", "Sum", "Product", "Head", "Clip", "Repeat", "Function"]
)
json_values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(keys, st.text(max_size=4)), inner, max_size=4),
        st.builds(lambda name, rest: {**rest, "type": name}, types, st.dictionaries(keys, inner, max_size=4)),
    ),
    max_leaves=15,
)


def only_format_errors(form: object) -> None:
    try:
        schedule = from_dict(form)
    except FormatError:
        return
    assert from_dict(to_dict(schedule)) == schedule
    assert parse(str(schedule)) == schedule


@given(json_values)
def test_any_json_is_a_schedule_or_a_format_error(value):
    only_format_errors(value)
    only_format_errors({**value, "version": 1} if isinstance(value, dict) else {"version": 1, "type": value})


@given(trees, st.data())
def test_a_dictionary_with_mistakes_is_a_schedule_or_a_format_error(schedule, data):
    form = to_dict(schedule)
    places = list(all_places(form))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(json_values)
    only_format_errors(form)


def all_places(form: object) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) in a JSON value."""
    items = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    for key, value in list(items):
        yield form, key
        yield from all_places(value)


def test_every_refusal_is_a_stepsize_error_and_a_value_error():
    for kind in (ArgumentError, StepError, ParseError, FormatError):
        assert issubclass(kind, ss.StepsizeError)
        assert issubclass(kind, ValueError)


def test_a_look_alike_is_told_in_ascii_only_where_that_is_plain():
    assert refused(ParseError, "U+00B2", lambda: parse("Constant(2\N{SUPERSCRIPT TWO})")).count("write") == 0
    for letter in grammar._LOOKALIKES:
        assert "; write " in refused(ParseError, "is not ASCII", lambda text=letter: parse(text))
        assert grammar._LOOKALIKES[letter].isascii()


def test_a_phase_that_may_be_left_out_may_round_to_no_steps():
    assert parse('warmup(Constant(1), "0.2%")', HORIZON) == parse("warmup(Constant(1), 0)")
