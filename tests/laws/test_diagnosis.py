"""What runs leave open is said, and what they cannot tell is refused."""

import numpy as np
import pytest
from runs import PEAK, PLANS, run, three

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, FitError
from stepsize.laws import MomentumLaw, fit

UNSEEN = ss.wsd(PEAK, 200, 4300, 1500, final_lr=0.1 * PEAK)


def test_a_single_run_is_refused_and_a_simpler_law_named():
    with pytest.raises(FitError, match=r"one run cannot determine .* fit law=MomentumLaw"):
        fit([three()[1]])
    simpler = fit([three()[1]], MomentumLaw)
    assert simpler.diagnosis[0].startswith("all runs have one schedule")
    assert simpler.left_out is None


def test_three_seeds_of_one_schedule_are_one_run():
    seeds = [run("cosine", PLANS["cosine"], noise=1e-3, seed=seed) for seed in range(3)]
    with pytest.raises(FitError, match="3 runs of one schedule"):
        fit(seeds)


def test_one_decay_beside_a_constant_rate_is_fitted_and_remarked_on():
    assert any("one schedule alone has a decay" in words for words in fit(three()[:2]).diagnosis)


def test_what_the_runs_do_not_tell_is_said():
    short = [run(name, plan, steps=900, noise=2e-3) for name, plan in PLANS.items() if name != "drop"]
    dropped = run("drop", ss.warmup(ss.Piecewise((PEAK, 0.3 * PEAK), (500,)), 200).head(900), steps=900, noise=2e-3)
    assert any("say little of" in words for words in fit([short[0], dropped]).diagnosis)


def test_a_run_of_another_setting_is_named():
    odd = run("odd", ss.wsd(PEAK, 200, 3000, 2800), scale=1.1)
    assert any('run "odd" lies' in words for words in fit([*three(), odd]).diagnosis)


FLAT, COSINE, DROP = three()
REFUSED = [
    ([], "at least one run"),
    ([FLAT], "in none of the runs does the rate come down"),
    ([FLAT, run("longer", ss.warmup(ss.Constant(PEAK), 200), steps=7000)], "in none of the runs"),
    (
        [FLAT, LossCurve("unit", COSINE.steps, COSINE.losses, 1e3 * COSINE.rates)],
        'of run "unit" is 0.3, .* in one unit?',
    ),
    ([each.thinned(5) for each in (FLAT, COSINE)], "10 rows are too few"),
    ([LossCurve("zero", [0, 1], [3.0, 2.9], [0.0, PEAK]), COSINE], "before any rate was positive"),
    ([LossCurve("zero", [1], [2.9], [0.0, 0.0])], "zero throughout"),
]


@pytest.mark.parametrize(("runs", "words"), REFUSED, ids=range(len(REFUSED)))
def test_runs_that_do_not_determine_a_law_are_refused(runs, words):
    with pytest.raises((FitError, ArgumentError), match=words):
        fit(runs)


def test_runs_that_do_not_obey_the_law_are_refused():
    rng = np.random.default_rng(0)
    wild = [LossCurve(each.name, each.steps, rng.uniform(0.5, 5.0, each.steps.size), each.rates) for each in three()]
    with pytest.raises(FitError, match=r"lie \d\d% around the best law"):
        fit(wild)


def test_wrong_arguments_are_refused_in_words():
    with pytest.raises(ArgumentError, match=r"runs\[0\].* a LossCurve.*read_curves"):
        fit(["run.csv"])
    with pytest.raises(ArgumentError, match=r"write \[run\]"):
        fit(FLAT)
    with pytest.raises(ArgumentError, match="MultiPowerLaw or MomentumLaw"):
        fit(three(), dict)


def test_a_forecast_far_from_the_runs_is_refused_or_comes_with_cautions():
    found = fit(three())
    assert found.predict(UNSEEN).cautions == ()
    with pytest.raises(FitError, match="another unit"):
        found.predict(1000 * UNSEEN)
    assert "no guide to another" in found.predict(2 * UNSEEN).cautions[0]
    assert "2 times as long as the longest run" in found.predict(UNSEEN, 60_000).cautions[0]
    assert "sooner than the runs, which took" in found.predict(ss.Linear(PEAK, 0.1 * PEAK, 6000)).cautions[0]
    assert "the rate goes below 3e-05" in found.predict(ss.warmup_cosine(PEAK, 200, 6000)).cautions[0]


def test_before_any_rate_was_positive_no_loss_is_foreseen():
    plan = ss.wsd(PEAK, 200, 100, 100)
    foreseen = fit(three()).predict(plan)
    assert foreseen.steps[0] == 1
    assert np.isfinite(foreseen.losses).all()
    assert (foreseen.low < foreseen.losses).all()
    asked = fit(three()).predict(plan, at=[300, 0])
    assert asked.losses[1] == asked.low[1] == asked.high[1] == np.inf
    assert asked.low[0] < asked.losses[0] < asked.high[0]


def test_runs_of_other_peaks_are_named_and_a_forecast_is_measured_by_the_nearest():
    flat, cosine, drop = three()
    other = run("other", ss.warmup(ss.Constant(2 * PEAK), 200))
    found = fit([flat, cosine, drop, other])
    assert any("go from 0.0003 to 0.0006" in words for words in found.diagnosis)
    assert "no guide to another" in found.cautions(1.4 * UNSEEN)[0]  # between the two, near to neither
    assert found.cautions(UNSEEN) == ()


def test_rows_are_counted_after_they_are_thinned():
    with pytest.raises(FitError, match="3 rows are too few"):
        fit(three(), rows=1)


def test_rates_in_another_unit_are_named():
    flat, *others = three()
    odd = LossCurve("odd", flat.steps, flat.losses, 20.0 * flat.rates)
    with pytest.raises(FitError, match=r'run "odd" is 0[.]006, that of "cosine"'):
        fit([odd, *others])
