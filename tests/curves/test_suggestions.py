"""Suggestions of range tests: known curves, invariances, and reasons for no suggestion."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stepsize import Geometric, Linear
from stepsize.curves.range_test import RangeRun, RangeTest, two_sided_average
from stepsize.curves.suggestions import Suggestions, _standard_error

RATES = np.geomspace(1e-6, 10.0, 141)
X = np.log10(RATES)


def of(*losses, stopped="end", schedule=None):
    """A range test with these losses, one list for each run."""
    schedule = schedule or Geometric(1e-6, 10.0, 140)
    return RangeTest(schedule, [RangeRun(each, stopped) for each in losses])


def valley(middle=-2.0, width=0.3, turn=0.0, level=1.0, depth=1.0):
    """A loss that falls around the rate 10^middle by `depth`, and explodes around 10^turn."""
    losses = level + depth / (1.0 + np.exp((X - middle) / width)) + depth * np.exp((X - turn) * 8.0)
    return losses[: int(np.flatnonzero(losses < level + 4.0 * depth)[-1]) + 1]


@pytest.mark.parametrize("middle", [-4.0, -3.0, -2.0])
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_the_rules_find_the_rates_of_a_known_curve(middle, noise):
    losses = valley(middle, turn=middle + 2.0)
    losses = losses + noise * np.random.default_rng(1).standard_normal(len(losses))
    found = of(losses, stopped="diverged").suggest()
    lowest = X[valley(middle, turn=middle + 2.0).argmin()]
    assert found.reason == ""
    assert math.log10(found.steepest) == pytest.approx(middle, abs=0.35)
    assert math.log10(found.tenth_of_minimum) == pytest.approx(lowest - 1.0, abs=0.3)
    assert math.log10(found.valley) == pytest.approx((middle - 0.66 + lowest) / 2, abs=0.3)
    assert lowest <= math.log10(found.largest_stable) <= middle + 2.0
    assert found.disagreement < 5.0


def test_the_largest_stable_rate_is_the_last_before_the_loss_rises_by_a_tenth_of_its_descent():
    test = of(valley())
    smooth = test.smoothed
    limit = smooth.min() + 0.1 * (smooth[: smooth.argmin()].max() - smooth.min())
    after = int(np.searchsorted(test.rates, test.suggest().largest_stable)) + 1
    assert smooth[after - 1] <= limit < smooth[after]


def test_the_suggestion_is_the_rate_of_a_named_rule():
    found = of(valley()).suggest()
    assert found.rate == found.tenth_of_minimum
    assert list(found.by_rule) == ["steepest", "valley", "tenth of minimum", "largest stable"]
    rates = [found.steepest, found.valley, found.tenth_of_minimum]
    assert found.disagreement == max(rates) / min(rates)


@settings(max_examples=40)
@given(st.floats(1e-3, 1e3), st.floats(-100.0, 100.0))
def test_scale_and_level_of_the_loss_do_not_matter(scale, shift):
    assume(abs(shift) < 100 * scale)  # beyond, the descent is as good as flat
    losses = valley()
    found, moved = of(losses).suggest(), of(scale * losses + shift).suggest()
    assert moved.reason == found.reason == ""
    for rule, rate in found.by_rule.items():
        assert moved.by_rule[rule] == pytest.approx(rate, rel=0.2)  # rounding may move a tie by an update


@given(st.floats(1e-3, 1e3))
def test_suggestions_scale_with_the_unit_of_the_rate(scale):
    losses = valley()
    found, moved = of(losses).suggest(), of(losses, schedule=Geometric(1e-6 * scale, 10.0 * scale, 140)).suggest()
    for rule, rate in found.by_rule.items():
        assert moved.by_rule[rule] == pytest.approx(scale * rate, rel=0.2)


def test_several_runs_are_judged_up_to_the_end_of_the_shortest():
    test = of(valley(), valley()[:100])
    assert test.suggest() == of(valley()[:100]).suggest()


def test_losses_after_divergence_do_not_matter():
    losses = valley()
    tail = 10.0 ** np.arange(1, 1 + 141 - len(losses))
    assert of([*losses, *tail[:5]], stopped="diverged").suggest() == of(losses, stopped="diverged").suggest()


def test_a_single_spike_of_the_loss_changes_little():
    losses = valley()
    leapt = losses.copy()
    leapt[70] = 1e6
    for rule, rate in of(leapt).suggest().by_rule.items():
        assert rate == pytest.approx(of(losses).suggest().by_rule[rule], rel=0.35)


def test_a_linear_sweep_works_too():
    rates = np.linspace(0.01, 1.0, 100)
    losses = 1.0 - 0.8 * np.exp(-((np.log10(rates) + 0.7) ** 2) / 0.1)
    found = RangeTest(Linear(0.01, 1.0, 99), [RangeRun(losses, "end")]).suggest()
    assert found.tenth_of_minimum == pytest.approx(0.02, rel=0.2)
    assert 0.05 < found.steepest < 0.2


# Reasons for no suggestion.

NOISE = np.random.default_rng(0)
NOTHING = {
    "not finite at once": (of([], stopped="not finite"), "the first loss, before any update, is not finite"),
    "not finite soon": (of([2.0] * 5, stopped="not finite"), "was not finite after 5 updates; start below 1e-06"),
    "diverged at once": (of([2.0, 5.0, 90.0], stopped="diverged"), "diverged after 3 updates; start below 1e-06"),
    "too short": (of([2.0 - 0.1 * i for i in range(9)]), "there are only 9 updates; a curve takes at least 10"),
    "flat": (of([2.3] * 141), "flat from 1e-06 to 10; end higher"),
    "zero": (of([0.0] * 141), "flat"),
    "flat, then diverging": (
        of([2.3] * 80 + [2.3 * 1.3**i for i in range(1, 6)], stopped="diverged"),
        "flat from 1e-06 to 0.00891251, and beyond it diverges; take more steps",
    ),
    "flat, then no number": (of([2.3] * 80, stopped="not finite"), "and beyond it is not finite; take more"),
    "flat, then rising": (of([2.3] * 80 + [2.4] * 61), "and beyond it rises; take more steps"),
    "flat, and one step higher at the end": (
        of([2.3] * 140 + [2.4]),
        "flat from 1e-06 to 8.91251, and beyond it rises",
    ),
    "coarse": (
        of([2.3, 2.3, 2.2, 1.5, 1.2, 3.0, 90.0], stopped="diverged", schedule=Geometric(1e-7, 10.0, 7)),
        "only 5 updates, from 1e-07 to 0.00372759, before the loss diverges; a curve takes at least 10, so take more",
    ),
    "coarse, and no number": (
        of([2.3] * 8, stopped="not finite", schedule=Geometric(1e-7, 10.0, 11)),
        "only 8 updates, from 1e-07 to 0.0123285, before the loss is not finite",
    ),
    "coarse, up to more than ten times the first rate": (
        of([2.3] * 5, stopped="not finite", schedule=Geometric(1e-4, 1.0, 12)),
        "only 5 updates, from 0.0001 to 0.00215443, before the loss is not finite; a curve takes at least 10",
    ),
    "up to ten times the first rate": (
        of([2.0] * 4, stopped="diverged", schedule=Linear(1.0, 28.0, 9)),
        "diverged after 4 updates; start below 1",
    ),
    "a fall by a two-thousandth": (of(valley(level=2000.0)), "flat from 1e-06 to"),
    "lowest near the first rate": (
        of(valley(middle=-6.0, turn=-4.5), schedule=Geometric(1e-5, 100.0, 140)),
        "and a tenth of that is below the first rate, 1e-05; start lower",
    ),
    "rising": (of(np.linspace(1.0, 3.0, 141)), "only rises, so the test started too high; start below 1e-06"),
    "rising, with noise": (
        of(np.linspace(1.0, 3.0, 141) + 0.01 * NOISE.standard_normal(141), stopped="diverged"),
        "only rises",
    ),
    "noise": (of(1.0 + 0.2 * NOISE.standard_normal(141)), "no more than its noise"),
    "still falling": (of(2.0 - 1.0 / (1.0 + np.exp(-(X - 1.0) * 2.0))), "still falling at 10; end higher"),
}


@pytest.mark.parametrize(("test", "words"), NOTHING.values(), ids=NOTHING)
def test_a_reason_is_given_if_there_is_no_suggestion(test, words):
    found = test.suggest()
    assert words in found.reason
    assert found == Suggestions(reason=found.reason)
    assert found.rate is None
    assert found.by_rule == {}
    assert math.isnan(found.disagreement)


def test_pure_noise_rarely_gives_a_suggestion_and_a_real_descent_nearly_always():
    draws = np.random.default_rng(7)
    believed = sum(of(1.0 + 0.1 * draws.standard_normal(141)).suggest().reason == "" for _ in range(300))
    assert believed <= 6
    losses = valley()
    found = [of(losses + 0.1 * draws.standard_normal(len(losses))).suggest() for _ in range(100)]
    assert sum(each.reason == "" for each in found) >= 95


@given(st.lists(st.floats(-1e9, 1e9), max_size=141), st.sampled_from(["end", "diverged", "not finite"]))
def test_suggestions_lie_within_the_rates_for_any_losses(losses, stopped):
    found = of(losses, stopped=stopped).suggest()
    assert bool(found.reason) == (found.rate is None)
    if not found.reason:
        test = of(losses)
        assert all(test.rates[0] <= rate <= test.rates[-1] for rate in found.by_rule.values())
        assert [test.group_rates(rate) for rate in found.by_rule.values()] == [
            (pytest.approx(rate),) for rate in found.by_rule.values()
        ]


@given(st.floats(-5.9, -3.0), st.floats(0.5, 2.0))
def test_a_suggestion_is_a_rate_of_the_test(middle, width):
    test = of(valley(middle, turn=middle + width))
    found = test.suggest()
    lowest = test.rates[test.smoothed.argmin()]
    assert ("start lower" in found.reason) == (found.rate is None) == (lowest / 10.0 < test.rates[0])
    assert found.rate is None or test.group_rates(found.rate) == (pytest.approx(found.rate),)


def test_the_smoothing_of_the_test_is_used():
    losses = valley()
    noisy = of(losses + 0.2 * np.random.default_rng(3).standard_normal(len(losses)))
    raw, smooth = replace(noisy, smoothing=0.0), replace(noisy, smoothing=0.9)
    assert "no more than its noise" in raw.suggest().reason
    assert math.log10(smooth.suggest().steepest) == pytest.approx(-2.0, abs=0.5)


def test_a_fixed_order_is_named_if_the_losses_drift_before_the_rate_matters():
    draws = np.random.default_rng(5)
    blocks, noise = np.repeat(draws.normal(size=15), 10)[:141], 0.1 * draws.standard_normal(141)
    drifting = [2.0 + 0.5 * (blocks + noise) + np.linspace(0.0, 9.0, 141)]
    steady = [2.0 + noise + np.linspace(0.0, 0.5, 141) * (X > 0)]
    words = "the DataLoader does not shuffle"
    assert words in replace(of(*drifting), fixed_order=True).suggest().reason
    assert words not in of(*drifting).suggest().reason
    assert of(*steady).suggest().reason
    assert words not in replace(of(*steady), fixed_order=True).suggest().reason


def test_losses_in_random_order_rarely_seem_to_drift():
    draws = np.random.default_rng(11)
    tests = [replace(of(2.0 + 0.1 * draws.standard_normal(141)), fixed_order=True) for _ in range(60)]
    assert sum("does not shuffle" in test.suggest().reason for test in tests) <= 4


def test_of_a_short_test_ten_losses_show_a_drift():
    short = of(np.linspace(2.0, 3.0, 21), schedule=Geometric(1e-6, 10.0, 20))
    why = "the DataLoader does not shuffle, and the loss drifts with the order of the batches from the start"
    assert replace(short, fixed_order=True).suggest().reason.endswith(f"start below 1e-06; {why}: write shuffle=True")


def test_a_fixed_order_does_not_matter_if_there_is_a_suggestion():
    assert replace(of(valley()), fixed_order=True).suggest() == of(valley()).suggest()


def test_a_loss_that_has_levelled_off_at_the_last_rate_gives_a_suggestion():
    found = of(2.0 - 1.0 / (1.0 + np.exp(-(X + 2.0) * 4.0))).suggest()
    assert found.reason == ""
    assert found.largest_stable == pytest.approx(10.0)


def test_the_descent_is_the_fall_before_the_lowest_loss():
    """Whatever the loss does after it: here it rises above its beginning, and returns."""
    bump = 1.8 * np.exp(-(((X - 0.2) / 0.3) ** 2)) + 0.2 * (X > 0.2)
    test = of(1.0 + 1.0 / (1.0 + np.exp((X + 2.5) * 8.0)) + bump)
    found, smooth = test.suggest(), test.smoothed
    limit = smooth.min() + 0.1 * (smooth[: smooth.argmin()].max() - smooth.min())
    after = int(np.searchsorted(test.rates, found.largest_stable)) + 1
    assert smooth.max() > smooth[0] + 0.5
    assert smooth[after - 1] <= limit < smooth[after]


def test_a_fixed_order_is_judged_by_the_first_quarter_of_the_schedule_however_few_losses_there_are():
    noise = 0.1 * np.random.default_rng(8).standard_normal(40)
    drift = np.concatenate([np.zeros(10), np.linspace(0.0, 3.0, 30)])
    reason = replace(of(2.0 + noise + drift, stopped="diverged"), fixed_order=True).suggest().reason
    assert "the DataLoader does not shuffle" in reason


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.7, 0.95])
def test_the_standard_error_is_that_of_smoothed_noise(beta):
    noise = np.random.default_rng(0).standard_normal(20_000)
    assert _standard_error(noise, beta) == pytest.approx(two_sided_average(noise, beta)[200:-200].std(), rel=0.1)


def test_a_loss_that_falls_by_a_five_hundredth_is_not_flat():
    assert of(valley(level=500.0)).suggest().reason == ""


def test_ten_updates_are_a_curve():
    assert "updates" not in of([2.0 - 0.1 * i for i in range(10)]).suggest().reason
