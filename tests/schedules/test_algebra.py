"""The operators: then, sums, differences, products, and how they regroup."""

import math

from closeness import assert_close, on_whole_steps
from hypothesis import assume, given

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
