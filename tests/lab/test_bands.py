import math

import numpy as np
import pytest

from stepsize.lab.report.bands import band
from stepsize.lab.report.scales import Scale, number, step_scale, step_ticks, value_scale


def trace(x, y):
    return np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)


def test_each_curve_counts_between_its_own_first_and_last_step():
    found = band([trace([0, 10, 20], [1, 2, 3]), trace([5, 10], [4, 4])])
    assert found.count == 2
    assert found.x.tolist() == [0, 5, 10, 20]
    assert found.mean.tolist() == [1, 2.75, 3, 3]
    assert found.low.tolist() == [1, 1.5, 2, 3]
    assert found.high.tolist() == [1, 4, 4, 3]


def test_what_is_not_finite_is_left_out():
    found = band([trace([0, 1, 2, 3], [1, math.nan, math.inf, 4]), trace([0, 1], [math.nan, math.nan])])
    assert (found.x.tolist(), found.mean.tolist(), found.count) == ([0, 3], [1, 4], 1)
    assert band([]) is None
    assert band([trace([], []), trace([1], [math.inf])]) is None


def test_sums_of_the_largest_numbers_do_not_overflow():
    assert np.isfinite(band([trace([0, 1], [1.7e308, 1])] * 100).mean).all()


def test_a_long_curve_keeps_its_ends_its_spikes_and_its_jumps():
    x = np.arange(10_000.0)
    one, two = np.sin(x / 500), np.sin(x / 500) + 0.1
    one[1234], two[4321], two[7000:] = -50, 60, 5
    found = band([(x, one), (x, two)])
    assert found.x.size < 600
    assert (found.x[0], found.x[-1]) == (0, x[-1])
    assert found.low.min() == -50
    assert found.high.max() == 60
    for step in found.x.astype(int):
        assert found.mean[found.x == step] == pytest.approx((one[step] + two[step]) / 2)


def test_a_step_stays_upright():
    x = np.arange(5000.0)
    found = band([(x, np.where(x < 2222, 1.0, 0.1))])
    assert {2221, 2222} <= set(found.x)


def test_curves_that_share_no_step_are_compared_at_some():
    rng = np.random.default_rng(0)
    traces = [(np.sort(rng.random(1000)), np.full(1000, float(level))) for level in range(100)]
    found = band(traces)
    assert found.x.size < 600
    assert found.mean[found.x.size // 2] == pytest.approx(49.5, abs=0.5)


@pytest.mark.parametrize(
    ("values", "log"), [([0.2, 1.9], False), ([0.2, 2.1], True), ([0.0, 2.1], False), ([-1.0, 2.0], False)]
)
def test_the_range_asks_for_a_log_scale_where_nothing_is_zero(values, log):
    assert value_scale([np.array(values)], log_beyond=10).log is log


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.1],
        [0.0, 0.0],
        [1e-9, 2e-9],
        [0.83, 0.91],
        [1e-7, 1.0],
        [0.05, 0.9],
        [-1e300, 1e300],
        [1e-300, 1e300],
        [],
    ],
)
def test_a_scale_has_its_values_within_and_some_numbers_to_read_them_by(values):
    scale = value_scale([np.array(values)], log_beyond=10)
    places = scale.along(np.array(values))
    assert ((places >= 0) & (places <= 1000)).all()
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert all(0 <= tick.place <= 100 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_values_beyond_the_edge_stand_on_it():
    assert Scale(0, 1).along(np.array([-5.0, 0.5, 7.0])).tolist() == [0, 500, 1000]
    assert Scale(0, 1, log=True).along(np.array([0.0, -1.0, 100.0])).tolist() == [0, 0, 1000]


@pytest.mark.parametrize("last", [0, 1, 7, 235, 2350, 99_999, 12_345_678, 4_000_000_000])
def test_steps_are_whole_with_room_on_a_phone(last):
    ticks = step_ticks(step_scale(last))
    assert ticks[0].label == "0"
    assert sum(len(tick.label) for tick in ticks) <= 34
    assert all("." not in tick.label for tick in ticks)


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (1e-5, "1e-5"), (-2e-12, "-2e-12"), (1e15, "1e15"), (0, "0")]
)
def test_a_number_is_short(value, text):
    assert number(value) == text
