from dataclasses import replace

import numpy as np
import pytest

from stepsize.plots.curves import loss_trace
from stepsize.plots.scales import (
    Extent,
    Scale,
    in_trouble,
    is_stuck,
    metric_extents,
    metric_scale,
    number,
    rate_extents,
    rate_scale,
    step_ticks,
    value_scale,
)
from stepsize.store.run import Point, Run


@pytest.mark.parametrize(
    ("values", "log"), [([0.2, 1.9], False), ([0.2, 2.1], True), ([0.0, 2.1], False), ([-1.0, 2.0], False)]
)
def test_a_wide_range_of_positive_values_gets_a_log_scale(values, log):
    assert value_scale([Extent.of([(np.array(values), False)])], log_beyond=10).log is log


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
    scale = value_scale([Extent.of([(np.array(values), False)])], log_beyond=10)
    places = scale.along(np.array(values))
    assert ((places >= 0) & (places <= 1000)).all()
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert all(0 <= tick.place <= 100 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_a_linear_scale_begins_at_zero_if_asked_unless_a_value_is_below():
    assert value_scale([Extent.of([(np.array([1.0, 2.0]), False)])], log_beyond=10, from_zero=True).low == 0.0
    values = np.array([-1.0, 2.0])
    places = value_scale([Extent.of([(values, False)])], log_beyond=10, from_zero=True).along(values)
    assert ((places > 0) & (places < 1000)).all()


def test_values_beyond_the_edge_keep_their_places_and_their_marks_are_on_it():
    assert Scale(0, 1).along(np.array([-5.0, 0.5, 7.0])).tolist() == [-5000, 500, 7000]
    assert [Scale(0, 1).percent(value) for value in (-5.0, 0.5, 7.0)] == [0, 50, 100]
    assert Scale(0, 1, log=True).percent(0.0) == 0
    assert Scale(0, 3).percent(1.0) == 33.33
    assert Scale(0, 1).along(np.array([-1e300, 1e300])).tolist() == [-1e36, 1e36]


def losing(name, *losses, seed=0, status="finished"):
    """A run with these train losses."""
    points = tuple(Point(step, 0.1, loss, 0.5) for step, loss in enumerate(losses, start=1))
    return Run(name, "Constant(0.1)", seed, points, (), 1.0, status)


@pytest.mark.parametrize(
    ("losses", "status", "stuck"),
    [
        ((2.3, 1.0), "finished", False),
        ((2.3, 2.2), "finished", True),
        ((1.0, 1e8), "finished", True),
        ((-1.0, -2.0), "finished", False),
        ((-1.0, -1.05), "finished", True),
        ((2.3,), "finished", False),
        ((2.3, 0.1), "diverged", True),
    ],
)
def test_a_run_is_stuck_if_its_loss_hardly_falls(losses, status, stuck):
    assert is_stuck(losing("a", *losses, status=status)) is stuck


@pytest.mark.parametrize(("worst", "ends"), [(1e8, (0.25, 1.5)), (3.0, (0.25, 3.0)), (2.0, (0.25, 2.0))])
def test_a_loss_that_blows_up_does_not_ruin_the_scale(worst, ends):
    groups = [[losing("a", 1.5, 0.25)], [losing("b", 1.4, 0.5)], [losing("c", 1.5, worst)]]
    scale = metric_scale(metric_extents(groups, loss_trace), "train_loss")
    low, high = scale.ends
    assert low == pytest.approx(ends[0], abs=0.3)
    assert ends[1] < high < 1.2 * ends[1]
    assert [scale.leaves(each) for each in metric_extents(groups, loss_trace)] == [False, False, worst == 1e8]


def test_one_seed_that_blows_up_is_left_out_of_view_and_its_schedule_is_not():
    groups = [[losing("a", 1.5, 0.25), losing("a", 1.4, 1e9, seed=1), losing("a", 1.4, 0.3, seed=2)]]
    assert metric_scale(metric_extents(groups, loss_trace), "train_loss").ends[1] < 2
    assert not in_trouble(groups[0])


def test_runs_that_are_all_stuck_are_all_in_view():
    groups = [[losing("a", 1.5, 1e8)], [losing("b", 1.5, 1e3)]]
    assert metric_scale(metric_extents(groups, loss_trace), "train_loss").ends[1] > 1e8


def test_the_rates_of_a_stuck_schedule_leave_the_view_if_they_are_far_above_the_others():
    def schedule(name, rate, *losses):
        return [replace(losing(name, *losses), schedule=f"Constant({rate})")]

    good, high, stuck = schedule("a", 0.2, 2.3, 0.1), schedule("b", 1.5, 2.3, 0.1), schedule("c", 1.5, 2.3, 2.3)
    assert rate_scale(rate_extents([good, stuck]), []).ends == (0.0, pytest.approx(0.21))
    assert rate_scale(rate_extents([good, high]), []).ends == (0.0, pytest.approx(1.575))
    assert rate_scale(rate_extents([stuck]), []).ends == (0.0, pytest.approx(1.575))


@pytest.mark.parametrize("last", [0, 1, 7, 235, 2350, 99_999, 12_345_678, 4_000_000_000])
def test_step_ticks_are_whole_and_fit_on_a_phone(last):
    ticks = step_ticks(Scale(0.0, last or 1.0))
    assert ticks[0].label == "0"
    assert sum(len(tick.label) for tick in ticks) <= 34
    assert all(tick.label == f"{int(tick.label.replace(',', '')):,}" for tick in ticks)


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((1.0, 1000.0), ["1", "10", "100", "1,000"]),
        ((1.0, 100.0), ["1", "2", "5", "10", "20", "50", "100"]),
        ((0.9, 30.0), ["1", "2", "5", "10", "20"]),
        ((0.99, 5.5), ["1", "2", "5"]),
        ((0.99, 4.5), ["1", "1.5", "2", "3", "4"]),
    ],
)
def test_the_numbers_of_a_log_scale_are_powers_of_ten_or_simple_multiples_of_them(ends, labels):
    scale = Scale(*np.log10(ends), log=True)
    assert [tick.label for tick in scale.ticks()] == labels
    assert [tick.place for tick in scale.ticks()] == [scale.percent(float(text.replace(",", ""))) for text in labels]


