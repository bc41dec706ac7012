"""The least-squares problem: its gradient, its solution, and the effect of batches."""

import re
import sys

import numpy as np
import pytest

from stepsize import InversePower
from stepsize.descent import GradientDescent, LeastSquares, Momentum, descend_in_batches, diabetes
from stepsize.errors import ArgumentError, MissingExtraError

PROBLEM = diabetes()
W = np.random.default_rng(0).standard_normal(11)


def test_the_gradient_is_that_of_the_loss():
    for axis in np.eye(11):
        slope = (PROBLEM.loss(W + 1e-5 * axis) - PROBLEM.loss(W - 1e-5 * axis)) / 2e-5
        assert PROBLEM.gradient(W) @ axis == pytest.approx(slope, abs=1e-9)
    np.testing.assert_allclose(PROBLEM.gradient(PROBLEM.solution), 0.0, atol=1e-12)


def test_the_gradients_of_batches_are_right_on_average():
    batches = [PROBLEM.gradient(W, slice(start, start + 34)) for start in range(0, 442, 34)]
    np.testing.assert_allclose(np.mean(batches, axis=0), PROBLEM.gradient(W), rtol=1e-12, atol=1e-14)
    singles = [PROBLEM.gradient(W, slice(row, row + 1)) for row in range(442)]
    np.testing.assert_allclose(np.mean(singles, axis=0), PROBLEM.gradient(W), rtol=1e-12, atol=1e-13)


def test_all_samples_at_once_is_gradient_descent_written_out():
    w, losses = np.zeros(11), []
    for _ in range(30):
        losses.append(PROBLEM.loss(w))
        w = w - 0.1 * PROBLEM.gradient(w)
    down = descend_in_batches(PROBLEM, GradientDescent(), 442, 30, 0.1)
    np.testing.assert_allclose(down.w, w, rtol=1e-9, atol=1e-14)
    assert down.updates.tolist() == list(range(31))
    np.testing.assert_allclose(down.losses, [*losses, PROBLEM.loss(w)], rtol=1e-9)


def test_the_loss_is_computed_more_often_at_the_start():
    updates = descend_in_batches(PROBLEM, GradientDescent(), 10, 20, 0.01).updates
    assert updates[:6].tolist() == list(range(6))
    assert np.diff(updates)[-1] > 20
    assert 60 < len(updates) <= 121


def test_the_origin_of_the_data_stays_with_them_in_any_order():
    words = "The data are scikit-learn's bundled diabetes data: 442 patients, 10 measurements, standardised."
    assert PROBLEM.shuffled(np.random.default_rng(0)).source == PROBLEM.source == words


def test_measurements_and_targets_are_standardised_and_the_last_feature_is_one():
    for column in (*PROBLEM.features.T[:10], PROBLEM.targets):
        assert (column.mean(), column.std()) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert PROBLEM.features.shape == (442, 11)
    assert (PROBLEM.features[:, 10] == 1.0).all()
    correlation = np.corrcoef(PROBLEM.features[:, 2], PROBLEM.targets)[0, 1]  # of the body mass index
    assert correlation == pytest.approx(0.5865, abs=1e-4)


@pytest.mark.parametrize("batch", [1, 10, 100, 442])
def test_every_batch_comes_near_the_lowest_loss_and_no_lower(batch):
    lr = InversePower(min(0.01 * batch, 0.3), 0.01, 0.5)
    down = descend_in_batches(PROBLEM, GradientDescent(), batch, 40, lr)
    lowest = PROBLEM.loss(PROBLEM.solution)
    assert (down.losses >= lowest).all()
    assert down.losses[-1] < 1.05 * lowest
    assert down.updates[-1] == 40 * -(-442 // batch)
    assert (np.diff(down.seconds) > 0).all()


@pytest.mark.parametrize(("share", "held"), [(0.99, True), (1.01, False)])
def test_the_largest_rate_is_the_one_beyond_which_it_diverges(share, held):
    down = descend_in_batches(PROBLEM, GradientDescent(), 442, 3000, share * PROBLEM.largest_rate)
    assert (down.losses[-1] < down.losses[0]) == held


def test_a_descent_that_diverges_ends_where_it_was_still_finite():
    down = descend_in_batches(PROBLEM, GradientDescent(), 442, 3000, 2.0)
    assert down.diverged
    assert 0 < down.lasted == down.updates[-1] < down.steps == 3000
    assert np.isfinite(down.losses).all()
    assert down.losses[-1] == PROBLEM.loss(down.w) > 1e100
    held = descend_in_batches(PROBLEM, GradientDescent(), 442, 30, 0.1)
    assert not held.diverged
    assert held.lasted == held.steps == 30


def test_the_seed_is_that_of_the_orders():
    once, again, other = (descend_in_batches(PROBLEM, Momentum(0.5), 10, 2, 0.01, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once.w, again.w)
    assert (once.w != other.w).any()


def test_every_sample_is_seen_once_an_epoch():
    rows = LeastSquares(np.eye(7), np.ones(7))
    down = descend_in_batches(rows, GradientDescent(), 3, 1, 1.5)
    # Each update moves the weights of its own samples alone: by 1.5 / 3, and in the last batch of one by 1.5.
    assert sorted(down.w.round(9).tolist()) == [0.5] * 6 + [1.5]


def test_every_epoch_has_an_order_of_its_own():
    alike = LeastSquares(np.ones((50, 1)), np.arange(50.0))
    last_seen = {descend_in_batches(alike, GradientDescent(), 1, epochs, 1.0).w[0] for epochs in (1, 2, 3, 4)}
    assert len(last_seen) > 1  # at a rate of 1 the weight is the target of the last sample


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"scikit-learn is not installed; .*'\.\[descent\]'"):
        diabetes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: descend_in_batches(PROBLEM, GradientDescent(), 443, 1, 0.1), "at most 442, the number of samples"),
        (lambda: descend_in_batches(PROBLEM, GradientDescent(), 0, 1, 0.1), "at least 1, got 0"),
        (lambda: descend_in_batches("diabetes", GradientDescent(), 1, 1, 0.1), "must be a least-squares problem"),
        (lambda: descend_in_batches(PROBLEM, "sgd", 1, 1, 0.1), "must be an optimizer"),
    ],
)
def test_what_cannot_be_descended_is_refused(call, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        call()
