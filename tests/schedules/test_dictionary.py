"""Dictionaries that are not schedules: one line that names the place."""

import copy
import functools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import LINE_FORM, refused

from stepsize import Function, from_dict, parse, to_dict
from stepsize.errors import ArgumentError, FormatError
from stepsize.schedules.dictionary import either_from_dict
from strategies import trees

INF, NAN = math.inf, math.nan
FORMS = {
    "a list": ([], "a schedule in JSON is a dictionary, got []"),
    "a text": ("Linear(0, 1, 4)", "a schedule in JSON is a dictionary"),
    "null": (None, "a schedule in JSON is a dictionary, got None"),
    "empty": ({}, "must be 1, got None"),
    "no version": (LINE_FORM, "must be 1, got None"),
    "a later version": ({"version": 2, **LINE_FORM}, "must be 1, got 2"),
    "a version in words": ({"version": "1", **LINE_FORM}, "the \"version\" of a schedule in JSON must be 1, got '1'"),
    "a version that is true": ({"version": True, **LINE_FORM}, "must be 1, got True"),
    "no type": ({"version": 1}, 'schedule lacks "type"'),
    "no type inside": ({"version": 1, **LINE_FORM, "end": {}}, 'schedule.end lacks "type"'),
    "an unknown type": (
        {"version": 1, **LINE_FORM, "type": "Liner"},
        "'Liner' is not a type of schedule; did you mean \"Linear\"?",
    ),
    "a type that is a list": ({"version": 1, **LINE_FORM, "type": []}, "[] is not a type of schedule"),
    "the base class": ({"version": 1, **LINE_FORM, "type": "Schedule"}, "is not a type of schedule"),
    "an unknown key": ({"version": 1, **LINE_FORM, "power": 1}, "Linear has no 'power'; known are start, end, steps"),
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
    "an infinite value": ({"version": 1, **LINE_FORM, "end": INF}, "schedule.end: JSON has no inf"),
    "an infinite length": ({"version": 1, "type": "Constant", "value": 1, "steps": INF}, "leave an endless length out"),
    "NaN in a list": (
        {"version": 1, "type": "Table", "values": [1, NAN]},
        "schedule.values[1]: JSON has no nan",
    ),
    "bytes for a list": ({"version": 1, "type": "Table", "values": b"123"}, "Table(values=...) must be a sequence"),
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
    "a chain of one": (
        {"version": 1, "type": "Chain", "parts": [LINE_FORM]},
        "Chain(parts=...) must be at least two schedules",
    ),
    "a sum of one": (
        {"version": 1, "type": "Sum", "operands": [LINE_FORM]},
        "Sum(operands=...) must be at least two operands, one of them a schedule",
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
        "allow it with functions=True",
    ),
    "a function inside": (
        {"version": 1, "type": "Sum", "operands": [LINE_FORM, {"type": "Function", "function": "os:abort"}]},
        "schedule.operands[1]: Function runs your own code",
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_an_invalid_dictionary_is_refused_with_the_place(case):
    form, fragment = FORMS[case]
    message = refused(FormatError, fragment, lambda: from_dict(form))
    assert "\n" not in message
    before = copy.deepcopy(form)
    refused(FormatError, fragment, lambda: from_dict(form))
    assert repr(form) == repr(before)


def test_only_true_allows_functions():
    form = to_dict(Function("math:exp"))
    assert from_dict(form, functions=True)(0) == either_from_dict(form, True)(0) == 1.0
    refused(FormatError, "allow it with functions=True", lambda: either_from_dict(form))
    for value in ("no", 1, None):
        refused(ArgumentError, "from_dict(functions=...) must be a boolean", lambda: from_dict(form, functions=value))  # noqa: B023


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
def test_a_dictionary_nested_too_deeply_is_refused(nest, depth):
    form = functools.reduce(lambda inner, _: nest(inner), range(depth), LINE_FORM)
    top = {"version": 1, "type": "Head", "schedule": form, "n": 1}
    assert len(refused(FormatError, "", lambda: from_dict(top))) < 2_000


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
