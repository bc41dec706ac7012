"""Remarks on what runs do not determine, cautions of predictions, and refused runs."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from runs import FUNCTIONAL_TRUTH, MOMENTUM_TRUTH, PEAK, PLANS, TRUTH, fitted, run, three

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, FitError, Words
from stepsize.laws import FunctionalLaw, MomentumLaw, MultiPowerLaw, fit
from stepsize.laws.diagnosis import Remark, check_runs, check_scatter, groups_by_schedule, has_decay, remarks
from stepsize.laws.estimate import Estimate, Solution
from stepsize.laws.forecast import check_peak
from stepsize.laws.parametrization import PARAMETRIZATIONS

UNSEEN = ss.wsd(PEAK, 200, 4300, 1500, final_lr=0.1 * PEAK)


class Options(Words):
    def setting(self, owner, name, value):
        return f"--{name}"


def test_a_single_run_is_refused_with_a_simpler_law():
    with pytest.raises(FitError, match=r"one run cannot determine .* or use law=MomentumLaw, which") as caught:
        fit([three()[1]])
    assert "or use --law, which" in caught.value.message(Options())
    simpler = fit([three()[1]], MomentumLaw)
    assert simpler.diagnosis[0].startswith("all runs have one schedule")
    assert simpler.left_out is None
    assert simpler.runs == (simpler.runs[0],)
    assert simpler.runs[0].steps.size == three()[1].steps.size  # whole, although its beginning did not count


def test_several_seeds_of_one_schedule_count_as_one_run():
    seeds = [run("cosine", PLANS["cosine"], noise=1e-3, seed=seed) for seed in range(3)]
    with pytest.raises(FitError, match="3 runs of one schedule"):
        fit(seeds)
    with pytest.raises(FitError, match="2 runs of one schedule"):
        fit(seeds[:2])
    flat_and_seeds = [each.thinned(30) for each in (three()[0], *seeds[:2])]
    assert any("only one schedule has a decay" in remark for remark in fit(flat_and_seeds, MultiPowerLaw).diagnosis)


def test_one_decay_and_a_constant_rate_are_fitted_with_a_remark():
    assert any("only one schedule has a decay" in remark for remark in fit(three()[:2]).diagnosis)


def test_undetermined_parameters_are_reported():
    short = [run(name, plan, steps=900, noise=2e-3) for name, plan in PLANS.items() if name != "drop"]
    dropped = run("drop", ss.warmup(ss.Piecewise((PEAK, 0.3 * PEAK), (500,)), 200).head(900), steps=900, noise=2e-3)
    (remark,) = (each for each in fit([short[0], dropped]).diagnosis if "say little about" in each)
    assert remark == (
        "the runs say little about C, rho, p, kappa, D and N0: the expected values remain; add a run whose rate drops "
        "at once, a run with a lower rate and a run with a higher rate"
    )
    (remark,) = (each for each in fit([short[0], dropped], MultiPowerLaw).diagnosis if "say little about" in each)
    assert remark.endswith("C, beta and gamma: the expected values remain; add a run whose rate drops at once")


def test_a_run_of_another_setting_is_reported():
    odd = run("odd", ss.wsd(PEAK, 200, 3000, 2800), scale=1.1)
    found = fit([each.thinned(50) for each in (*three(), odd)])
    (remark,) = (remark for remark in found.diagnosis if 'run "odd" lies' in remark)
    assert "% above the law: does it have the setting of the others?" in remark


def test_noise_is_reported_with_a_remedy():
    assert any(
        "around the law" in remark for remark in fit([run("a", PLANS["cosine"], noise=0.03)], MomentumLaw).diagnosis
    )
    found = fit([run("cosine", PLANS["cosine"], noise=0.05)], MomentumLaw)
    (noisy,) = [remark for remark in found.diagnosis if "around the law" in remark]
    assert noisy.endswith("LossCurve.smoothed(...) reduces noise")
    assert noisy.message(Options()).endswith("--smoothed reduces noise")


def test_a_remark_is_a_string_that_can_be_pickled():
    remark = Remark("noisy", "use {smoothed}", smoothed=LossCurve.smoothed)
    again = pickle.loads(pickle.dumps(remark))
    assert again == remark == "noisy; use LossCurve.smoothed(...)"
    assert again.message(Options()) == "noisy; use --smoothed"


FLAT, COSINE, DROP = three()
REFUSED = [
    ([], "at least one item"),
    ([FLAT], "the rate does not decay in any of the runs"),
    ([FLAT, run("longer", ss.warmup(ss.Constant(PEAK), 200), steps=7000)], "does not decay in any"),
    (
        [FLAT, LossCurve("unit", COSINE.steps, COSINE.losses, 1e3 * COSINE.rates)],
        'of run "unit" is 0.3, that of run "flat" is 0.0003; are both in one unit?',
    ),
    ([each.thinned(5) for each in (FLAT, COSINE)], "10 rows are too few"),
    ([LossCurve("zero", [1], [2.9], [0.0, 0.0])], "zero throughout"),
    (["run.csv"], r"runs\[0\].* a LossCurve.*read_curves"),
    (FLAT, "a sequence, got <LossCurve"),
]


@pytest.mark.parametrize(("runs", "words"), REFUSED, ids=range(len(REFUSED)))
def test_runs_that_do_not_determine_a_law_are_refused(runs, words):
    with pytest.raises((FitError, ArgumentError), match=words):
        fit(runs)


def test_the_least_number_of_rows_is_enough():
    fit([COSINE.thinned(12)], MomentumLaw)
    with pytest.raises(FitError, match=r"11 rows are too few.*12 rows are the least"):
        fit([COSINE.thinned(11)], MomentumLaw)


def test_runs_that_do_not_obey_the_law_are_refused():
    rng = np.random.default_rng(0)
    few = [each.thinned(30) for each in three()[:2]]
    wild = [LossCurve(each.name, each.steps, rng.uniform(0.5, 5.0, each.steps.size), each.rates) for each in few]
    with pytest.raises(FitError, match=r"lie \d\d% around the best law"):
        fit(wild)


def test_another_law_is_refused():
    with pytest.raises(ArgumentError, match="FunctionalLaw, MultiPowerLaw or MomentumLaw, got dict"):
        fit(three(), dict)


def test_a_schedule_of_more_steps_than_a_run_makes_is_refused():
    with pytest.raises(ArgumentError, match="of at most 20,000,000 steps, got 205009700"):
        fitted().predict(ss.wsd(PEAK, 200, 205_000_500, 9000))
    with pytest.raises(ArgumentError, match="steps"):
        fitted().predict(ss.Constant(PEAK), 205_000_000)


def test_a_prediction_far_from_the_runs_has_cautions_or_is_refused():
    found = fitted()
    assert found.predict(UNSEEN).cautions == ()
    with pytest.raises(FitError, match="the same unit"):
        found.predict(1000 * UNSEEN)
    assert found.predict(2 * UNSEEN).cautions[0] == (
        "the highest rate is 0.0006, but that of the runs is 0.0003: the law only compares schedules of one peak"
    )
    assert "another peak is uncertain" in fit(three(), FunctionalLaw).cautions(2 * UNSEEN)[0]
    assert "2 times as long as the longest run" in found.predict(UNSEEN, 60_000).cautions[0]
    assert "sooner than the runs, which took" in found.predict(ss.Linear(PEAK, 0.1 * PEAK, 6000)).cautions[0]
    assert "the rate goes below 3e-05" in found.predict(ss.warmup_cosine(PEAK, 200, 6000)).cautions[0]


def test_a_caution_begins_beyond_its_limit():
    found = fitted()
    longest = max(int(run.steps[-1]) + 1 for run in found.runs)
    lowest = min(float(run.rates[np.argmax(run.rates) : run.steps[-1] + 1].min()) for run in found.runs)
    assert found.cautions(UNSEEN, 2 * longest) == ()
    assert found.cautions(UNSEEN, 2 * longest + 1) == (
        f"it is more than 2 times as long as the longest run, {longest:,} steps",
    )
    for share, cautions in ((0.301, 0), (0.299, 1)):
        assert len(found.cautions(ss.warmup(ss.Piecewise((PEAK, share * lowest), (700,)), 200), 1000)) == cautions
    for factor, cautions in ((1.19, 0), (1.21, 1)):
        assert len(found.cautions(factor * UNSEEN)) == cautions


def test_a_schedule_is_long_if_it_is_longer_than_the_longest_run():
    found = replace(fitted(), runs=(run("short", PLANS["flat"], steps=2000), *fitted().runs))
    assert found.predict(UNSEEN).cautions == ()
    assert found.predict(UNSEEN).final_band == fitted().predict(UNSEEN).final_band


def test_the_shortest_warmup_of_the_runs_is_short_enough_and_their_lowest_rate_may_be_none():
    slow = run("slow", ss.warmup_cosine(PEAK, 1000, 6000))
    found = replace(fitted(), runs=(slow, *fitted().runs))
    assert found.cautions(UNSEEN) == ()
    assert found.cautions(ss.warmup_cosine(PEAK, 200, 6000)) == ()


def test_predictions_start_with_the_first_positive_rate():
    plan = ss.wsd(PEAK, 200, 100, 100)
    predicted = fitted().predict(plan)
    assert predicted.steps[0] == 1
    assert np.isfinite(predicted.losses).all()
    assert (predicted.low < predicted.losses).all()
    asked = fitted().predict(plan, at=[300, 0])
    assert asked.losses[1] == asked.low[1] == asked.high[1] == np.inf
    assert asked.low[0] < asked.losses[0] < asked.high[0]
    with pytest.raises(ArgumentError, match=r"predict\(schedule_or_rates=...\) must be positive at some step"):
        fitted().predict([0.0, 0.0])


@pytest.mark.parametrize("truth", [TRUTH, FUNCTIONAL_TRUTH, MOMENTUM_TRUTH], ids=lambda law: type(law).__name__)
def test_before_the_first_positive_rate_the_band_is_as_infinite_as_the_loss(truth):
    asked = fitted(1e-3, truth).predict(ss.warmup_cosine(PEAK, 200, 6000), at=[0])
    assert [asked.losses.tolist(), asked.low.tolist(), asked.high.tolist()] == [[np.inf]] * 3


OTHER_PEAK = run("other", ss.warmup(ss.Constant(2 * PEAK), 200))


def test_only_the_functional_law_is_fitted_to_several_peaks():
    runs = [each.thinned(50) for each in (*three(), OTHER_PEAK)]
    with pytest.raises(FitError, match=r"range from 0.0003 to 0.0006.*separately, or use law=FunctionalLaw"):
        fit(runs, MultiPowerLaw)
    found = fit(runs, FunctionalLaw)
    assert found.cautions(UNSEEN) == found.cautions(2 * UNSEEN) == ()
    assert "the loss at another peak is uncertain" in found.cautions(1.4 * UNSEEN)[0]  # near to neither


def test_a_run_of_the_same_shape_at_another_peak_has_another_schedule():
    assert groups_by_schedule([*three(), OTHER_PEAK]) == [[0], [1], [2], [3]]


def test_it_is_said_if_no_schedule_can_be_left_out():
    words = "no schedule can be left out"
    assert any(words in remark for remark in fit(three()[:2]).diagnosis)
    assert not any(words in remark for remark in fit(three()).diagnosis)


def test_rows_are_counted_after_thinning():
    with pytest.raises(FitError, match="3 rows are too few"):
        fit(three(), rows=1)


def constant(peak, end=1.0):
    """Forty rows at this rate, which falls to a part of it at the end."""
    return LossCurve(f"{peak} {end}", np.arange(40), np.linspace(3.0, 2.0, 40), ss.Piecewise((peak, end * peak), (30,)))


def test_a_rate_decays_if_it_falls_by_a_tenth():
    assert has_decay(constant(1.0, 0.9))
    assert not has_decay(constant(1.0, 0.901))


@pytest.mark.parametrize(
    ("law", "near", "far", "words"),
    [(FunctionalLaw, 10.0, 10.01, "in one unit"), (MomentumLaw, 1.2, 1.201, "of one peak")],
)
def test_peak_rates_may_differ_by_a_factor(law, near, far, words):
    check_runs([constant(1.0, 0.5), constant(near, 0.2)], PARAMETRIZATIONS[law])
    with pytest.raises(FitError, match=words):
        check_runs([constant(1.0, 0.5), constant(far, 0.2)], PARAMETRIZATIONS[law])


def test_a_predicted_peak_may_differ_by_a_factor_of_ten():
    assert check_peak(10.0, [constant(1.0)]) == check_peak(1.0, [constant(10.0)]) == 10.0
    for peak, runs in ((10.01, [constant(1.0)]), (1.0, [constant(10.01)])):
        with pytest.raises(FitError, match="the same unit"):
            check_peak(peak, runs)


def test_runs_within_a_quarter_of_the_law_obey_it():
    check_scatter(0.25)
    with pytest.raises(FitError, match="26% around the best law"):
        check_scatter(0.255)


def test_runs_of_one_schedule_have_nearly_the_same_peak_and_rates():
    assert groups_by_schedule([constant(1.0, 0.5), constant(1.2, 0.5)]) == [[0, 1]]
    assert groups_by_schedule([constant(1.0, 0.5), constant(1.201, 0.5)]) == [[0], [1]]
    assert groups_by_schedule([constant(1.0, 0.5), constant(1.0, 0.509)]) == [[0, 1]]
    assert groups_by_schedule([constant(1.0, 0.5), constant(1.0, 0.511)]) == [[0], [1]]


def said(law, factors=((1.0,), (1.0,), (1.0,)), z=None, deviations=None, left_out=0.01):
    """The remarks on runs whose losses are those of a law times factors, in turn over the rows of each run."""
    runs = [each.thinned(24) for each in three()][: len(factors)]
    par = PARAMETRIZATIONS[law]([(each.rates, each.steps) for each in runs], PEAK)
    z = np.array([2.9, 0.5, par.starts[0][0], 0.3, *par.starts[0][1:]]) if z is None else z
    predicted = np.split(par.losses(par.law(z))[0], len(runs))
    runs = [
        LossCurve(each.name, each.steps, losses * np.resize(by, losses.size), each.rates)
        for each, losses, by in zip(runs, predicted, factors, strict=True)
    ]
    covariance = np.zeros((z.size, z.size)) if deviations is None else np.diag(np.square(deviations(par, z)))
    return [*remarks(runs, Estimate(runs, par, 1.0), Solution(z, 0.0, 1.0, True), covariance, left_out)]


LOWER, HIGHER, LONGER, DROPS = (
    f"add a {words}"
    for words in ("run with a lower rate", "run with a higher rate", "longer run", "run whose rate drops at once")
)
NARROWED_BY = {
    FunctionalLaw: {"alpha": LOWER, "C": DROPS, "rho": LOWER, "p": HIGHER, "kappa": LOWER, "D": HIGHER, "N0": LOWER},
    MultiPowerLaw: {"alpha": LONGER, "C": DROPS, "beta": DROPS, "gamma": DROPS},
    MomentumLaw: {"alpha": LONGER},
}


@pytest.mark.parametrize(("law", "name"), [(law, name) for law, names in NARROWED_BY.items() for name in names])
def test_a_parameter_that_keeps_its_expected_value_comes_with_the_run_that_narrows_it(law, name):
    """The runs say little if they leave more than 0.8 of the width of the prior."""

    def deviations(share):
        place = list(law.__dataclass_fields__).index(name)
        return lambda par, z: share * par.width[place] * np.abs(par.slope(z)[place]) * (np.arange(z.size) == place)

    assert said(law, deviations=deviations(0.79)) == []
    assert said(law, deviations=deviations(0.81)) == [
        f"the runs say little about {name}: the expected values remain; {NARROWED_BY[law][name]}"
    ]


def test_parameters_near_the_ends_of_their_ranges_are_named():
    """Within a hundredth of the range of each."""
    low, high = (np.array(end) for end in (PARAMETRIZATIONS[MomentumLaw].low, PARAMETRIZATIONS[MomentumLaw].high))
    span = high - low

    def at(alpha, decay):
        return said(MomentumLaw, z=np.array([2.9, 0.5, alpha, 0.3, decay]))

    assert at(low[2] + 0.009 * span[2], high[4] - 0.009 * span[4]) == [
        "alpha and decay are at the end of the range, so the law may not hold beyond these runs; add a longer run and "
        "a run whose rate drops at once"
    ]
    assert at(0.5, low[4] + 0.009 * span[4])[0].startswith("decay is at the end of the range, so")
    assert at(high[2] - 0.009 * span[2], 5.0)[0].startswith("alpha is at the end of the range, so")
    assert at(low[2] + 0.011 * span[2], high[4] - 0.011 * span[4]) == []
    assert at(high[2] - 0.011 * span[2], low[4] + 0.011 * span[4]) == []


def test_a_run_is_of_another_setting_if_its_median_lies_away_from_the_law():
    """By more than 1%, and by more than three times the scatter within the runs."""
    one = (1.0,)
    asks = "the law: does it have the setting of the others?"
    assert said(MomentumLaw, (one, one, (1.0102,))) == [f'run "drop" lies 1.0% above {asks}']
    assert said(MomentumLaw, (one, (0.985,), (1.0, 1.0, 1.3))) == [f'run "cosine" lies 1.5% below {asks}']
    assert said(MomentumLaw, (one, one, (1.0098,))) == []
    noisy = (0.995, 1.0, 1.005)
    assert said(MomentumLaw, (noisy, noisy, tuple(1.014 * each for each in noisy))) == []
    assert len(said(MomentumLaw, (noisy, noisy, tuple(1.017 * each for each in noisy)))) == 1
    assert not any("lies" in each for each in said(MomentumLaw, ((1.015,),)))


def test_runs_around_the_law_by_more_than_a_fiftieth_are_noisy():
    assert said(MomentumLaw, 3 * ((0.98, 1.021),)) == [
        "the runs lie 2.1% around the law: they are noisy, or do not obey it; LossCurve.smoothed(...) reduces noise"
    ]
    assert said(MomentumLaw, 3 * ((0.981, 1.0198),)) == []


def test_what_nothing_checks_is_said():
    assert said(MomentumLaw, left_out=None) == [
        "no schedule can be left out and predicted from the others, so nothing checks the law on these runs"
    ]


def test_two_schedules_with_decays_show_the_effect_of_the_shape():
    """And two seeds of one do not."""
    assert said(MomentumLaw) == []
    assert said(MomentumLaw, ((1.0,), (1.0,))) == [
        "only one schedule has a decay: the effect of its shape is only a guess of the law"
    ]


def test_what_is_planned_after_the_last_row_does_not_count():
    """A run in training may have the rates of its whole plan."""
    plan = ss.wsd(PEAK, 200, 3000, 1000)
    begun = run("begun", plan, steps=3000)
    begun = LossCurve("begun", begun.steps, begun.losses, plan.sample())
    assert not has_decay(begun)
    assert has_decay(run("all", plan, steps=4200))
    assert groups_by_schedule([begun, *three()]) == [[0, 1], [2], [3]]
    short = run("short", ss.warmup_cosine(PEAK, 200, 3000), steps=3000)
    assert groups_by_schedule([short, *three()]) == [[0], [1], [2], [3]]
    rising = run("rising", ss.warmup(ss.Constant(PEAK), 2000), steps=3000)
    assert not has_decay(rising)


def refusal(runs, law):
    with pytest.raises(FitError) as caught:
        check_runs(runs, PARAMETRIZATIONS[law])
    return str(caught.value)


def test_a_refusal_says_what_to_add():
    flat, cosine, _ = three()
    assert refusal([flat], MomentumLaw) == (
        "the rate does not decay in any of the runs, so they do not show what a decay gains; add a run whose rate "
        "falls at least 10% below its peak"
    )
    assert refusal([cosine, cosine], MultiPowerLaw) == (
        "2 runs of one schedule cannot determine this law, which needs different decays; add a run with another decay "
        "or a constant rate, or use law=MomentumLaw, which has fewer parameters"
    )
    assert refusal([cosine.thinned(9)], MomentumLaw) == (
        "9 rows are too few for the parameters of the law; log more often: 12 rows are the least, a hundred for each "
        "run are good"
    )
    lower = LossCurve("lower", cosine.steps, cosine.losses, 0.5 * cosine.rates)
    assert refusal([cosine, lower], MomentumLaw) == (
        "the peak rates of the runs range from 0.00015 to 0.0003, but this law only compares schedules of one peak; "
        "fit the runs of each peak separately, or use law=FunctionalLaw"
    )
    with pytest.raises(FitError) as caught:
        check_scatter(0.31)
    assert str(caught.value) == (
        "the runs lie 31% around the best law of this form, which is too far for a prediction; average the losses of "
        "single batches with LossCurve.smoothed(...); the laws are for losses that level off, not for losses that go "
        "to zero because all samples are memorized"
    )


@pytest.mark.parametrize("law", PARAMETRIZATIONS)
def test_each_law_has_a_least_number_of_rows(law):
    least = {FunctionalLaw: 24, MultiPowerLaw: 21, MomentumLaw: 12}[law]
    check_runs([each.thinned(least // 3) for each in three()], PARAMETRIZATIONS[law])
    flat, cosine, drop = three()
    assert f"{least} rows are the least" in refusal(
        [flat.thinned(least // 3), cosine.thinned(least // 3), drop.thinned(least // 3 - 1)], law
    )


def test_a_caution_names_the_peaks_in_order_and_once():
    runs = (*fitted().runs, OTHER_PEAK, run("lower", 0.5 * PLANS["flat"]))
    found = replace(fitted(law=FUNCTIONAL_TRUTH), runs=runs)
    peaks = "the highest rate is 0.0009, but that of the runs is 0.00015, 0.0003, 0.0006"
    assert found.cautions(3 * UNSEEN) == (f"{peaks}: the loss at another peak is uncertain",)
    with pytest.raises(FitError) as caught:
        check_peak(0.05, [*runs, LossCurve("none", [0, 1], [3.0, 3.0], [0.0, 0.0])])
    assert str(caught.value) == (
        "the highest rate is 0.05, but that of the runs is 0, 0.00015, 0.0003, 0.0006; check that both are in the same "
        "unit, or fit runs with a similar rate"
    )
    assert check_peak(0.0009, runs) == pytest.approx(1.5)


def test_a_caution_of_a_short_warmup_names_the_shortest_of_the_runs():
    """A warmup of half the steps is long enough, and so is a peak that is reached but for a hundredth."""
    runs = [run(str(steps), ss.warmup_cosine(PEAK, steps, 6000, final_lr=0.1 * PEAK)) for steps in (400, 1000, 2000)]
    found = replace(fitted(), runs=tuple(runs))
    words = "it reaches its highest rate sooner than the runs, which took at least 396 steps: "
    short = found.cautions(ss.warmup_cosine(PEAK, 198, 6000, final_lr=0.1 * PEAK))
    assert short == (words + "without their warmup the predicted loss is too low",)
    assert found.cautions(ss.warmup_cosine(PEAK, 200, 6000, final_lr=0.1 * PEAK)) == ()


def test_only_the_lowest_rate_after_the_peak_has_a_caution():
    """On the way up every schedule is low; at the end, one may be high again."""
    found = fitted()
    words = "the rate goes below 3e-05, the lowest rate of the runs"
    dip = ss.warmup(ss.Piecewise((PEAK, 1e-6, PEAK), (1000, 1100)), 200)
    assert found.cautions(dip, 3000) == (words,)
    assert found.cautions(ss.warmup(ss.Constant(PEAK), 300), 3000) == ()
    cosine = found.runs[1]
    trained = PLANS["cosine"].sample(int(cosine.steps[49]) + 1)
    reached = float(trained[-1])
    begun = LossCurve("begun", cosine.steps[:50], cosine.losses[:50], np.append(trained, 0.5 * reached))
    assert replace(found, runs=(begun,)).cautions(ss.warmup_cosine(PEAK, 200, 4000, final_lr=0.1 * PEAK)) == (
        f"the rate goes below {reached:.3g}, the lowest rate of the runs",
    )
    for lowest, cautions in ((0.009, 0), (0.011, 1)):
        low = run("low", ss.warmup_cosine(PEAK, 200, 6000, final_lr=lowest * PEAK), steps=6000, every=1)
        assert len(replace(found, runs=(low,)).cautions(ss.warmup_cosine(PEAK, 200, 6000))) == cautions


def test_a_forecast_has_at_most_a_thousand_points_from_the_first_rate_to_the_last_step():
    predicted = fitted().predict(UNSEEN)
    assert (predicted.steps.size, predicted.steps[0], predicted.steps[-1]) == (1000, 1, 5999)
    np.testing.assert_array_equal(predicted.rates, UNSEEN.sample()[predicted.steps])
    short = fitted().predict(ss.wsd(PEAK, 200, 100, 100))
    np.testing.assert_array_equal(short.steps, np.arange(1, 400))
    assert predicted.level == 0.9
