"""The operators: then, sums, differences, products, and how they regroup."""

import math

import pytest
from closeness import assert_close, on_whole_steps
from hypothesis import assume, given
from hypothesis import strategies as st
from refusals import LINE, refused

import stepsize as ss
from stepsize.errors import ArgumentError, StepError
from strategies import ended, many_steps, trees, values

INF = math.inf


@given(trees)
def test_a_tree_holds_its_last_value_from_its_length_on(schedule):
    assume(schedule.steps < INF)
    assert isinstance(schedule.steps, int)
    late = [schedule.steps, schedule.steps + 0.5, schedule.steps + 1, 10 * schedule.steps + 1, 1e9, 2**60]
    assert len({schedule(step) for step in late}) == 1
    assert len(set(schedule(late).tolist())) == 1


@given(trees, trees, trees)
def test_regrouping_a_chain_changes_neither_value_nor_equality(a, b, c):
    a, b = ended(a), ended(b)
    left, right = (a >> b) >> c, a >> (b >> c)
    assert left == right
    assert hash(left) == hash(right)
    assert str(left) == str(right)
    assert on_whole_steps(left) == on_whole_steps(right)


@given(trees, trees, trees, values)
def test_regrouping_sums_and_products_changes_neither_value_nor_equality(a, b, c, x):
    for left, right in (
        ((a + b) + c, a + (b + c)),
        ((a * b) * c, a * (b * c)),
        ((x + a) + b, x + (a + b)),
        ((x * a) * b, x * (a * b)),
        ((a + x) + b, a + (x + b)),
    ):
        assert left == right
        assert hash(left) == hash(right)
        assert on_whole_steps(left) == on_whole_steps(right)


@given(trees, trees, many_steps)
def test_then_is_the_first_on_its_clock_and_the_second_on_its_own(a, b, at):
    a = ended(a)
    plan = a >> b
    assert plan.steps == a.steps + b.steps
    for step in at:
        assert plan(step) == (a(step) if step < a.steps else b(step - a.steps))


@given(trees, trees, values, many_steps)
def test_operators_act_on_the_values_at_each_step(a, b, x, at):
    longest = max(a.steps, b.steps)
    for step in at:
        va, vb = a(step), b(step)
        for made, expected in ((a + b, va + vb), (a - b, va - vb), (a * b, va * vb)):
            assert made.steps == longest
            assert_close(made(step), expected, made)
        for made, expected in (
            (a + x, va + x),
            (x + a, x + va),
            (a - x, va - x),
            (x - a, x - va),
            (a * x, va * x),
            (x * a, x * va),
            (a / 4, va / 4),
            (-a, -va),
        ):
            assert made.steps == a.steps
            assert_close(made(step), expected, made)


@given(trees, trees, values)
def test_a_difference_is_a_sum_with_minus_one_times_the_second(a, b, x):
    assert a - b == a + -1 * b == a + -b
    assert a - x == a + -x
    assert x - b == x + -b


@given(trees, trees, values, many_steps)
def test_minimum_and_maximum_are_taken_at_every_step(a, b, x, at):
    low, high = ss.minimum(a, x, b), ss.maximum(a, b, x)
    assert low.steps == high.steps == max(a.steps, b.steps)
    for step in at:
        assert low(step) == min(a(step), x, b(step))
        assert high(step) == max(a(step), x, b(step))
        assert_close(low([step])[0], low(step), low)
    assert ss.minimum(a, ss.minimum(x, b)) == ss.minimum(ss.minimum(a, x), b) == low
    assert ss.maximum(ss.minimum(a, b), x) != ss.maximum(a, b, x)


@pytest.mark.parametrize("wrong", [(), (1,), (1, 2), (LINE,), ([LINE, LINE],), (LINE, "1"), (LINE, math.nan)])
@pytest.mark.parametrize("function", [ss.minimum, ss.maximum])
def test_minimum_and_maximum_are_of_two_or_more_with_a_schedule(function, wrong):
    message = refused(ArgumentError, "must be ", lambda: function(*wrong))
    assert function.__name__ in message.lower()


@given(trees, st.floats(-3, 3) | st.integers(-3, 3), many_steps)
def test_a_power_is_taken_at_every_step(a, p, at):
    base = a.clip(0.1, 2.0)
    powered = base**p
    assert powered.steps == a.steps
    assert [powered(step) for step in at] == [base(step) ** float(p) for step in at]
    assert_close(powered(at), [powered(step) for step in at], powered)


def test_powers_group_as_in_python():
    assert -(LINE**2) == -1 * LINE**2 == ss.parse("-Linear(0, 1, 4) ** 2")
    assert str((LINE**2) ** 3) == "(Linear(0.0, 1.0, 4) ** 2.0) ** 3.0"
    assert str((LINE + 1) ** -0.5 * 2) == "(Linear(0.0, 1.0, 4) + 1.0) ** -0.5 * 2.0"
    assert str((LINE**2).head(3)) == "(Linear(0.0, 1.0, 4) ** 2.0).head(3)"


@pytest.mark.parametrize(
    ("base", "exponent", "step", "value"),
    [(-1, 0.5, 4, "nan"), (-1, -2.5, 1, "nan"), (0, -1, 2, "inf"), (1e200, 2, 3, "inf"), (-1e200, 3, 3, "-inf")],
)
def test_a_power_without_a_finite_value_is_an_error_at_its_step(base, exponent, step, value):
    powered = (ss.Constant(1, step) >> ss.Constant(base)) ** exponent
    for at in (step, [0, step], step + 0.0):
        message = refused(StepError, f"is {value} at step {step}; bound", lambda: powered(at))  # noqa: B023
        assert (".clip(low, high) or end it" in message) == (value != "nan")
    assert powered(step - 1) == 1.0


def test_a_schedule_is_no_exponent():
    advice = "the right of ** must be a number, got Linear(0.0, 1.0, 4); a number cannot be raised to a schedule"
    refused(ArgumentError, advice, lambda: 2**LINE)
    refused(ArgumentError, "the right of ** must be a number, got Linear(0.0, 1.0, 4)", lambda: LINE**LINE)
    refused(ArgumentError, "Power(exponent=...) must be a finite number, got '2'", lambda: LINE ** "2")
