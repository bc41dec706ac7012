"""Schedules ranked by their predicted losses."""

from dataclasses import replace

import numpy as np
import pytest
from runs import PEAK, PLANS, TRUTH, three

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.laws import MultiPowerLaw, fit, rank_forecasts

SCHEDULES = {
    "flat": PLANS["flat"],
    "late": ss.wsd(PEAK, 200, 4800, 1000),
    "same": ss.wsd(PEAK, 200, 4790, 1010),
}


@pytest.fixture(scope="module")
def found():
    return fit(three(noise=1e-3), MultiPowerLaw)


def test_the_order_and_the_differences_are_those_of_the_forecasts(found):
    ranked = rank_forecasts(found, SCHEDULES, 6000)
    losses = {name: found.predict(plan, 6000).final_loss for name, plan in SCHEDULES.items()}
    assert [each.name for each in ranked] == sorted(losses, key=losses.__getitem__)
    assert (ranked[0].excess, ranked[0].margin, ranked[0].distinct) == (0.0, 0.0, False)
    for each in ranked[1:]:
        assert each.excess == pytest.approx(losses[each.name] - losses[ranked[0].name])
        assert each.margin > 0


def test_a_decay_is_told_from_none_and_not_from_its_like(found):
    distinct = {each.name: each.distinct for each in rank_forecasts(found, SCHEDULES, 6000)}
    assert distinct["flat"]
    assert not distinct["late"]
    assert not distinct["same"]


def test_the_band_of_a_difference_holds_the_truth_and_widens_with_its_level(found):
    def flat(level):
        (each,) = (each for each in rank_forecasts(found, SCHEDULES, 6000, level=level) if each.name == "flat")
        return each

    true = TRUTH.final(SCHEDULES["flat"], 6000).loss - TRUTH.final(SCHEDULES["late"]).loss
    assert flat(0.9).excess == pytest.approx(true, abs=flat(0.9).margin)
    assert flat(0.9).margin > 2 * flat(0.5).margin
    assert flat(0.5).forecast.level == 0.5


def test_a_difference_is_less_certain_if_one_schedule_is_longer_than_the_runs_or_has_another_peak(found):
    def margin(other):
        return rank_forecasts(found, {"late": SCHEDULES["late"], "other": other})[1].margin

    longer = [margin(ss.wsd(PEAK, 200, stable, 1000)) for stable in (4800, 10_800, 22_800)]
    assert longer[0] < longer[1] < longer[2]
    assert longer[2] > 1.64 * 2 * 0.004 * TRUTH.L0  # two doublings
    assert margin(ss.wsd(2 * PEAK, 200, 4800, 1000)) > 1.64 * 0.018 * TRUTH.L0


def test_a_length_within_that_of_the_runs_makes_no_difference_less_certain(found):
    """What is left if the parameters are certain is the error of the law."""
    certain = replace(found, covariance=np.zeros_like(found.covariance))

    def error(steps):
        best, other = rank_forecasts(certain, {"late": SCHEDULES["late"], "other": ss.wsd(PEAK, 200, steps - 700, 500)})
        return other.margin / best.forecast.final_loss

    assert error(2000) == pytest.approx(error(6000), rel=1e-3)
    assert error(12_000) > 1.3 * error(6000)


@pytest.mark.parametrize("schedules", [PLANS["flat"], [], ["Constant(1)"]])
def test_only_schedules_are_ranked(found, schedules):
    with pytest.raises(ArgumentError, match=r"rank_forecasts.*schedule"):
        rank_forecasts(found, schedules)


def test_a_schedule_whose_rates_are_all_zero_is_not_ranked(found):
    with pytest.raises(ArgumentError, match=r"must be positive at some step, got Constant\(0\.0, 100\)"):
        rank_forecasts(found, {"flat": PLANS["flat"].head(100), "zero": ss.Constant(0.0, 100)})
