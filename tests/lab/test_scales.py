import numpy as np
import pytest

from stepsize.lab.report.panels import Scale, number, step_ticks, value_scale


@pytest.mark.parametrize(
    ("values", "log"), [([0.2, 1.9], False), ([0.2, 2.1], True), ([0.0, 2.1], False), ([-1.0, 2.0], False)]
)
def test_a_wide_range_of_positive_values_gets_a_log_scale(values, log):
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
def test_a_scale_contains_its_values_and_has_a_few_ticks(values):
    scale = value_scale([np.array(values)], log_beyond=10)
    places = scale.along(np.array(values))
    assert ((places >= 0) & (places <= 1000)).all()
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert all(0 <= tick.place <= 100 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_a_linear_scale_begins_at_zero_if_asked_unless_a_value_is_below():
    assert value_scale([np.array([1.0, 2.0])], log_beyond=10, from_zero=True).low == 0.0
    values = np.array([-1.0, 2.0])
    places = value_scale([values], log_beyond=10, from_zero=True).along(values)
    assert ((places > 0) & (places < 1000)).all()


def test_values_beyond_the_edge_are_placed_on_it():
    assert Scale(0, 1).along(np.array([-5.0, 0.5, 7.0])).tolist() == [0, 500, 1000]
    assert Scale(0, 1, log=True).along(np.array([0.0, -1.0, 100.0])).tolist() == [0, 0, 1000]


@pytest.mark.parametrize("last", [0, 1, 7, 235, 2350, 99_999, 12_345_678, 4_000_000_000])
def test_step_ticks_are_whole_and_fit_on_a_phone(last):
    ticks = step_ticks(Scale(0.0, last or 1.0))
    assert ticks[0].label == "0"
    assert sum(len(tick.label) for tick in ticks) <= 34
    assert all("." not in tick.label for tick in ticks)


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (1e-5, "1e-5"), (-2e-12, "-2e-12"), (1e15, "1e15"), (0, "0")]
)
def test_numbers_are_written_shortly(value, text):
    assert number(value) == text
