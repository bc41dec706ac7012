"""What every shape promises: its first and last value to the last bit, its bounds, its direction."""

import math
from fractions import Fraction

import numpy as np
import pytest
from closeness import assert_close
from hypothesis import assume, example, given
from hypothesis import strategies as st
from round_trips import assert_round_trips

import stepsize as ss
from stepsize import Knots, Linear
from strategies import HUGE, RUN, SHAPES, every_shape, many_steps

INF = math.inf


def assert_same_bits(cls: type, found: float, expected: float) -> None:
    if cls is ss.MultiStep:  # a power: NumPy's may differ from Python's by the last bit
        assert_close(found, expected)
    else:
        assert found == expected


@every_shape
@given(data=st.data())
def test_a_shape_starts_exactly_at_its_first_value(cls, data):
    schedule = data.draw(SHAPES[cls].drawn)
    assert schedule(0) == schedule(0.0) == SHAPES[cls].first(schedule)
    assert_same_bits(cls, schedule([0])[0], SHAPES[cls].first(schedule))


@every_shape
@given(data=st.data())
def test_a_shape_holds_exactly_its_last_value_from_its_length_on(cls, data):
    row, schedule = SHAPES[cls], data.draw(SHAPES[cls].drawn)
    if row.last is None:
        assert schedule.steps == INF
        return
    assume(schedule.steps < INF)
    assert isinstance(schedule.steps, int)
    late = [schedule.steps, schedule.steps + 0.5, schedule.steps + 1, 10 * schedule.steps + 1, 1e9, 2**60, 1e300]
    assert {schedule(step) for step in late} == {row.last(schedule)}
    (held,) = set(schedule(late).tolist())
    assert_same_bits(cls, held, row.last(schedule))


@every_shape
@given(data=st.data(), at=many_steps)
def test_a_shape_never_leaves_its_bounds(cls, data, at):
    schedule = data.draw(SHAPES[cls].drawn)
    if SHAPES[cls].bounds is not None:
        low, high = SHAPES[cls].bounds(schedule)
        at = [*at, *range(RUN)]
        assert all(low <= schedule(step) <= high for step in at)
        assert np.all((low <= schedule(at)) & (schedule(at) <= high))


@every_shape
@given(data=st.data(), at=many_steps)
def test_a_shape_that_only_falls_or_rises_does_so_between_the_steps_too(cls, data, at):
    """To the last bits: rounding may turn a flat piece up by a few of them, and no more."""
    if not SHAPES[cls].monotone:
        return
    schedule = data.draw(SHAPES[cls].drawn)
    ordered = sorted([*at, 0, RUN])
    run = np.array([schedule(step) for step in ordered])
    direction = np.sign(schedule(4 * RUN) - schedule(0))
    slack = 4e-16 * max(abs(run)) + 2e-323
    assert np.all(np.diff(run) * (direction or 1.0) >= -slack)
    assert np.all(np.diff(schedule(ordered)) * (direction or 1.0) >= -slack)


@pytest.mark.parametrize("cls", [c for c in SHAPES if SHAPES[c].last and {"start", "end"} <= set(SHAPES[c].arguments)])
@given(start=HUGE, end=HUGE, length=st.integers(1, 2**53), part=st.floats(0, 1))
def test_the_largest_and_smallest_numbers_are_as_good_as_any(cls, start, end, length, part):
    if cls is ss.Geometric:
        start, end = abs(start) or 1.0, abs(end) or 1.0
    schedule = cls(**{**SHAPES[cls].arguments, "start": start, "end": end, "steps": length})
    step = math.floor(part * length)
    assert schedule(0) == start
    assert schedule(length) == end
    for value in (schedule(step), schedule([step])[0]):
        assert min(start, end) <= value <= max(start, end)
    assert_round_trips(schedule)


@given(st.lists(HUGE, min_size=2, max_size=4), st.sampled_from(["linear", "cosine"]), st.floats(0, 5))
def test_knots_bear_the_largest_and_smallest_numbers(heights, way, step):
    schedule = Knots(list(enumerate(heights)), way)
    assert min(heights) <= schedule(step) <= max(heights)
    assert min(heights) <= schedule([step])[0] <= max(heights)


@given(st.integers(1, 10**6))
@example(999_983)
def test_a_line_from_zero_is_precise_at_its_first_steps(length):
    """Nothing is lost by taking a small number from one and that from one again."""
    for line in (Knots(((0, 0.0), (length, 1.0))), Linear(0.0, 1.0, length), ss.Triangle(0.0, 1.0, length, 1)):
        assert line(1) == pytest.approx(1 / length, rel=1e-15, abs=0.0)


@given(st.integers(2, 10**6), st.fractions(0, 1, max_denominator=99).filter(lambda beta: beta < 1))
def test_rex_from_zero_is_precise_at_its_first_steps(length, beta):
    z, exact = Fraction(1, length), Fraction(float(beta))
    expected = (1 - exact) * z / (1 - exact * z)
    assert ss.Rex(0.0, 1.0, length, float(beta))(1) == pytest.approx(float(expected), rel=1e-15, abs=0.0)
