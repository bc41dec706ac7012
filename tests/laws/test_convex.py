"""The convex bound: reference values, the closed form of a constant rate, rankings and transfer factors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import convex_value

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.laws import convex_bound, rank, transfer_factor

T = 400
STAYS = T + 1 - int(0.2 * (T + 1))


def trapezoid(down):
    """T + 1 steps, the last fifth of them falling: step j of n has the value of z = (j + 1) / n."""
    n = T + 1 - STAYS
    return np.concatenate([np.ones(STAYS), down((np.arange(n) + 1) / n)])


REFERENCE = {
    "constant": (ss.Constant(1.0, T), 0.13754481, 0.01817590),
    "wsd, linear": (trapezoid(lambda z: 1 - z), 0.10932301, 0.02537366),
    "wsd, 1-sqrt": (trapezoid(lambda z: 1 - np.sqrt(z)), 0.10728815, 0.02684614),
    "linear": (ss.Linear(1.0, 0.0, T), 0.10062987, 0.04956313),
    "cosine": (ss.Cosine(1.0, 0.0, T), 0.10338591, 0.04824189),
}
"""Published or recomputed at 400 steps, D = G = 1."""

rates = st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=25)


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_values_to_seven_digits(name):
    shape, value, gamma = REFERENCE[name]
    bound = convex_bound(shape)
    assert round(bound.value, 8) == value
    assert round(bound.rate, 8) == gamma


@given(st.integers(1, 3000), st.floats(1e-6, 10.0))
def test_a_constant_rate_has_a_closed_form(steps, rate):
    """Omega = 1 / (2 gamma T) + gamma / 2 + gamma H_{T-1} / 2."""
    half = (1.0 + sum(1.0 / k for k in range(1, steps))) / 2.0
    bound = convex_bound(ss.Constant(rate, steps))
    assert bound.value == pytest.approx(2.0 * np.sqrt(half / (2.0 * steps)), rel=1e-10)
    assert bound.rate * rate == pytest.approx(np.sqrt(1.0 / (2.0 * steps) / half), rel=1e-10)


@given(rates)
def test_the_bound_is_the_minimum_of_the_formula(row):
    bound = convex_bound(row)
    assert convex_value(row, bound.rate) == pytest.approx(bound.value, rel=1e-9)
    for factor in (0.9, 1.1):
        assert convex_value(row, factor * bound.rate) > bound.value


@given(rates, st.floats(1e-6, 1e6), st.integers(0, 5))
def test_height_and_zeros_at_the_end_do_not_change_the_value(row, height, zeros):
    bound, other = convex_bound(row), convex_bound([*(height * rate for rate in row), *[0.0] * zeros])
    assert other.value == pytest.approx(bound.value, rel=1e-9)
    assert other.rate * height == pytest.approx(bound.rate, rel=1e-9)


def test_tiny_rates_at_the_end_cost_no_precision():
    """Sums are taken from the end; differences of sums from the start would cancel."""
    falling = 10.0 ** -np.linspace(0, 15, 60)
    assert convex_value(list(falling), convex_bound(falling).rate) == pytest.approx(
        convex_bound(falling).value, rel=1e-9
    )


def test_transfer_factors_agree_with_the_paper():
    factors = [transfer_factor(5_000, longer) for longer in (10_000, 20_000)]  # the docstring has the paper's lengths
    assert [round(factor / 0.025) * 0.025 for factor in factors] == pytest.approx([0.525, 0.375])
    assert transfer_factor(10, 1000) == pytest.approx(0.093, abs=1e-3)  # small, but a factor


def test_the_longer_run_has_the_same_best_height():
    factor = transfer_factor(500, 900, 0.3)
    shape = np.concatenate([np.ones(350), factor * ss.wsd(1.0, 0, 630, 270).sample()[350:]])
    assert convex_bound(shape).rate == pytest.approx(convex_bound(ss.wsd(1.0, 0, 350, 150)).rate, rel=1e-9)
    assert transfer_factor(500, 1800, 0.3) < factor < 1


def test_a_ranking_has_the_order_and_ratios_of_the_bounds():
    plans = {"flat": ss.Constant(0.1), "linear": ss.Linear(0.3, 0.0, T), "cosine": ss.Cosine(0.2, 0.0, T)}
    ranked = rank(plans, T)
    assert [each.name for each in ranked] == ["linear", "cosine", "flat"]
    assert ranked[0].over_best == 1.0
    assert [each.name for each in rank({"b": plans["linear"], "a": plans["linear"]})] == ["b", "a"]
    assert ranked[-1].over_best == pytest.approx(0.13754481 / 0.10062987, rel=1e-6)
    assert [each.name for each in rank([plans["linear"], plans["cosine"]])] == [
        "Linear(0.3, 0.0, 400)",
        "Cosine(0.2, 0.0, 400)",
    ]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: convex_bound([0.0, 0.0]), "positive at some step"),
        (lambda: convex_bound(ss.Constant(0.1)), "steps=1000"),
        (lambda: rank({}), "at least one schedule"),
        (lambda: rank(ss.Constant(0.1)), r"write \[schedule\]"),
        (lambda: rank(["Constant(0.1)"]), "parse"),
        (
            lambda: rank([ss.Constant(0.1, 400), ss.Constant(0.1, 20)]),
            r"the lengths differ \(20, 400\), got None; write steps=",
        ),
        (lambda: transfer_factor(100, 100), "more than steps = 100"),
        (lambda: transfer_factor(100, 200, 0.001), "gives both phases steps"),
        (lambda: transfer_factor(100, 200, 1.0), "gives both phases steps"),
        (
            lambda: transfer_factor(5, 30_000),
            "short enough that a factor exists, got 30000; extend the run in two stages, and tune the rate between",
        ),
    ],
)
def test_bad_arguments_are_refused(ask, words):
    with pytest.raises(ArgumentError, match=words):
        ask()
