"""Calling a schedule: at one step or many, of any kind of number, and with invalid steps."""

import math
from fractions import Fraction

import numpy as np
import pytest
from closeness import assert_close
from hypothesis import given
from hypothesis import strategies as st
from refusals import LINE, refused

import stepsize as ss
from stepsize import Cosine, Linear, Schedule, Staircase, Table
from stepsize.errors import StepError
from strategies import RUN, SHAPES, every_shape, many_steps, trees

INF, NAN = math.inf, math.nan


def assert_scalar_and_array_agree(schedule: Schedule, at: list[float], exact: bool) -> None:
    one_by_one = [schedule(step) for step in at]
    assert all(type(value) is float for value in one_by_one)
    at_once = schedule(at)
    assert at_once.dtype == np.float64
    assert_close(at_once, one_by_one, None if exact else schedule)


@every_shape
@given(data=st.data(), at=many_steps)
def test_a_shape_at_one_step_and_at_many_agree(cls, data, at):
    assert_scalar_and_array_agree(data.draw(SHAPES[cls].drawn), at, exact=True)


@given(trees, many_steps)
def test_a_tree_at_one_step_and_at_many_agree(schedule, at):
    assert_scalar_and_array_agree(schedule, at, exact=False)


@given(trees, st.integers(0, 2**31))
def test_steps_may_come_in_any_order_shape_and_type_and_repeat(schedule, seed):
    forward = schedule.sample(RUN)
    places = np.random.default_rng(seed).integers(0, RUN, (3, 4))
    for at in (places, places.astype(np.uint8), places.astype(np.float32), np.asfortranarray(places), places.tolist()):
        found = schedule(at)
        assert found.shape == (3, 4)
        np.testing.assert_array_equal(found, forward[places])
    assert schedule(np.array(7)).shape == ()
    assert schedule([]).shape == (0,)
    assert schedule(np.zeros((2, 0))).shape == (2, 0)


@given(trees, st.integers(0, 3 * RUN))
def test_a_whole_step_may_be_any_kind_of_number(schedule, step):
    expected = schedule(step)
    for same in (float(step), np.int64(step), np.float64(step), np.uint16(step), Fraction(step)):
        found = schedule(same)
        assert type(found) is float
        assert found == expected


@given(trees)
def test_a_sample_is_the_value_at_every_step(schedule):
    np.testing.assert_array_equal(schedule.sample(RUN), schedule(np.arange(RUN)))
    if schedule.steps < INF:
        assert len(schedule.sample()) == schedule.steps
    assert schedule.sample(0).shape == (0,)


def test_long_arrays_are_the_same_as_short_ones():
    """However many steps are asked for at once, also where a part ends within them."""
    plan = Linear(0, 1, 9_999) >> Cosine(1, 0, 20_001).repeat(2, 0.5) >> Staircase(0.1, 0.5, 100)
    whole = plan.sample(100_000)
    for begin in range(0, 100_000, 7_919):
        np.testing.assert_array_equal(plan(np.arange(begin, min(begin + 7_919, 100_000))), whole[begin : begin + 7_919])


def test_numpy_error_settings_have_no_effect():
    with np.errstate(all="raise"):
        assert (Staircase(0.1, 0.5, 1) + Linear(0, 1, 3))(np.array([0.0, 2000.0])).tolist() == [0.1, 1.0]
        assert ss.Exponential(1.0, 10.0).clip(0.0, 5.0)([0, 1e6]).tolist() == [1.0, 5.0]


@given(trees, st.one_of(st.integers(0, 2**60), st.floats(0, 1e300)))
def test_a_tree_has_a_finite_value_at_every_step(schedule, step):
    assert math.isfinite(schedule(step))
    assert np.isfinite(schedule([step])).all()


STEPS = {
    "below 0": (-1, "a step is a finite number >= 0, got -1"),
    "a little below 0": (-1e-300, "got -1e-300"),
    "NaN": (NAN, "got nan"),
    "infinity": (INF, "got inf"),
    "NumPy's NaN": (np.float64("nan"), "got nan"),
    "the first of two in a list": ([1, -2, 3, -4], "got -2 at index 1"),
    "the first of two kinds": ([0, INF, -1], "got inf at index 1"),
    "a place in a matrix": (np.array([[1.0, 2.0], [NAN, -3.0]]), "got nan at index 1, 0"),
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
def test_an_invalid_step_is_refused_and_named(case):
    step, fragment = STEPS[case]
    for schedule in (LINE, LINE >> Cosine(1, 0, 3), Table((1, 2)) * LINE):
        refused(StepError, fragment, lambda: schedule(step))  # noqa: B023  (called at once)


@pytest.mark.parametrize("step", [1000, 1000.0, [0, 1000]])
def test_a_value_that_overflows_is_an_error_with_the_step_and_advice(step):
    growing = ss.Exponential(1.0, 10.0) + 1
    message = refused(StepError, "is inf at step 1000; bound it with .clip(low, high)", lambda: growing(step))
    assert message.startswith("Exponential(1.0, 10.0) + 1.0 ")
    assert growing.clip(0.0, 5.0)(1000) == 5.0
    assert (LINE.head(2) >> growing)(3) == 11.0
