import math
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stepsize.lab.statistics.differences import Looks, holm, paired_difference
from stepsize.lab.statistics.findings import METRICS, Mean, Metric, all_pairs, decimals, findings

ACCURACY = METRICS[0]
LOSS = Metric("test_loss", "test loss")
FIRST = {0: 0.80, 1: 0.84, 2: 0.82, 3: 0.81, 4: 0.83}

values = st.lists(st.floats(-100, 100), min_size=2, max_size=12)
chances = st.lists(st.floats(0, 1), max_size=8)


def column(numbers):
    return dict(enumerate(numbers))


def shifted(by, noise):
    return {seed: value + by + step for (seed, value), step in zip(FIRST.items(), noise, strict=True)}


QUIET = (0.001, -0.001, 0.002, -0.002, 0.0)
LOUD = (0.03, -0.04, 0.02, -0.02, 0.01)


def second(values, metric=ACCURACY, diverged=None):
    return findings(metric, {"flat": FIRST, "other": values}, diverged)[1]


@pytest.mark.parametrize("pairs", [2, 3, 5, 10, 50])
def test_interval_and_p_are_those_of_the_paired_t_test(pairs):
    rng = np.random.default_rng(pairs)
    for size in (1e-6, 1.0, 1e6):
        ours, theirs = size * (rng.normal(size=pairs) + 0.5), size * rng.normal(size=pairs)
        found = paired_difference(column(ours), column(theirs))
        oracle = stats.ttest_rel(ours, theirs)
        interval = oracle.confidence_interval(0.95)
        assert found.pairs == pairs
        assert found.mean == pytest.approx(np.mean(ours - theirs))
        assert found.spread == pytest.approx(np.std(ours - theirs, ddof=1))
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert found.p == found.p_holm == pytest.approx(oracle.pvalue)


@given(values, st.data())
def test_swapping_the_schedules_changes_only_the_sign(ours, data):
    theirs = data.draw(st.lists(st.floats(-100, 100), min_size=len(ours), max_size=len(ours)))
    there = paired_difference(column(ours), column(theirs))
    back = paired_difference(column(theirs), column(ours))
    turned = (back.pairs, -back.mean, back.spread, -back.high, -back.low, back.p, back.p_holm)
    assert astuple(there) == pytest.approx(turned, nan_ok=True)
    assert math.isnan(there.p) or there.low <= there.mean <= there.high
    assert (
        math.isnan(there.p) or (there.p < 0.05) == (there.low > 0 or there.high < 0) or there.p == pytest.approx(0.05)
    )


def test_95_of_100_intervals_hold_the_true_difference():
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(4000):
        ours, theirs = rng.normal(0.3, 1, 5), rng.normal(0, 1, 5)
        found = paired_difference(column(ours), column(theirs))
        held += found.low <= 0.3 <= found.high
    assert held / 4000 == pytest.approx(0.95, abs=0.01)


def test_equal_schedules_are_called_different_in_at_most_a_twentieth_of_comparisons():
    rng = np.random.default_rng(8)
    wrong = 0
    for _ in range(1000):
        compared = {f"{number}": column(rng.normal(size=5)) for number in range(6)}
        wrong += any(found.verdict in ("better", "worse") for found in findings(LOSS, compared))
    assert wrong / 1000 < 0.06


def test_only_seeds_of_both_make_a_pair():
    found = paired_difference({0: 1.0, 1: 2.0, 7: 99.0}, {1: 1.5, 0: 0.9, 8: -99.0})
    assert (found.pairs, found.mean) == (2, pytest.approx(0.3))


def test_holm_agrees_with_a_calculation_by_hand():
    # Sorted: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 1 x 0.04, which may not be less than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_ignores_nan():
    corrected = holm([0.01, math.nan, 0.02])
    assert math.isnan(corrected[1])
    assert [corrected[0], corrected[2]] == pytest.approx([0.02, 0.02])


@given(chances)
def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni(p_values):
    corrected = holm(p_values)
    for p, q in zip(p_values, corrected, strict=True):
        assert p <= q <= min(1.0, len(p_values) * p)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [corrected[index] for index in order] == sorted(corrected)


