"""Descents: against closed forms, and the figures that textbooks give for them."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import Constant, Exponential, Function, InversePower, Linear
from stepsize.descent import (
    SURFACES,
    Adadelta,
    AdaGrad,
    Adam,
    GradientDescent,
    Momentum,
    RMSProp,
    descend,
    optimizers,
    surface_from,
)
from stepsize.errors import ArgumentError, StepError

OPTIMIZERS = [getattr(optimizers, name) for name in optimizers.__all__]
BOWL, PARABOLA = SURFACES["bowl"], SURFACES["parabola"]
START = [-5.0, -2.0]
NOISY_BOWL = surface_from(lambda x, y: x**2 + 2 * y**2, gradient=lambda x, y: (2 * x, 4 * y))


def end(*args, **named):
    return descend(*args, **named).end.tolist()


# Figures of Zhang, Lipton, Li and Smola, "Dive into Deep Learning" (2023), chapter 12, printed there to six digits.
# Its adaptive methods have eps inside the root: 1e-6.

FIGURES = {
    "one dimension, rate 0.2": (lambda: end(PARABOLA, GradientDescent(), 10.0, 10, 0.2), [0.060466]),
    "too small, 0.05": (lambda: end(PARABOLA, GradientDescent(), 10.0, 10, 0.05), [3.486784]),
    "too large, 1.1": (lambda: end(PARABOLA, GradientDescent(), 10.0, 10, 1.1), [61.917364]),
    "the bowl, rate 0.4": (lambda: end(BOWL, GradientDescent(), START, 20, 0.4), [-0.943467, -0.000073]),
    "the bowl, rate 0.6": (lambda: end(BOWL, GradientDescent(), START, 20, 0.6), [-0.387814, -1673.365109]),
    "momentum 0.5": (lambda: end(BOWL, Momentum(0.5), START, 20, 0.6), [0.007188, 0.002553]),
    "momentum 0.25": (lambda: end(BOWL, Momentum(0.25), START, 20, 0.6), [-0.126340, -0.186632]),
    "AdaGrad 0.4": (lambda: end(BOWL, AdaGrad(1e-6, "inside"), START, 20, 0.4), [-2.382563, -0.158591]),
    "AdaGrad 2": (lambda: end(BOWL, AdaGrad(1e-6, "inside"), START, 20, 2.0), [-0.002295, -0.000000]),
    "RMSProp 0.4": (lambda: end(BOWL, RMSProp(0.9, 1e-6, "inside"), START, 20, 0.4), [-0.010599, 0.000000]),
}


@pytest.mark.parametrize("case", FIGURES)
def test_the_figures_of_the_textbook(case):
    made, printed = FIGURES[case]
    np.testing.assert_allclose(made(), printed, rtol=0, atol=5.1e-7)


def test_momentum_tames_a_rate_at_which_gradient_descent_diverges():
    plain, quarter, half = (
        descend(BOWL, rule, START, 200, 0.6) for rule in (GradientDescent(), Momentum(0.25), Momentum(0.5))
    )
    assert plain.values[-1] > 1e20
    assert half.values[20] < quarter.values[20] < plain.values[20]
    assert half.values[-1] < 1e-20
    assert quarter.values[-1] < 1e-10


def test_adagrad_at_a_small_rate_stalls_and_at_a_large_one_arrives():
    small, large = (descend(BOWL, AdaGrad(), START, 20, lr) for lr in (0.4, 2.0))
    assert small.values[-1] > 0.5
    assert large.values[-1] < 1e-5
    steps = np.linalg.norm(np.diff(small.points, axis=0), axis=-1)
    assert all(after < before for before, after in itertools.pairwise(steps))


def test_rmsprop_does_not_stall_where_adagrad_does():
    assert descend(BOWL, RMSProp(), START, 20, 0.4).values[-1] < 1e-4


def test_exponential_decay_stops_short_of_the_minimum_and_inverse_power_reaches_it():
    """With noise 1, over 1,000 starts side by side; the rates and the noise are those of the textbook."""
    starts = np.tile(START, (1000, 1))
    exponential = descend(
        NOISY_BOWL, GradientDescent(), starts, 1000, Exponential(0.1, math.exp(-0.1)), noise=1.0, seed=1
    )
    inverse = descend(NOISY_BOWL, GradientDescent(), starts, 50, InversePower(0.1, 0.1, 0.5), noise=1.0, seed=1)
    # The rates that are left after t steps sum to eta_0 e^(-0.1 t) / (1 - e^(-0.1)): it cannot go further.
    short, there = exponential.end.mean(axis=0), inverse.end.mean(axis=0)
    rates = 0.1 * np.exp(-0.1 * np.arange(1000))
    assert short[0] == pytest.approx(-5.0 * np.prod(1 - 2 * rates), abs=0.05)
    assert short[0] < -0.5
    assert abs(there[0]) < 0.05
    assert inverse.values[-1].mean() < exponential.values[-1].mean() / 2
    half_way = np.abs(exponential.points[100] - exponential.end).max()
    assert half_way < 1e-3  # it stood still long before the end


# Closed forms.


@given(
    st.floats(0.0, 1.2), st.floats(0.0, 0.99), st.lists(st.floats(-5, 5), min_size=2, max_size=2), st.integers(1, 30)
)
def test_momentum_on_a_parabola_is_a_power_of_a_matrix(lr, beta, start, steps):
    matrix = np.array([[1 - 2 * lr, -lr * beta], [2.0, beta]])  # of (x, v)
    x, v = start[0], 0.0
    expected = np.linalg.matrix_power(matrix, steps) @ [x, v]
    found = descend(PARABOLA, Momentum(beta), x, steps, lr)
    np.testing.assert_allclose(found.end[0], expected[0], rtol=1e-9, atol=1e-9)


@given(st.floats(0.0, 1.5), st.floats(-5, 5), st.integers(1, 50))
def test_gradient_descent_on_a_parabola_is_a_power(lr, start, steps):
    found = descend(PARABOLA, GradientDescent(), start, steps, lr)
    expected = start * (1 - 2 * lr) ** np.arange(steps + 1)
    np.testing.assert_allclose(found.points[:, 0], expected, rtol=1e-10, atol=1e-12)


# What a trajectory is.


def test_update_t_is_made_with_the_rate_of_step_t():
    plan = Linear(0.4, 0.0, 8)
    down = descend(PARABOLA, GradientDescent(), 1.0, 10, plan)
    assert down.rates.tolist() == plan(range(10)).tolist()
    np.testing.assert_allclose(down.points[1:, 0] / down.points[:-1, 0], 1 - 2 * down.rates)
    assert down.points[8:, 0].tolist() == [down.points[8, 0]] * 3


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_number_and_a_constant_schedule_are_the_same_rate(kind):
    one, other = (descend(BOWL, kind(), START, 30, lr) for lr in (0.1, Constant(0.1)))
    np.testing.assert_array_equal(one.points, other.points)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_thousand_starts_go_where_each_goes_alone(kind):
    random = np.random.default_rng(0)
    starts = random.uniform(-2, 2, (1000, 2))
    for surface in (SURFACES["himmelblau"], BOWL):
        together = descend(surface, kind(), starts, 40, 0.002)
        assert together.points.shape == (41, 1000, 2)
        assert together.values.shape == (41, 1000)
        for index in (0, 17, 999):
            alone = descend(surface, kind(), starts[index], 40, 0.002)
            np.testing.assert_allclose(together.points[:, index], alone.points, rtol=1e-12, atol=1e-14)


def test_noise_is_seeded_and_right_on_average():
    starts = np.zeros((20_000, 2))
    flat = surface_from(lambda x, y: x + 2 * y, gradient=lambda x, y: (1 + 0 * x, 2 + 0 * y))
    one, same, other = (descend(flat, GradientDescent(), starts, 1, 1.0, 0.5, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.points, same.points)
    assert (one.points[1] != other.points[1]).all()
    steps = -one.points[1]
    np.testing.assert_allclose(steps.mean(axis=0), [1.0, 2.0], atol=4 * 0.5 / math.sqrt(20_000))
    np.testing.assert_allclose(steps.std(axis=0), [0.5, 0.5], rtol=0.03)


def test_divergence_is_noticed_at_its_step_and_the_others_go_on():
    down = descend(SURFACES["cubic"], GradientDescent(), [[-1.0], [1.0], [-0.5]], 60, 0.3)
    assert down.diverged.tolist() == [True, False, True]
    first, held, third = down.lasted.tolist()
    assert 0 < first < third < held == 60
    assert np.isfinite(down.values[first, 0])
    assert np.isnan(down.points[first + 1 :, 0]).all()
    assert np.isnan(down.values[first + 1 :, 0]).all()
    assert [len(path) for path in down.paths()] == [first + 1, 61, third + 1]
    np.testing.assert_array_equal(down.end[0], down.points[first, 0])


def test_a_descent_that_leaves_the_domain_has_diverged():
    down = descend(surface_from("log(x)"), GradientDescent(), 0.5, 20, 1.0)
    assert bool(down.diverged)
    assert down.lasted == 0


CONE = "sqrt(x**2 + y**2)"


def test_a_descent_that_reaches_the_tip_of_a_cone_has_stopped_and_not_diverged():
    down = descend(CONE, GradientDescent(), [[0.0, -2.0], [0.3, 0.1], [0.0, 0.0]], 20, 0.5)
    assert down.stopped.tolist() == [True, False, True]
    assert not down.diverged.any()
    assert down.lasted.tolist() == [4, 20, 0]
    assert down.end.tolist()[::2] == [[0.0, 0.0], [0.0, 0.0]]
    arrived = descend(CONE, GradientDescent(), [0.0, -2.0], 4, 0.5)  # with its last update
    assert (arrived.lasted, bool(arrived.stopped), arrived.end.tolist()) == (4, False, [0.0, 0.0])


def test_what_is_descended_may_be_a_name_a_formula_or_a_function():
    expected = descend(BOWL, GradientDescent(), START, 10, 0.1).points
    for surface in (
        "bowl",
        "0.1*x**2 + 2*y**2",
        lambda x, y: 0.1 * x**2 + 2 * y**2,
        lambda *x: 0.1 * x[0] ** 2 + 2 * x[1] ** 2,
    ):
        np.testing.assert_allclose(descend(surface, GradientDescent(), START, 10, 0.1).points, expected, rtol=1e-9)
        three = descend(surface, GradientDescent(), [START] * 3, 10, 0.1).points
        np.testing.assert_allclose(three[:, 2], expected, rtol=1e-9)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_starts_of_any_size_cause_no_warning(kind):
    for start in (1e150, -1e150, 5e-324):
        descend(SURFACES["parabola"], kind(), start, 5, 1e10)
        descend(SURFACES["cubic"], kind(), float(np.clip(start, -1e100, 1e100)), 200, 3.0)


def test_one_dimension_takes_bare_numbers():
    assert descend(PARABOLA, GradientDescent(), 3, 1, 0.25).points.tolist() == [[3.0], [1.5]]


REFUSED = {
    "a start outside the domain": (
        lambda: descend(surface_from("log(x)"), GradientDescent(), -1.0, 5, 0.1),
        "descend(start=...) must be in the domain of log(x), got (-1.0,); the value there is nan",
    ),
    "an infinite start with a value": (
        lambda: descend(SURFACES["tanh"], GradientDescent(), math.inf, 5, 0.1),
        "descend(start=...) must be in the domain of tanh(x), got (inf,); the value there is 1",
    ),
    "one of many starts": (
        lambda: descend(BOWL, GradientDescent(), [START, [math.inf, 0.0]], 5, 0.1),
        "descend(start[1]=...) must be in the domain of 0.1 x^2 + 2 y^2, got (inf, 0.0)",
    ),
    "the first of two starts": (
        lambda: descend(BOWL, GradientDescent(), [[math.nan, 0.0], [math.inf, 0.0]], 5, 0.1),
        "descend(start[0]=...) must be in the domain of 0.1 x^2 + 2 y^2, got (nan, 0.0)",
    ),
    "a start that is no array": (
        lambda: descend("x + y", GradientDescent(), [[1.0, 2.0], [3.0]], 5, 0.1),
        "descend(start=...) must be a number or an array of numbers, got [[1.0, 2.0], [3.0]]",
    ),
    "a start of three coordinates": (
        lambda: descend(BOWL, GradientDescent(), [1.0, 2.0, 3.0], 5, 0.1),
        "descend(start=...) must be points of 2 coordinates, for 0.1 x^2 + 2 y^2, got [1.0, 2.0, 3.0]",
    ),
    "a number for a surface": (
        lambda: descend(2.0, GradientDescent(), 1.0, 5, 0.1),
        "descend(surface=...) must be a name, a formula, a function or a surface, got 2.0",
    ),
    "a name for an optimizer": (
        lambda: descend(BOWL, "adam", START, 5, 0.1),
        "descend(optimizer=...) must be an optimizer of stepsize.descent, got 'adam'; write, for example",
    ),
    "a class for an optimizer": (lambda: descend(BOWL, Adam, START, 5, 0.1), "must be an optimizer"),
    "a text for a rate": (
        lambda: descend(BOWL, Adam(), START, 5, "Constant(0.1)"),
        "descend(lr=...) must be a number or a schedule, got 'Constant(0.1)'; parse()",
    ),
    "a negative rate": (lambda: descend(BOWL, Adam(), START, 5, -0.1), "must be a finite number >= 0, got -0.1"),
    "a schedule that is negative": (
        lambda: descend(BOWL, Adam(), START, 5, Linear(0.1, -0.1, 4)),
        "descend(lr=...): a rate is at least 0, and Linear(0.1, -0.1, 4) is -0.05 at step 3; bound it with .clip(0)",
    ),
    "no steps": (
        lambda: descend(BOWL, Adam(), START, 0, 0.1),
        "descend(steps=...) must be a whole number of at least 1",
    ),
    "negative noise": (lambda: descend(BOWL, Adam(), START, 5, 0.1, -1.0), "descend(noise=...)"),
    "half a seed": (lambda: descend(BOWL, Adam(), START, 5, 0.1, 1.0, 0.5), "descend(seed=...)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_descended_is_refused_in_one_line(case):
    call, message = REFUSED[case]
    with pytest.raises((ArgumentError, StepError), match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_schedule_that_fails_is_reported_with_its_step():
    with pytest.raises(StepError, match="at step 3"):
        descend(BOWL, Adam(), START, 5, Function(lambda step: [0.1, 0.1, 0.1][step]))


def test_adadelta_needs_no_rate_of_its_own():
    """At the paper's eta of 1: it begins with tiny steps, and descends from any scale in the same way."""
    near, far = (descend(BOWL, Adadelta(), np.multiply(START, scale), 3000, 1.0) for scale in (1.0, 2.0))
    assert near.values[-1] < near.values[0] / 100
    assert far.values[-1] < far.values[0] / 100
