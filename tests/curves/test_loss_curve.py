"""Loss curves as values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import AT, LOSSES, PLAN

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError

losses = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=60)


def test_a_curve_holds_its_rows_and_the_rate_of_every_update():
    curve = LossCurve("a", AT, LOSSES, PLAN)
    np.testing.assert_array_equal(curve.rates, PLAN.sample(96))
    assert curve.peak_lr == pytest.approx(0.2)
    assert repr(curve) == "<LossCurve 'a': 20 rows, steps 0 to 95>"
    with pytest.raises(ValueError, match="read-only"):
        curve.losses[0] = 1.0


def test_the_peak_is_that_of_the_updates_up_to_the_last_row():
    assert LossCurve("a", [0, 2], [4.0, 3.0], [0.1, 0.3, 0.2, 0.9]).peak_lr == 0.3
    assert LossCurve("a", [0, 2], [4.0, 3.0], [0.1, 0.2, 0.3]).peak_lr == 0.3


def test_a_curve_copies_its_arrays():
    given_losses = LOSSES.copy()
    curve = LossCurve("a", AT, given_losses, PLAN)
    given_losses[:] = 9.0
    np.testing.assert_array_equal(curve.losses, LOSSES)


@given(losses, st.integers(1, 80))
def test_thinning_keeps_the_mean_and_the_order(row, rows):
    curve = LossCurve("a", range(len(row)), row, [0.1] * len(row)).thinned(rows)
    assert curve.steps.size == min(rows, len(row))
    assert (np.diff(curve.steps) > 0).all()
    sizes = np.diff(np.linspace(0, len(row), curve.steps.size + 1).astype(int))
    assert curve.losses @ sizes == pytest.approx(sum(row))
    stretches = np.split(np.arange(len(row)), np.cumsum(sizes)[:-1])
    assert curve.steps.tolist() == [int(stretch.mean()) for stretch in stretches]


@given(losses, st.integers(1, 80))
def test_smoothing_keeps_straight_lines_and_stays_within_the_range(row, rows):
    line = np.linspace(5.0, 4.0, len(row))
    steps, rates = range(len(row)), [0.1] * len(row)
    np.testing.assert_allclose(LossCurve("a", steps, line, rates).smoothed(rows).losses, line)
    smooth = LossCurve("a", steps, row, rates).smoothed(rows).losses
    assert min(row) * (1 - 1e-9) <= smooth.min()
    assert smooth.max() <= max(row) * (1 + 1e-9)


def test_an_even_number_of_rows_is_smoothed_over_like_one_less():
    curve = LossCurve("a", AT, LOSSES, PLAN)
    np.testing.assert_array_equal(curve.smoothed(4).losses, curve.smoothed(3).losses)
    np.testing.assert_allclose(curve.smoothed(2).losses, LOSSES)


def test_five_rows_are_smoothed_over_and_five_hundred_are_kept_by_default():
    curve = LossCurve("a", range(501), np.linspace(4.0, 2.0, 501) ** 2, ss.Constant(0.1))
    np.testing.assert_array_equal(curve.smoothed().losses, curve.smoothed(5).losses)
    assert (curve.smoothed().losses != curve.smoothed(7).losses).any()
    assert curve.thinned().steps.size == 500


def test_the_rows_after_a_step_keep_all_rates():
    curve = LossCurve("a", AT, LOSSES, PLAN)
    late = curve.after(50)
    np.testing.assert_array_equal(late.steps, AT[AT >= 50])
    np.testing.assert_array_equal(late.losses, LOSSES[AT >= 50])
    np.testing.assert_array_equal(late.rates, curve.rates)
    assert curve.after(0).steps.size == AT.size
    with pytest.raises(ArgumentError, match='must be at most the last step of run "a", 95, got 96'):
        curve.after(96)


BAD_CURVES = [
    (([0, 2, 1], [1, 1, 1], [0.1] * 3), "rising, got .*; 2 is followed by 1"),
    (([0, 1, 1], [1, 1, 1], [0.1] * 3), "1 is followed by 1"),
    (([0, 2, 1, 5, 3], [1] * 5, [0.1] * 6), "2 is followed by 1"),
    (([0, 1.5], [1, 1], [0.1] * 3), "whole numbers"),
    (([-1, 1], [1, 1], [0.1] * 3), "at least 0"),
    (([], [], []), "at least one step"),
    (([0, 1], [1, np.nan], [0.1] * 3), "positive and finite, got nan; this is the loss at step 1"),
    (([0, 1], [1, -1], [0.1] * 3), "got -1.0; this is the loss at step 1"),
    (([0, 5], [1, np.inf], [0.1] * 6), "got inf; this is the loss at step 5"),
    (([0, 1], [1], [0.1] * 3), "one for each of the 2 steps"),
    (
        ([0, 5], [1, 1], [0.1] * 5),
        'the rates of run "a" must be one for every update from 0 to 5, .*; there are 5 rates',
    ),
    (([0, 1], [1, 1], [0.1, np.nan]), "got nan; this is the rate at step 1"),
    (([0, 1], [1, 1], [0.1, -0.1, -0.2]), "at least 0, got -0.1; this is the rate at step 1"),
    (([0, 1], ["x", 1], [0.1, 0.1]), "a row of numbers"),
    (([[0, 1]], [1, 1], [0.1, 0.1]), "an array of shape"),
    (
        ([0, 20_000_001], [1, 1], ss.Constant(0.1)),
        "at most 20000000, got 20000001; no run makes more updates; are these tokens",
    ),
]


@pytest.mark.parametrize(("fields", "words"), BAD_CURVES, ids=range(len(BAD_CURVES)))
def test_a_bad_curve_is_refused_with_the_reason(fields, words):
    with pytest.raises(ArgumentError, match=words):
        LossCurve("a", *fields)


def test_the_largest_step_is_allowed(monkeypatch):
    monkeypatch.setattr("stepsize.curves.loss_curve.MOST_UPDATES", 5)
    assert LossCurve("a", [0, 5], [1, 1], ss.Constant(0.1)).rates.size == 6
    with pytest.raises(ArgumentError, match="at most 5, got 6"):
        LossCurve("a", [0, 6], [1, 1], ss.Constant(0.1))


@pytest.mark.parametrize("loss", [0.0, -1.0, float("nan"), float("inf")])
def test_a_loss_that_is_not_positive_and_finite_is_refused(loss):
    with pytest.raises(ArgumentError, match=r'the losses of run "a" must be'):
        LossCurve("a", [0, 1, 2], [1.0, loss, 1.0], [0.1] * 3)
