"""Planned cooldowns of a running run: starts, a target loss, a budget."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from runs import PEAK, PLANS, TRUTH, run, three

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, FitError
from stepsize.laws import MultiPowerLaw, fit, plan_cooldowns

DONE = 2961
FLAT = ss.Constant(PEAK)


def so_far(**more):
    return run("flat", PLANS["flat"], steps=3000, **more)


def true_loss(at, steps):
    return TRUTH.final(PLANS["flat"].head(200) >> FLAT.cooldown(at - 200, steps), at + steps).loss


@pytest.fixture(scope="module")
def found():
    return fit([*three(), so_far()], MultiPowerLaw)


def test_a_later_cooldown_ends_lower_and_as_the_truth(found):
    plans = plan_cooldowns(found, so_far(), steps=500)
    assert [each.at for each in plans.forecasts] == [DONE, 3710, 4450, 5930, 8890]
    assert plans.forecasts[0].label == "now"
    for each in plans.forecasts:
        assert each.final_loss == pytest.approx(true_loss(each.at, 500), rel=2e-3)
    losses = [each.final_loss for each in plans.forecasts]
    assert losses == sorted(losses, reverse=True)


def test_a_cooldown_takes_a_fifth_of_the_run_by_default(found):
    (plan,) = plan_cooldowns(found, so_far(), [4000]).forecasts
    assert (plan.label, plan.at, plan.steps) == ("", 4000, 1000)


def test_the_forecast_goes_from_the_present_to_the_end(found):
    forecast = plan_cooldowns(found, so_far(), [4000]).forecasts[0].forecast
    assert (forecast.steps[0], forecast.steps[-1]) == (DONE - 1, 4999)
    assert forecast.rates[0] == PEAK
    assert forecast.rates[-1] == pytest.approx(PEAK / 1000)
    higher = plan_cooldowns(found, so_far(), [4000], final_lr=0.1 * PEAK).forecasts[0].forecast
    assert higher.rates[-1] == pytest.approx(0.1 * PEAK, rel=0.01)


def test_rates_after_the_last_row_have_not_been_trained_at(found):
    curve = so_far()
    planned = replace(curve, rates=np.append(curve.rates[:DONE], np.zeros(500)))
    (plan,), (expected,) = (plan_cooldowns(found, each, [4000]).forecasts for each in (planned, curve))
    np.testing.assert_array_equal(plan.forecast.rates, expected.forecast.rates)
    assert plan.final_loss == expected.final_loss


def test_the_gains_are_those_of_a_later_and_of_a_longer_cooldown(found):
    plans = plan_cooldowns(found, so_far(), [4000, 4000 + 100], 800)
    here, later = plans.forecasts
    longer = plan_cooldowns(found, so_far(), [4000], 800 + 100).forecasts[0]
    assert plans.unit == 100
    assert here.waiting == pytest.approx(here.final_loss - later.final_loss, abs=1e-4)
    assert here.lengthening == pytest.approx(here.final_loss - longer.final_loss, abs=1e-4)
    gains = f"{here.lengthening:.4f} if it takes longer, and {here.waiting:.4f} if it begins later"
    assert f". 100 more steps gain {gains}; ask for a decision with total_steps=" in plans.recommendation


def test_the_best_cooldown_for_a_budget_is_better_than_any_other(found):
    plans = plan_cooldowns(found, so_far(), total_steps=6000)
    best = plans.recommended
    assert best in plans.forecasts
    starts = [each.at for each in plans.forecasts]
    assert starts == sorted(starts)
    assert best.at + best.steps == 6000
    for steps in (best.steps // 2, best.steps - 50, best.steps + 50, 2 * best.steps):
        assert true_loss(6000 - steps, steps) > true_loss(best.at, best.steps) - 1e-5
    assert best.waiting == pytest.approx(best.lengthening, rel=0.05)  # at the best split, a step gains the same in both
    assert f"Begin at step {best.at:,}, so that the cooldown takes" in plans.recommendation


def test_a_start_that_the_recommendation_allows_is_about_as_good(found):
    plans = plan_cooldowns(found, so_far(), total_steps=6000)
    words = plans.recommendation.replace(",", "").split()
    first, last = int(words[words.index("from") + 1]), int(words[words.index("from") + 3])
    assert first < plans.recommended.at < last
    for at in (first, last):
        other = plan_cooldowns(found, so_far(), [at], 6000 - at).forecasts[0]
        assert other.final_loss - plans.recommended.final_loss == pytest.approx(0.0015, abs=2e-4)


def test_too_small_a_budget_begins_now(found):
    plans = plan_cooldowns(found, so_far(), total_steps=DONE + 20)
    assert (plans.recommended.at, plans.recommended.steps) == (DONE, 20)
    assert plans.recommendation.startswith("Begin now, so that the cooldown takes 0.67% of 2,981 steps")
    assert "Any start" not in plans.recommendation


def test_the_starts_that_are_about_as_good_may_include_now(found):
    assert f"Any start from {DONE:,} to 3," in plan_cooldowns(found, so_far(), total_steps=DONE + 600).recommendation


def test_a_usual_share_may_be_all_that_is_left_and_the_best_takes_its_place(found):
    plans = plan_cooldowns(found, so_far(), total_steps=7402)
    assert (plans.forecasts[0].label, plans.forecasts[0].at) == ("60%", DONE)
    now = plan_cooldowns(found, so_far(), total_steps=3117)
    assert (now.forecasts[0], now.recommended.steps) == (now.recommended, 156)  # a twentieth of the whole run


def test_a_cooldown_may_take_nearly_the_whole_run(found):
    """Under a law with little left to learn at a constant rate."""
    flat = replace(found, law=replace(TRUTH, A=1e-9))
    early = LossCurve("early", [20, 40], flat.law.predict(FLAT, 41, at=[20, 40]), FLAT)
    plans = plan_cooldowns(flat, early, total_steps=30_000)
    assert plans.recommendation.startswith("Begin now, so that the cooldown takes 100% of 30,000 steps")


def test_a_target_loss_has_an_earliest_a_likely_and_a_safe_start(found):
    plans = plan_cooldowns(found, so_far(), target_loss=3.5)
    earliest, likely, safe = plans.forecasts
    assert plans.recommended is likely
    assert [each.label for each in plans.forecasts] == ["earliest", "likely", "safe"]
    assert DONE < earliest.at < likely.at < safe.at
    for loss in (earliest.forecast.low[-1], likely.final_loss, safe.forecast.high[-1]):
        assert loss == pytest.approx(3.5, abs=1e-3)
        assert loss <= 3.5
    assert true_loss(likely.at, likely.steps) == pytest.approx(3.5, rel=2e-3)
    assert plans.recommendation == (
        f"Begin at step {likely.at:,} to reach 3.5; an earlier cooldown may be enough, from step {earliest.at:,} on; "
        f"to be safe, begin at step {safe.at:,}"
    )


def test_a_target_that_a_cooldown_reaches_now_is_said_to_be_safe(found):
    plans = plan_cooldowns(found, so_far(), target_loss=3.67)
    assert plans.recommendation == "Begin now to reach 3.67, which is safe"
    assert [(each.label, each.at) for each in plans.forecasts] == [("safe", DONE)]


def test_a_target_that_the_run_has_reached_needs_no_cooldown(found):
    law = found.law.final(PLANS["flat"], DONE).loss
    said = plan_cooldowns(found, so_far(), target_loss=4.0).recommendation
    assert said == f"The run has reached 4 without a cooldown: its loss is {law:.4f} now"
    above = LossCurve("above", so_far().steps, 1.005 * so_far().losses, so_far().rates)
    assert "Begin now" in plan_cooldowns(found, above, target_loss=1.002 * law).recommendation


def test_a_target_out_of_reach_comes_with_the_lowest_loss_that_is_in_reach(found):
    plans = plan_cooldowns(found, so_far(), target_loss=2.5)
    assert plans.forecasts == ()
    assert plans.recommended is None
    (lowest,) = plan_cooldowns(found, so_far(), [29_610]).forecasts
    low, high = lowest.forecast.final_band
    assert plans.recommendation == (
        "A loss of 2.5 is not predicted for any cooldown that begins within 29,610 steps: the lowest is "
        f"{lowest.final_loss:.4f}, 90% band {low:.4f} to {high:.4f}, if it begins at step 29,610"
    )


def test_a_target_between_the_lowest_loss_and_its_band_is_possible(found):
    (lowest,) = plan_cooldowns(found, so_far(), [29_610]).forecasts
    target = (lowest.final_loss + lowest.forecast.final_band[0]) / 2
    said = plan_cooldowns(found, so_far(), target_loss=target).recommendation
    assert f"if it begins at step 29,610; {target:g} is possible from step " in said
    above = (lowest.final_loss + lowest.forecast.final_band[1]) / 2
    said = plan_cooldowns(found, so_far(), target_loss=above).recommendation
    assert said.endswith(" on; none is safe within 29,610 steps")


def test_the_band_widens_with_its_level_as_that_of_a_normal_distribution(found):
    half, most = (plan_cooldowns(found, so_far(), [3000], level=level).forecasts[0].forecast for level in (0.5, 0.9))
    quantile = NormalDist().inv_cdf
    widths = [each.high[-1] - each.low[-1] for each in (half, most)]
    assert widths[1] / widths[0] == pytest.approx(quantile(0.95) / quantile(0.75))


def test_a_running_run_far_from_the_law_has_a_caution_or_is_refused(found):
    run_so_far = so_far()
    near, far = (LossCurve("mine", run_so_far.steps, k * run_so_far.losses, run_so_far.rates) for k in (1.05, 2.0))
    assert not any("law" in caution for caution in plan_cooldowns(found, run_so_far, [3000]).cautions)
    assert 'run "mine" lies 5.0% above the law' in plan_cooldowns(found, near, [3000]).cautions[0]
    with pytest.raises(FitError, match=r"lies 100% above the law: it has another setting .*, or diverges"):
        plan_cooldowns(found, far, [3000])
    near, far = (LossCurve("mine", run_so_far.steps, k * run_so_far.losses, run_so_far.rates) for k in (0.95, 0.5))
    assert 'run "mine" lies 5.0% below the law' in plan_cooldowns(found, near, [3000]).cautions[0]
    with pytest.raises(FitError, match="lies 50% below the law"):
        plan_cooldowns(found, far, [3000])


def test_the_distance_from_the_law_is_the_median_of_the_last_quarter(found):
    mine = so_far()
    losses = np.where(np.arange(mine.steps.size) < 0.74 * mine.steps.size, 1.05, 1.0) * mine.losses
    losses[-1] *= 2.0
    plans = plan_cooldowns(found, LossCurve("mine", mine.steps, losses, mine.rates), [3000])
    assert not any("law" in caution for caution in plans.cautions)


def test_a_caution_of_several_cooldowns_is_given_once(found):
    decaying = run("cosine", PLANS["cosine"], steps=3000)
    plan = plan_cooldowns(found, decaying, [3000, 4000, 5000])
    each = [caution for forecast in plan.forecasts for caution in forecast.forecast.cautions]
    assert len(each) > len({*each}), "the cooldowns share a caution"
    assert {*each} <= {*plan.cautions}
    assert len(plan.cautions) == len({*plan.cautions})


def test_the_prediction_is_shifted_to_the_running_run(found):
    run_so_far = so_far()
    above = LossCurve("above", run_so_far.steps, 1.005 * run_so_far.losses, run_so_far.rates)
    here, there = (plan_cooldowns(found, each, [3000]).forecasts[0] for each in (run_so_far, above))
    for name in ("losses", "low", "high"):
        assert getattr(there.forecast, name) == pytest.approx(1.005 * getattr(here.forecast, name))
    assert there.waiting == pytest.approx(1.005 * here.waiting)


def test_small_losses_are_shown_with_more_digits(found):
    law = replace(found.law, **{name: 1e-3 * getattr(found.law, name) for name in ("L0", "A", "B")})
    small = replace(found, law=law, covariance=np.zeros_like(found.covariance))
    mine = LossCurve("mine", so_far().steps, 1e-3 * so_far().losses, so_far().rates)
    (plan,) = plan_cooldowns(small, mine, [3000]).forecasts
    said = plan_cooldowns(small, mine, [3000]).recommendation
    assert f"predicted final loss {plan.final_loss:.7f}, " in said


def test_a_run_that_already_decays_has_a_caution(found):
    decaying = run("cosine", PLANS["cosine"], steps=3000)
    assert "has already decayed" in plan_cooldowns(found, decaying, [3000]).cautions[0]
    lower = run("lower", PLANS["flat"].head(1500) >> ss.Constant(0.95 * PEAK, 1500), steps=3000)
    caution = plan_cooldowns(found, lower, [3000]).cautions[0]
    assert caution == "the rate has already decayed from 0.0003 to 0.000285: the cooldown continues from there"
    low = run("low", FLAT.cooldown(1000, 1500) >> ss.Constant(PEAK / 20, 500), steps=3000)
    assert "to 1.5e-05: the cooldown continues" in plan_cooldowns(found, low, [3000]).cautions[0]


def test_a_run_that_has_cooled_down_has_a_caution_or_is_refused(found):
    plan = FLAT.cooldown(1000, 1500)
    caution = plan_cooldowns(found, run("done", plan >> ss.Constant(PEAK / 500, 500), steps=3000), [3000]).cautions[0]
    assert caution == "the rate has already decayed from 0.0003 to 6e-07: little is left to cool down"
    with pytest.raises(ArgumentError, match="the run has no rate left to cool down from"):
        plan_cooldowns(found, run("done", plan >> ss.Constant(0.0, 500), steps=3000), [3000])


def test_bad_cooldowns_are_refused(found):
    refused = [
        ({"starts": [100]}, "a step after 2960, the last of the log, got 100"),
        ({"starts": [2960]}, "a step after 2960, the last of the log, got 2960"),
        ({"final_lr": PEAK}, "less than the current rate, 0.0003"),
        ({"starts": []}, "at least one item"),
        ({"starts": 3000}, r"write starts=\(3000,\)"),
        ({"total_steps": 2961}, "more than the 2961 steps of the log"),
        ({"total_steps": 6000, "steps": 500}, "steps.*left out, got 500; total_steps=6000 asks for the best"),
        ({"total_steps": 6000, "target_loss": 3.0}, "target_loss.*left out"),
        ({"target_loss": 3.0, "starts": [3000]}, "starts.*left out.*target_loss=3.0 asks for the start"),
    ]
    for options, words in refused:
        with pytest.raises(ArgumentError, match=words):
            plan_cooldowns(found, so_far(), **options)
    with pytest.raises(ArgumentError, match="what fit"):
        plan_cooldowns(TRUTH, so_far())
    with pytest.raises(ArgumentError, match="a LossCurve"):
        plan_cooldowns(found, [3.0])


@pytest.mark.parametrize(
    ("shape", "kind"), [("linear", ss.Linear), ("1-sqrt", ss.OneMinusSqrt), (ss.Cosine, ss.Cosine)]
)
def test_a_cooldown_has_the_shape_and_the_length_that_are_asked_for(found, shape, kind):
    forecast = plan_cooldowns(found, so_far(), [4000], 500, shape=shape, final_lr=0.1 * PEAK).forecasts[0].forecast
    down = forecast.steps >= 4000
    assert forecast.steps[-1] == 4499
    np.testing.assert_allclose(
        forecast.rates[down], kind(PEAK, 0.1 * PEAK, 500)(forecast.steps[down] - 4000), rtol=1e-9
    )
    np.testing.assert_allclose(forecast.rates[~down], PEAK)


def test_a_target_loss_may_be_for_cooldowns_of_a_given_length(found):
    assert [each.steps for each in plan_cooldowns(found, so_far(), steps=300, target_loss=3.5).forecasts] == [300] * 3


def test_a_budget_is_answered_in_words(found):
    plans = plan_cooldowns(found, so_far(), total_steps=6000, level=0.5)
    best = plans.recommended
    low, high = best.forecast.final_band
    share = f"{float(f'{100 * best.steps / 6000:.2g}'):g}%"
    first, last = plans.recommendation.partition("Any start from ")[2].split(" is predicted")[0].split(" to ")
    assert plans.recommendation == (
        f"Begin at step {best.at:,}, so that the cooldown takes {share} of 6,000 steps: predicted final loss "
        f"{best.final_loss:.4f}, 50% band {low:.4f} to {high:.4f}. Any start from {first} to {last} is predicted to "
        f"end within {4.4e-4 * best.final_loss:.4f} of it, less than two runs of one schedule usually differ"
    )
    shares = {round(each.steps / 60): each.label for each in plans.forecasts if each is not best}
    assert shares == {each: f"{each}%" for each in shares}
    assert [*shares] == [each for each in (40, 30, 20, 10, 5) if each in shares]
    assert len(shares) >= 4


def test_a_given_start_is_answered_in_words(found):
    plans = plan_cooldowns(found, so_far(), [DONE, 4000], 500)
    now, later = plans.forecasts
    low, high = now.forecast.final_band
    assert plans.recommendation == (
        f"If the cooldown begins now: predicted final loss {now.final_loss:.4f}, 90% band {low:.4f} to {high:.4f}. 100 "
        f"more steps gain {now.lengthening:.4f} if it takes longer, and {now.waiting:.4f} if it begins later; ask for "
        "a decision with total_steps=... or target_loss=..."
    )
    assert (now.label, later.label, plans.recommended) == ("now", "", None)
    said = plan_cooldowns(found, so_far(), [4000], 500).recommendation
    assert said.startswith("If the cooldown begins at step 4,000: predicted")


def test_several_problems_of_a_question_are_reported_together(found):
    with pytest.raises(
        ArgumentError, match=r"(?s)starts.*2960, the last of the log, got 7.*got 8.*less than the current"
    ):
        plan_cooldowns(found, so_far(), [7, 8, 5000], final_lr=1.0)
