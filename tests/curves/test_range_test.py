import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import Constant, Exponential, Geometric, Linear, Triangle
from stepsize.curves import RangeRun, RangeTest
from stepsize.curves.range_test import two_sided_average
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
def test_it_goes_through_json_and_back(test):
    assert RangeTest.of_dict(json.loads(json.dumps(test.as_dict(), allow_nan=False))) == test
    assert hash(RangeTest.of_dict(test.as_dict())) == hash(test)


@given(seen())
def test_the_arrays_go_as_far_as_all_runs_did(test):
    updates = min(len(run.losses) for run in test.runs)
    assert test.rates.shape == test.losses.shape == test.band[0].shape == test.band[1].shape == (updates,)
    assert len(test.smoothed) <= updates
    # A mean may differ by rounding from what it is the mean of.
    slack = 1e-9 * (1.0 + np.abs(test.losses))
    assert (test.band[0] <= test.losses + slack).all()
    assert (test.losses <= test.band[1] + slack).all()
    assert np.isfinite(test.smoothed).all()


@given(st.floats(-1e3, 1e3), st.integers(1, 60), st.floats(0, 0.999))
def test_smoothing_is_bias_corrected_a_constant_stays_what_it_is(level, length, beta):
    test = RangeTest(Geometric(1e-6, 10.0, 99), [RangeRun([level] * length, "end")], smoothing=beta)
    assert test.smoothed == pytest.approx([level] * length, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0, 0.999))
def test_the_two_sided_average_is_the_weighted_mean_it_is_said_to_be(values, beta):
    values = np.array(values)
    places = np.arange(len(values))
    weights = np.float64(beta) ** np.abs(places[:, None] - places)
    expected = weights @ values / weights.sum(axis=1)
    assert two_sided_average(values, beta) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_smoothed_curve_does_not_lag_behind():
    """A smooth step is as steep at the same place after smoothing; the usual average would put it ten updates later."""
    x = np.arange(100.0)
    losses = 1.0 / (1.0 + np.exp((x - 50.0) / 2.0))
    smooth = RangeTest(Geometric(1e-6, 10.0, 99), [RangeRun(losses, "end")]).smoothed
    assert abs(int(np.diff(smooth).argmin()) - 49.5) <= 0.5


def test_divergence_is_not_seen_before_it_happens():
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
        (lambda: RangeTest(SWEEP, []), "one RangeRun or several"),
        (lambda: RangeTest(SWEEP, RUN), "one RangeRun or several"),
        (lambda: RangeTest("Geometric(1, 2, 3)", [RUN]), "must be a schedule"),
        (lambda: RangeTest(SWEEP, [RangeRun([1.0] * 6, "end")]), "as long as its runs, and end, .*6 losses"),
        (lambda: RangeTest(Exponential(1.0, 2.0), [RUN]), "as long as its runs, and end"),
        (lambda: RangeTest(Linear(0.0, 1.0, 4), [RUN]), "rising, from above 0"),
        (lambda: RangeTest(Linear(1.0, 0.1, 4), [RUN]), "rising, from above 0"),
        (lambda: RangeTest(Triangle(0.1, 1.0, 50, 49).head(98), [RUN]), "rising, from above 0"),
        (lambda: RangeTest(SWEEP, [RUN], groups=[0.1]), r"groups\[0\]=...\) must be a schedule"),
        (lambda: RangeTest(SWEEP, [RUN], smoothing=1.0), "<= 0.999"),
        (lambda: RangeTest(SWEEP, [RUN]).group_rates(2.0), "from 0.0001 to 1, got 2.0"),
    ],
)
def test_what_cannot_be_is_refused_in_words(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def changed(**entries):
    form = RangeTest(SWEEP, [RUN]).as_dict()
    return {name: value for name, value in {**form, **entries}.items() if value is not ...}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (changed(version=1), "version 2 was expected"),
        (changed(runs=...), 'lacks "runs"'),
        (changed(rnus=[]), 'did you mean "runs"'),
        (changed(runs=[{"losses": [1.0]}]), 'a run of a range test lacks "stopped"'),
        (changed(runs=3), '"runs" of a range test must be a list'),
        (changed(schedule="Geometri(1, 2, 3)"), 'did you mean "Geometric"'),
        (changed(schedule=3), "no range test"),
        (changed(groups=["Constant(0.1)", 'Function("os:getcwd")']), "no range test"),
    ],
)
def test_json_that_is_no_range_test_is_refused_in_words(form, words):
    with pytest.raises(FormatError, match=words):
        RangeTest.of_dict(form)


def test_group_rates_between_two_updates_are_between_theirs():
    test = RangeTest(SWEEP, [RUN], groups=[SWEEP, Constant(0.5), Linear(0.2, 0.4, 4)])
    assert test.group_rates(0.01) == pytest.approx((0.01, 0.5, 0.3))
    assert test.group_rates(math.sqrt(1e-3)) == pytest.approx((math.sqrt(1e-3), 0.5, 0.325))


def test_the_rate_of_the_schedule_itself_is_the_one_asked_for_whatever_the_shape():
    sweep = Linear(1e-4, 10.0, 99)
    test = RangeTest(sweep, [RUN], groups=[sweep, 0.5 * sweep])
    for rate in (1e-4, 0.005, 0.05, 0.3333, 10.0):
        assert test.group_rates(rate) == pytest.approx((rate, rate / 2), rel=1e-9)


def test_what_is_no_dictionary_is_no_range_test():
    with pytest.raises(FormatError, match="is a dictionary, got 3"):
        RangeTest.of_dict(3)