@given(chances, st.randoms())
def test_holm_does_not_depend_on_the_order(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    assert holm([p_values[index] for index in order]) == [holm(p_values)[index] for index in order]


def test_a_clear_difference_is_reported_with_its_interval():
    found = second(shifted(0.03, QUIET))
    assert found.verdict == "better"
    assert found.words == ('Better than "flat" by 0.030 (0.028 to 0.032).',)
    assert second(shifted(0.03, QUIET), LOSS).verdict == "worse"
    assert second(shifted(-0.03, QUIET), LOSS).words == ('Better than "flat" by 0.030 (0.028 to 0.032).',)


def test_a_difference_smaller_than_the_spread_gives_a_warning():
    found = second(shifted(0.006, QUIET))
    assert found.verdict == "better"
    less = 'The difference to "flat" is smaller than the spread of the test accuracy over seeds'
    assert found.words[1:] == (f"{less}, and only the same seeds, compared in pairs, show it.",)
    found = second(shifted(0.006, LOUD))
    assert found.verdict == "open"
    assert found.words[0] == 'Not told apart from "flat" by 5 seeds.'
    assert found.words[1:] == (f"{less}.",)


def test_p_is_corrected_for_the_number_of_comparisons():
    noise = (0.012, -0.011, 0.004, -0.004, 0.0)
    almost = second(shifted(0.013, noise))
    assert 0.01 < almost.difference.p < 0.05
    others = {f"other {number}": shifted(0.0, noise) for number in range(4)}
    found = findings(ACCURACY, {"flat": FIRST, "almost": shifted(0.013, noise), **others})[1]
    assert found.verdict == "open"
    assert found.words[1] == ("The interval excludes zero, but among 5 comparisons chance does that too often.")


def test_a_difference_over_fewer_seeds_than_the_means_gives_a_warning_with_their_contradiction():
    """Three seeds of the first schedule diverged, those on which the other schedule is worst."""
    few, all_five = {0: 0.80, 1: 0.802}, {0: 0.9, 1: 0.903, 2: 0.5, 3: 0.5, 4: 0.5}
    first, other, third = findings(
        ACCURACY, {"flat": few, "other": all_five, "third": {0: 0.9, 1: 0.904, 2: 0.9}}, {"flat": 3}
    )
    assert first.value.mean > other.value.mean
    assert other.verdict == "better"
    assert other.words[1] == (
        "Only 2 seeds have a result under both, and the difference is theirs; "
        'the means are over 5 runs here and 2 under "flat", and say the opposite.'
    )
    assert third.words[1].endswith('the means are over 3 runs here and 2 under "flat".')
    swapped = findings(ACCURACY, {"other": all_five, "flat": few}, {"flat": 3})[1]
    assert swapped.words[1].endswith('the means are over 2 runs here and 5 under "other", and say the opposite.')
    (alone,) = [found for found in findings(ACCURACY, {"flat": FIRST, "once": {0: 0.9}}) if found.difference]
    assert alone.words[1] == (
        "Only 1 seed has a result under both, and the difference is its own; "
        'the means are over 1 run here and 5 under "flat".'
    )
    assert not any("Only" in word for word in second(shifted(0.03, QUIET)).words)


@given(st.sampled_from([0.03, -0.03]), st.integers(3, 5), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_a_verdict_that_contradicts_the_means_gives_a_warning(by, kept, others):
    ours = shifted(by, QUIET)
    first, other = findings(
        ACCURACY,
        {
            "flat": {seed: value for seed, value in FIRST.items() if seed < kept},
            "other": {seed: value if seed < kept else others[seed] for seed, value in ours.items()},
        },
    )
    assert other.verdict == ("better" if by > 0 else "worse")
    contradicts = (other.value.mean > first.value.mean) != (by > 0)
    assert ("and say the opposite." in " ".join(other.words)) == contradicts


def test_one_seed_gives_no_verdict():
    found = second({0: 0.99})
    assert (found.difference.pairs, found.difference.mean) == (1, pytest.approx(0.19))
    assert found.verdict == "unknown"
    assert found.words[0] == 'One seed says nothing about a difference to "flat": another seed may reverse it.'
    assert all(map(math.isnan, astuple(found.difference)[2:]))


def test_schedules_without_a_common_seed_are_not_compared():
    none = 'No seed has a result under both this and "flat", so they cannot be compared.'
    assert second({9: 0.9}).words == (none,)
    assert second({}, diverged={"other": 5}).words[0] == none
    assert second({}, diverged={"other": 5}).words[1] == "All 5 runs diverged."
    assert second({}, diverged={"other": 1}).words[1] == "The run diverged."


@pytest.mark.parametrize("by", [0.0, 0.1, 0.3, 1 / 7])  # the last two leave a spread of 6e-17
def test_equal_differences_give_no_interval_despite_rounding(by):
    found = second(shifted(by, (0.0,) * 5))
    assert found.verdict == "unknown"
    same = f'differ from "flat" by the same {by:.3f}' if by else 'have the same result as "flat"'
    assert found.words == (f"All 5 seeds {same}: without a spread there is no interval.",)
    assert second(shifted(-by, (0.0,) * 5)).words == found.words


def test_diverged_runs_are_counted_and_not_averaged():
    found = second({0: 0.85, 1: 0.90, 2: math.inf, 3: math.nan}, diverged={"other": 2})
    assert (found.finished, found.diverged, found.value.mean) == (2, 2, pytest.approx(0.875))
    assert found.difference.pairs == 2
    too_favourable = "the mean of the others is too favourable."
    assert found.words[-1] == f"2 of 4 runs diverged and are left out: {too_favourable}"
    one = second({0: 0.85, 1: 0.90}, diverged={"other": 1})
    assert one.words[-1] == f"1 of 3 runs diverged and is left out: {too_favourable}"
    (first,) = findings(ACCURACY, {"flat": {0: 0.8, 1: 0.9}}, {"flat": 2})
    assert first.words == (f"2 of 4 runs diverged and are left out: {too_favourable}",)


def test_the_first_schedule_has_no_difference():
    (found,) = findings(ACCURACY, {"flat": FIRST})
    assert (found.verdict, found.difference, found.words) == ("first", None, ())
    assert findings(ACCURACY, {}) == ()


def test_values_too_large_for_an_interval_are_reported():
    found = second({seed: 1e300 * (seed - 2) for seed in FIRST})
    assert found.words[0] == 'The differences to "flat" are too large for an interval.'


@pytest.mark.parametrize(("spread", "digits"), [(0.5, 3), (0.0031, 4), (0.00031, 5), (1e-12, 6), (math.nan, 4)])
def test_decimals_show_two_digits_of_the_spread(spread, digits):
    assert decimals([Mean(1.0, spread)]) == digits


def test_decimals_follow_the_schedules_that_vary_least():
    assert decimals([Mean(1.0, spread) for spread in (0.5, 0.5, 0.5, 0.0031, 0.0031, 0.0)]) == 4


def test_the_larger_of_the_two_spreads_is_compared_with_the_difference():
    wide = {0: 0.7, 1: 0.9, 2: 0.8, 3: 0.75, 4: 0.85}
    narrow = dict.fromkeys(wide, 0.82)
    for values in ({"wide": wide, "narrow": narrow}, {"narrow": narrow, "wide": wide}):
        words = findings(ACCURACY, values)[1].words
        assert "smaller than the spread of the test accuracy over seeds." in words[1]


LOOKS = Looks((0, 1, 2, 3, 4), (5,), 5, 0.04)


@pytest.mark.parametrize(
    ("by", "noise", "looks", "verdict", "words"),
    [
        (0.03, QUIET, replace(LOOKS, margin=None), "better", 'Better than "flat" by 0.030 (0.028 to 0.032).'),
        (-0.1, QUIET, LOOKS, "worse", 'Worse than "flat" by 0.100 (0.098 to 0.102).'),
        (
            0.03,
            QUIET,
            LOOKS,
            "better",
            'Better than "flat" by 0.030 (0.028 to 0.032), which is smaller than the margin.',
        ),
        (0.0, QUIET, LOOKS, "small", 'The difference to "flat" is smaller than the margin: -0.002 to +0.002.'),
        (0.0, LOUD, LOOKS, "small", 'The difference to "flat" is smaller than the margin: -0.036 to +0.036.'),
        (
            0.0,
            LOUD,
            replace(LOOKS, margin=0.03),
            "open",
            'Not told apart from "flat" by 5 seeds, nor shown to be smaller than 0.03.',
        ),
        (0.0, LOUD, replace(LOOKS, margin=None), "open", 'Not told apart from "flat" by 5 seeds.'),
        (0.03, QUIET, replace(LOOKS, sizes=()), "unknown", "No look at the results has given an interval yet."),
    ],
)
def test_the_words_of_a_look_say_what_it_has_told(by, noise, looks, verdict, words):
    (_, found) = findings(ACCURACY, {"flat": FIRST, "other": shifted(by, noise)}, looks=looks)
    assert (found.verdict, found.words[0]) == (verdict, words)
    assert math.isnan(found.difference.p)


def test_all_pairs_are_the_differences_to_each_schedule_before():
    values = {"a": {0: 0.5, 1: 0.6, 2: 0.55}, "b": {0: 0.7, 1: 0.81, 2: 0.74}, "c": {0: 0.71, 1: 0.82, 2: 0.77}}
    pairs = all_pairs(ACCURACY, values)
    assert [(pair.name, pair.against) for pair in pairs] == [("b", "a"), ("c", "a"), ("c", "b")]
    for name in "bc":
        (pair,) = [each for each in pairs if (each.name, each.against) == (name, "a")]
        alone = findings(ACCURACY, {"a": values["a"], name: values[name]})[1].difference
        assert (pair.difference.mean, pair.difference.low, pair.difference.p) == (alone.mean, alone.low, alone.p)
    assert [pair.difference.p_holm for pair in pairs] == holm([pair.difference.p for pair in pairs])
    assert pairs[1].difference.p_holm > findings(ACCURACY, values)[2].difference.p_holm


@pytest.mark.parametrize(("direction", "verdict"), [(True, "better"), (False, "worse"), (None, "higher")])
def test_the_verdict_follows_the_direction_of_the_metric(direction, verdict):
    metric = Metric("own", "own", direction)
    values = {"a": {0: 0.5, 1: 0.6, 2: 0.55}, "b": {0: 0.7, 1: 0.81, 2: 0.74}}
    found = findings(metric, values)[1]
    assert found.verdict == verdict
    assert found.words[0].startswith(verdict.capitalize())
    assert all_pairs(metric, values)[0].verdict == verdict
