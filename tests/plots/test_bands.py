import math

import numpy as np
import pytest

from stepsize.plots.curves import Trace, band, loss_trace, metric_trace, rate_ends, rate_trace
from stepsize.store import Run
from stepsize.store.run import Epoch, Point, Value


def trace(x, y):
    return Trace(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64))


def test_each_curve_counts_between_its_own_first_and_last_step():
    found = band([trace([0, 10, 20], [1, 2, 3]), trace([5, 10], [4, 4])])
    assert found.count == 2
    assert found.x.tolist() == [0, 5, 10, 20]
    assert found.mean.tolist() == [1, 2.75, 3, 3]
    assert found.low.tolist() == [1, 1.5, 2, 3]
    assert found.high.tolist() == [1, 4, 4, 3]


def test_an_empty_trace_does_not_count():
    found = band([trace([0, 3], [1, 4]), trace([], [])])
    assert (found.x.tolist(), found.mean.tolist(), found.count) == ([0, 3], [1, 4], 1)
    assert band([]) is None
    assert band([trace([], [])]) is None


def test_a_trace_has_the_losses_that_are_finite():
    points = tuple(Point(step, 0.1, loss, 0.5) for step, loss in enumerate([1.0, math.nan, math.inf, 4.0], start=1))
    found = loss_trace(Run("a", "Constant(0.1)", 0, points, (), 1.0, "diverged", 2))
    assert (found.x.tolist(), found.y.tolist()) == ([1, 4], [1, 4])


def test_sums_of_the_largest_numbers_do_not_overflow():
    assert np.isfinite(band([trace([0, 1], [1.7e308, 1])] * 100).mean).all()


def test_a_long_curve_keeps_its_ends_its_spikes_and_its_jumps():
    x = np.arange(10_000.0)
    one, two = np.sin(x / 500), np.sin(x / 500) + 0.1
    one[1234], two[4321], two[7000:] = -50, 60, 5
    found = band([Trace(x, one), Trace(x, two)])
    assert found.x.size < 600
    assert (found.x[0], found.x[-1]) == (0, x[-1])
    assert found.low.min() == -50
    assert found.high.max() == 60
    for step in found.x.astype(int):
        assert found.mean[found.x == step] == pytest.approx((one[step] + two[step]) / 2)


def test_a_step_stays_upright():
    x = np.arange(5000.0)
    found = band([Trace(x, np.where(x < 2222, 1.0, 0.1))])
    assert {2221, 2222} <= set(found.x)


def test_a_band_of_curves_without_common_steps_has_few_points():
    rng = np.random.default_rng(0)
    traces = [Trace(np.sort(rng.random(1000)), np.full(1000, float(level))) for level in range(100)]
    found = band(traces)
    assert found.x.size < 600
    assert found.mean[found.x.size // 2] == pytest.approx(49.5, abs=0.5)


def test_a_metric_is_a_column_of_the_points_or_the_epochs_or_one_of_the_users():
    points, epochs = (Point(5, 0.1, 2.0, 0.5),), (Epoch(9, 3.0, 0.6, 4.0, 0.7),)
    run = Run("a", "Constant(0.1)", 0, points, epochs, 1.0, "finished", values=(Value(7, "f1", 0.8),))
    found = {name: metric_trace(run, name) for name in ("train_loss", "test_loss", "test_accuracy", "f1", "f2")}
    assert {name: (*each.x, *each.y) for name, each in found.items()} == {
        "train_loss": (5, 2.0), "test_loss": (9, 4.0), "test_accuracy": (9, 0.7), "f1": (7, 0.8), "f2": (),
    }  # fmt: skip


def test_a_run_of_one_update_has_the_rate_of_that_update():
    found = rate_trace(Run("a", "Linear(0.5, 0, 10)", 0, (Point(1, 0.5, 2.0, 0.5),), (), 1.0))
    assert (found.x.tolist(), found.y.tolist()) == ([0], [0.5])


def test_the_end_values_are_those_of_schedules_with_a_text_and_an_end():
    texts = [
        "Linear(0.5, 0.1, 10)",
        "Linear(0.5, 0.1, 10) with Plateau()",
        "Constant(0.3)",
        "mine",
        "Cosine(0.5, 0.2, 9)",
    ]
    runs = [Run(text, text, 0, (), (), 1.0) for text in texts]
    assert sorted(rate_ends(runs)) == [0.1, 0.2]
