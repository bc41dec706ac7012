"""The text form: what is written, and that it means the same in Python."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from closeness import on_whole_steps
from hypothesis import given
from round_trips import assert_round_trips, read

import stepsize as ss
from stepsize import Cosine, Linear, parse
from stepsize.errors import ParseError
from stepsize.schedules.names import INSTEAD_OF
from strategies import SHAPES, every_shape, trees

INF = math.inf


@given(trees)
def test_the_text_is_python_that_makes_the_same_schedule(schedule):
    """The precedence and the brackets of the text form are Python's own."""
    names = {name: getattr(ss, name) for name in ss.__all__}
    again = eval(str(schedule), {"inf": INF, **names})  # the text is this test's own
    assert again.steps == schedule.steps
    assert on_whole_steps(again) == on_whole_steps(schedule)


@every_shape
def test_arguments_may_be_named_in_any_order(cls):
    arguments = SHAPES[cls].arguments
    words = [f"{name}={json.dumps(v) if isinstance(v, str) else v}" for name, v in arguments.items()]
    assert read(f"{cls.__name__}({', '.join(reversed(words))})") == cls(**arguments)


@every_shape
def test_trailing_defaults_are_left_out_of_the_text(cls):
    required = [f for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    given_values = list(SHAPES[cls].arguments.values())[: len(required)]
    made = cls(*given_values)
    assert_round_trips(made)
    assert str(made) == f"{cls.__name__}({', '.join(str(read_value(v)) for v in given_values)})"


def read_value(value: object) -> object:
    """How a number given in the table is written: a float where the field is one."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        inside = ", ".join(str(read_value(float(v) if isinstance(v, int) and nested(value) else v)) for v in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return value


def nested(value: tuple) -> bool:
    """Whether it is a point of knots, whose step is a float."""
    return len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], float)


def test_the_text_of_a_difference_has_a_minus_sign():
    a, b = Linear(0, 1, 2), Cosine(0, 1, 2)
    assert str(a - b) == "Linear(0.0, 1.0, 2) - Cosine(0.0, 1.0, 2)"
    assert str(a - 2 * b) == "Linear(0.0, 1.0, 2) - 2.0 * Cosine(0.0, 1.0, 2)"
    assert str(a - 0.5) == "Linear(0.0, 1.0, 2) - 0.5"
    assert str(a - (b - 1)) == "Linear(0.0, 1.0, 2) - (Cosine(0.0, 1.0, 2) - 1.0)"


@pytest.mark.parametrize(
    "text",
    [
        "Linear(0, 1, 4) + 2 * Cosine(0, 1, 4)",
        "2 * Linear(0, 1, 4) * 3 / 4 - 1 - Cosine(0, 1, 4) / 2",
        "Linear(0, 1, 4) >> Cosine(0, 1, 4) + 1 >> 2 - Rex(0, 1, 4)",
        "(Linear(0, 1, 4) >> Cosine(0, 1, 4)) + 1",
        "-Linear(0, 1, 4).head(2) * -2",
        "--Linear(0, 1, 4) - --2 * Linear(0, 1, 4)",
        "Linear(0, 1, 4) - -2 * -Cosine(0, 1, 4)",
        "1 - 2 - Linear(0, 1, 4) - 3 - 4",
        "2 / 4 * Linear(0, 1, 4) / 2 / 4 * 3",
        "1 + 2 * 3 + Linear(0, 2 - 1, 2 * 2) * (1 + 2)",
        "Linear(0, 1, 4).repeat(3, 0.5, stretch=2.0).clip(0.1, 0.9)",
        "((((Linear(0, 1, 4)))))",
        "2 ** 3 ** 2 * Linear(0, 1, 4) ** 2 ** 0.5",
        "-Linear(1, 2, 4) ** -2 - -2 ** 2 * Cosine(0, 1, 4)",
        "Linear(1, 2, 4) ** --2 / 2 ** -1 >> (Linear(0, 1, 4) ** 2).head(2) ** 3",
        "(Linear(0, 1, 4) + 1) ** 0.5 >> -(-Linear(0, 1, 4)) ** 2",
        "Linear(0, 1, 2 ** 2) ** +3.0",
        "minimum(0.5, Linear(0, 1, 4), maximum(0.1, Cosine(0, 1, 4) - 1)) + 1",
        "minimum(Linear(0, 1, 4) >> Rex(1, 0, 4), 3).warp(2)",
        "Table([0.1, 0.2, 1e-3, .5, 5.]).every(1_000)",
    ],
)
def test_a_text_means_the_same_in_python(text):
    made, expected = parse(text), eval(text, {name: getattr(ss, name) for name in ss.__all__})
    assert made.steps == expected.steps
    assert on_whole_steps(made) == on_whole_steps(expected)
    assert_round_trips(made)


def test_numbers_stay_as_they_are_written():
    a = Linear(0, 1, 4)
    assert str(2 * (3 * a)) == "2.0 * 3.0 * Linear(0.0, 1.0, 4)"
    assert parse("2 * 3 * Linear(0, 1, 4)") == 2 * (3 * a)
    assert parse("2 + 3 - 4 + Linear(0, 1, 4)") == 2 + (3 + (-4 + a))


@pytest.mark.parametrize("name", sorted(INSTEAD_OF))
def test_names_of_other_libraries_are_answered_with_a_line_that_can_be_read(name):
    with pytest.raises(ParseError) as error:
        parse(f"{name}(0.1, 0.2, 30)")
    line = INSTEAD_OF[name]
    assert f"is not a shape or recipe; write {line}\n" in str(error.value)
    words = {"inf": "inf", "a": "Constant(1, 3)", "b": "Constant(1)", "values": "(1, 2)", "boundaries": "(5,)"}
    if "wsds" in line:
        words |= {"stable_steps": "(4, 4)", "decay_steps": "(1, 2)"}
    words |= {"total_steps": "90", "factor": "0.5", "stop": "0.1", "points": "((0, 1), (5, 2))"}
    for each in line.split(", or with a warmup "):
        filled = re.sub(r"(?<![\w.])([a-z_]+)(?![\w(])", lambda word: words.get(word[1], "7"), each)
        parse('Function("math:exp")' if "Function" in line else filled, functions=True)


@pytest.mark.parametrize(
    ("line", "theirs"),
    [
        ("InversePower(0.1)", lambda t: 0.1 * (t + 1) ** -0.5),  # SquareRootScheduler
        ("InversePower(0.1, 0.5, 1)", lambda t: 0.1 / (1 + 0.5 * t)),  # InverseTimeDecay of one step
        ("Exponential(0.6, 0.8).clip(0.1, 0.6)", lambda t: max(0.1, 0.6 * 0.8**t)),  # FactorScheduler
        ("Exponential(0.1, 0.5, 10)", lambda t: 0.1 * 0.5 ** (t / 10)),  # ExponentialDecay of 10 steps
        ("Knots(((0, 1), (4, 3), (8, 0)))", lambda t: float(np.interp(t, [0, 4, 8], [1, 3, 0]))),  # PiecewiseLinear
        ("Constant(0.05, 4) >> Constant(0.1)", lambda t: 0.05 if t < 4 else 0.1),  # ConstantLR
    ],
)
def test_the_lines_have_the_rates_of_the_formulas_that_they_stand_for(line, theirs):
    assert parse(line).sample(12) == pytest.approx([theirs(t) for t in range(12)])
