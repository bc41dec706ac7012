"""Range tests as values: their arrays, smoothing, JSON and refusals."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import Constant, Exponential, Geometric, Linear, Triangle
from stepsize.curves.range_test import RangeRun, RangeTest, two_sided_average
from stepsize.errors import ArgumentError, FormatError

LOSSES = st.lists(st.floats(-1e6, 1e6), max_size=30)


@st.composite
def seen(draw):
    runs = []
    for _ in range(draw(st.integers(1, 3))):
        losses = draw(LOSSES)
        held_out = draw(st.sampled_from([(), tuple(2 * loss for loss in losses)]))
        stopped, seed = draw(st.sampled_from(["end", "diverged", "not finite"])), draw(st.none() | st.integers(0, 99))
        runs.append(RangeRun(losses, stopped, seed, held_out))
    sweep = draw(st.sampled_from([Geometric(1e-6, 10.0, 40), Linear(0.1, 0.2, 30)]))
    return RangeTest(sweep, runs, draw(st.sampled_from([(), (sweep, 0.25 * sweep)])), draw(st.floats(0, 0.999)))


@given(seen())
def test_a_range_test_survives_json(test):
    assert RangeTest.of_dict(json.loads(json.dumps(test.as_dict(), allow_nan=False))) == test
    assert hash(RangeTest.of_dict(test.as_dict())) == hash(test)


@given(seen())
def test_the_arrays_end_with_the_shortest_run(test):
    updates = min(len(run.losses) for run in test.runs)
    assert test.rates.shape == test.losses.shape == test.band[0].shape == test.band[1].shape == (updates,)
    assert len(test.smoothed) <= updates
    # The mean of equal losses may differ from them by rounding.
    slack = 1e-9 * (1.0 + np.abs(test.losses))
    assert (test.band[0] <= test.losses + slack).all()
    assert (test.losses <= test.band[1] + slack).all()
    assert np.isfinite(test.smoothed).all()


@given(st.floats(-1e3, 1e3), st.integers(1, 60), st.floats(0, 0.999))
def test_smoothing_keeps_a_constant(level, length, beta):
    test = RangeTest(Geometric(1e-6, 10.0, 99), [RangeRun([level] * length, "end")], smoothing=beta)
    assert test.smoothed == pytest.approx([level] * length, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0, 0.999))
def test_the_two_sided_average_is_the_weighted_mean(values, beta):
    values = np.array(values)
    places = np.arange(len(values))
    weights = np.float64(beta) ** np.abs(places[:, None] - places)
    expected = weights @ values / weights.sum(axis=1)
    assert two_sided_average(values, beta) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_two_losses_are_not_smoothed():
    assert RangeTest(SWEEP, [RUN]).smoothed.tolist() == [1.0, 0.5]


def test_a_loss_that_falls_is_kept_by_the_median_at_both_ends_too():
    losses = [3.0, 2.5, 2.0, 1.5, 1.0]
    assert RangeTest(SWEEP, [RangeRun(losses, "end")], smoothing=0.0).smoothed.tolist() == losses


def test_a_test_judges_by_the_mean_of_its_runs_and_by_validation_losses_if_there_are_any():
    runs = [RangeRun([9.0, 9.0, 9.0], "end", None, [4.0, 2.0, 5.0]), RangeRun([2.0, 3.0], "diverged")]
    test = RangeTest(SWEEP, runs)
    assert [run.curve for run in test.runs] == [(4.0, 2.0, 5.0), (2.0, 3.0)]
    assert test.losses.tolist() == [3.0, 2.5]
    assert [each.tolist() for each in test.band] == [[2.0, 2.0], [4.0, 3.0]]
    np.testing.assert_allclose(test.rates, [1e-4, 1e-3])


def test_of_several_runs_the_shortest_says_why_the_test_stopped():
    assert RangeTest(SWEEP, [RangeRun([1.0] * 5, "end"), RUN]).stopped == "diverged"


def test_the_smoothed_curve_has_no_lag():
    """A smooth step is steepest at the same place after smoothing; the usual average shifts it by ten updates."""
    x = np.arange(100.0)
    losses = 1.0 / (1.0 + np.exp((x - 50.0) / 2.0))
    smooth = RangeTest(Geometric(1e-6, 10.0, 99), [RangeRun(losses, "end")]).smoothed
    assert abs(int(np.diff(smooth).argmin()) - 49.5) <= 0.5


def test_divergence_does_not_change_earlier_smoothed_losses():
    losses = np.linspace(2.0, 1.0, 50)
    exploded = np.concatenate([losses, [10.0, 1e3, 1e9]])
    sweep = Geometric(1e-6, 10.0, 99)
    calm = RangeTest(sweep, [RangeRun(losses, "end")]).smoothed
    assert np.array_equal(RangeTest(sweep, [RangeRun(exploded, "diverged")]).smoothed, calm)
    leap = losses.copy()
    leap[30] = 1e9
    assert np.abs(RangeTest(sweep, [RangeRun(leap, "end")]).smoothed - calm).max() < 0.05


SWEEP = Geometric(1e-4, 1.0, 4)
RUN = RangeRun([1.0, 0.5], "diverged")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RangeRun([1.0, math.nan], "end"), r"losses\[1\]=...\) must be a finite number, got nan"),
        (lambda: RangeRun(1.0, "end"), "a sequence"),
        (lambda: RangeRun([1.0], "ended"), 'did you mean "end"'),
        (lambda: RangeRun([1.0], "end", -1), "at least 0"),
        (lambda: RangeRun([1.0], "end", None, [1.0, 2.0]), "one for each loss, .*there are 1 losses"),
        (lambda: RangeTest(SWEEP, []), "a sequence of at least one item"),
        (lambda: RangeTest(SWEEP, RUN), "must be a sequence"),
        (lambda: RangeTest("Geometric(1, 2, 3)", [RUN]), "must be a schedule"),
        (lambda: RangeTest(SWEEP, [RangeRun([1.0] * 6, "end")]), "finite and as long as its runs, .*6 losses"),
        (lambda: RangeTest(SWEEP, [RUN, RangeRun([1.0] * 6, "end")]), "finite and as long as its runs, .*6 losses"),
        (lambda: RangeTest(Exponential(1.0, 2.0), [RUN]), "finite and as long as its runs"),
        (lambda: RangeTest(Linear(0.0, 1.0, 4), [RUN]), "rising, from above 0"),
        (lambda: RangeTest(Linear(1.0, 0.1, 4), [RUN]), "rising, from above 0"),
        (lambda: RangeTest(Triangle(0.1, 1.0, 50, 49).head(98), [RUN]), "rising, from above 0"),
        (lambda: RangeTest(SWEEP, [RUN], groups=[0.1]), r"groups\[0\]=...\) must be a schedule"),
        (lambda: RangeTest(SWEEP, [RUN], smoothing=1.0), "<= 0.999"),
        (lambda: RangeTest(SWEEP, [RUN]).group_rates(2.0), "from 0.0001 to 1, got 2.0"),
    ],
)
def test_bad_arguments_are_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def changed(**entries):
    form = RangeTest(SWEEP, [RUN]).as_dict()
    return {name: value for name, value in {**form, **entries}.items() if value is not ...}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (changed(version=1), "must have version 2"),
        *[(changed(**{each: ...}), f'a range test lacks "{each}"') for each in vars(RangeTest(SWEEP, [RUN]))],
        *[
            (changed(runs=[{name: 1 for name in vars(RUN) if name != each}]), f'a run of a range test lacks "{each}"')
            for each in vars(RUN)
        ],
        (changed(rnus=[]), 'did you mean "runs"'),
        (changed(smothing=0.5), 'did you mean "smoothing"'),
        (changed(runs=3), r"RangeTest\(runs=\.\.\.\) must be a list of dictionaries, got 3"),
        (changed(runs=[3]), r"RangeTest\(runs=\.\.\.\) must be a list of dictionaries, got \[3\]"),
        (changed(schedule="Geometri(1, 2, 3)"), 'did you mean "Geometric"'),
        (changed(schedule=3), "not a range test"),
        (3, "must be a dictionary, got 3"),
        (changed(groups=["Constant(0.1)", 'Function("os:getcwd")']), "not a range test"),
    ],
)
def test_bad_json_is_refused(form, words):
    with pytest.raises(FormatError, match=words):
        RangeTest.of_dict(form)


def test_group_rates_are_interpolated_between_updates():
    test = RangeTest(SWEEP, [RUN], groups=[SWEEP, Constant(0.5), Linear(0.2, 0.4, 4)])
    assert test.group_rates(0.01) == pytest.approx((0.01, 0.5, 0.3))
    assert test.group_rates(math.sqrt(1e-3)) == pytest.approx((math.sqrt(1e-3), 0.5, 0.325))


def test_group_rates_return_the_given_rate_for_the_schedule_itself():
    sweep = Linear(1e-4, 10.0, 99)
    test = RangeTest(sweep, [RUN], groups=[sweep, 0.5 * sweep])
    for rate in (1e-4, 0.005, 0.05, 0.3333, 10.0):
        assert test.group_rates(rate) == pytest.approx((rate, rate / 2), rel=1e-9)


def test_a_range_test_has_at_most_a_million_steps():
    assert len(RangeTest(Linear(0.1, 0.2, 1_000_000), [RangeRun([1.0, 0.9], "end")]).rates) == 2
    with pytest.raises(ArgumentError, match="must be at most 1000000 steps long"):
        RangeTest(Linear(0.1, 0.2, 1_000_001), [RangeRun([1.0, 0.9], "end")])