def test_a_scale_has_a_little_room():
    def scale_of(*values, **options):
        return value_scale([None, Extent.of([(np.array(values), False)])], log_beyond=10, **options)

    assert (scale_of(1.0, 3.0).low, scale_of(1.0, 3.0).high) == pytest.approx((0.95, 3.05))
    assert scale_of(2.0, from_zero=True).ends == (0.0, pytest.approx(2.1))
    assert scale_of(0.0, from_zero=True).ends == (0.0, 1.0)
    assert scale_of(-4.0).ends == pytest.approx((-4.2, -3.8))
    wide = scale_of(1.0, 100.0)
    assert (wide.low, wide.high) == pytest.approx((-0.06, 2.06))


def test_a_value_below_the_view_leaves_it_too():
    assert [Scale(0, 1).leaves(Extent(ends, None)) for ends in ((0, 1), (-0.1, 1), (0, 1.1))] == [False, True, True]


def test_a_schedule_is_in_trouble_if_most_of_its_runs_are_stuck():
    good, bad = losing("a", 2.3, 0.1), losing("a", 2.3, 2.3, seed=1)
    assert [in_trouble(runs) for runs in ([good, bad], [good, bad, bad], [bad], [])] == [False, True, True, False]


def test_of_a_run_that_diverged_the_first_loss_counts():
    (extent,) = metric_extents([[losing("a", 5.0, 1e9, status="diverged")]], loss_trace)
    assert extent == Extent((5.0, 5.0), None)
    assert metric_extents([[losing("a")]], loss_trace) == [None]


def test_the_scale_of_a_loss_is_logarithmic_sooner_than_that_of_another_metric():
    extents = [Extent((0.1, 2.0), (0.1, 2.0))]
    assert [metric_scale(extents, name).log for name in ("train_loss", "test_loss", "perplexity")] == [
        True,
        True,
        False,
    ]
    wide = [Extent((0.001, 2.0), (0.001, 2.0))]
    assert metric_scale(wide, "perplexity").log
    assert [rate_scale(wide, ends).log for ends in ([], [0.1], [0.1, 0.0])] == [True, True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (1e-5, "1e-5"), (-2e-12, "-2e-12"), (1e15, "1e15"), (0, "0"), (123456.7, "123,457")],
)
def test_numbers_are_written_shortly(value, text):
    assert number(value) == text


def test_a_stuck_run_changes_neither_the_kind_of_a_scale_nor_its_foot():
    def scale_of(stuck, **options):
        values = [(np.array([1.0, 100.0]), False), (np.array([stuck, 100.0]), True)]
        return value_scale([Extent.of(values)], **options)

    assert scale_of(0.0, log_beyond=10).log
    below = scale_of(-50.0, log_beyond=1000, from_zero=True)
    assert below.ends == (pytest.approx(-50 - 0.05 * 150 / 2), pytest.approx(100 + 0.05 * 150 / 2))
    assert scale_of(-1e6, log_beyond=1000, from_zero=True).ends == (0, pytest.approx(105))
