"""Intervals that hold at every look: their error, what they decide, and values that break a careless formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import stdtrit

from stepsize.lab.statistics.differences import Looks, boundaries, first_size, next_size, repeated_difference
from stepsize.lab.statistics.findings import METRICS, findings

ACCURACY, LOSS = METRICS[:2]
SIZES = (4, 6, 8, 10, 13, 17, 20)
SEEDS = tuple(range(20))
FIRST = {seed: 0.8 + 0.01 * (seed % 7) for seed in SEEDS}


def looks(*sizes, **more):
    return Looks(SEEDS, sizes, 20, **more)


def second(differences, *sizes, metric=ACCURACY, **more):
    """The finding for a schedule that differs from the first by these numbers."""
    values = {seed: FIRST[seed] + each for seed, each in enumerate(differences)}
    return findings(metric, {"flat": FIRST, "other": values}, looks=looks(*sizes, **more))[1]


def test_one_look_is_students_test():
    for pairs, error in ((2, 0.05), (5, 0.01), (20, 0.0001)):
        assert boundaries((pairs,), (error,))[0] == pytest.approx(-stdtrit(pairs - 1, error / 2), rel=1e-6)


@pytest.mark.parametrize("pairs", [SIZES, tuple(range(3, 21)), (2, 9, 10), (3, 5, 6, 15)])
def test_the_boundaries_are_crossed_as_often_as_is_said(pairs):
    """In 200,000 trials without a difference, at each look."""
    spent = tuple(0.05 * size / pairs[-1] for size in pairs)
    ends, crossed = boundaries(pairs, spent), np.zeros(200_000, bool)
    trials = np.random.default_rng(0).standard_normal((len(crossed), pairs[-1]))
    for size, end, error in zip(pairs, ends, spent, strict=True):
        seen = trials[:, :size]
        crossed |= abs(seen.mean(1)) > end * seen.std(1, ddof=1) / math.sqrt(size)
        assert crossed.mean() == pytest.approx(error, abs=4 * math.sqrt(error / len(crossed)))


def decided(values, margin):
    sizes = [first_size(1, 20)]
    while True:
        runs = {str(place): dict(enumerate(row[: sizes[-1]].tolist())) for place, row in enumerate(values)}
        verdicts = {each.verdict for each in findings(ACCURACY, runs, looks=looks(*sizes, margin=margin))[1:]}
        if sizes[-1] == 20 or not verdicts & {"open", "unknown"}:
            return verdicts, sizes[-1]
        sizes.append(next_size(sizes[-1], 20))


@pytest.mark.parametrize(
    ("difference", "margin", "wrong", "most_seeds"),
    [(0.0, None, {"better", "worse"}, 20), (1.5, None, {"worse"}, 13), (0.0, 1.5, {"better", "worse"}, 14)],
)
def test_three_comparisons_are_rarely_wrong_and_save_seeds(difference, margin, wrong, most_seeds):
    """`benchmarks/simulate_sequential.py` has more trials and truths."""
    draw, trials = np.random.default_rng(1), 100
    drawn = draw.standard_normal((trials, 4, 20)) / math.sqrt(2) + difference * np.array([[0], [1], [1], [1]])
    found = [decided(values, margin) for values in drawn]
    assert sum(bool(wrong & verdicts) for verdicts, _ in found) <= trials * 0.05 + 2 * math.sqrt(trials * 0.05)
    assert np.mean([size for _, size in found]) <= most_seeds


noise = st.lists(st.floats(-1, 1).map(lambda value: round(value, 2)), min_size=20, max_size=20)


TURNING = [1.0, 0.99] * 2 + [-1.0] * 16  # the looks at all seeds contradict the first one


@given(noise, st.sampled_from([-0.5, 0.0, 0.3, 1.5]))
@example(TURNING, 0.0)
@example([-each for each in TURNING], 0.0)
def test_a_decision_is_not_taken_back(differences, shift):
    """The interval of more looks lies within that of fewer."""
    low, high = -math.inf, math.inf
    for count in range(1, len(SIZES) + 1):
        values = {seed: FIRST[seed] + shift + each for seed, each in enumerate(differences)}
        found = repeated_difference(values, FIRST, looks(*SIZES[:count]), 0.05)
        if math.isnan(found.low):
            assert math.isinf(low)
        else:
            assert low <= found.low < found.high <= high
            low, high = found.low, found.high


def test_the_interval_is_wider_than_that_of_a_fixed_number_of_seeds():
    values = {seed: FIRST[seed] + 0.01 * (seed % 3) for seed in SEEDS}
    fixed = findings(ACCURACY, {"flat": FIRST, "other": values})[1].difference
    at_once, looked = (repeated_difference(values, FIRST, looks(*sizes), 0.05) for sizes in ((20,), SIZES))
    assert at_once.mean == looked.mean == fixed.mean
    assert at_once.low == pytest.approx(fixed.low)
    assert looked.low < at_once.low < at_once.high < looked.high
    assert math.isnan(looked.p)
    assert math.isnan(looked.p_holm)


def test_what_is_told_apart_and_what_is_small():
    small = [0.001 * (-1) ** seed for seed in SEEDS]
    assert second(small, *SIZES).verdict == "open"
    found = second(small, *SIZES, margin=0.002)
    assert (found.verdict, found.words) == (
        "small",
        ('The difference to "flat" is smaller than the margin: -0.001 to +0.001.',),
    )
    assert second(small, *SIZES, margin=0.0001).words[0].endswith("by 20 seeds, nor shown to be smaller than 0.0001.")
    both = [0.01 + each for each in small]
    assert second(both, *SIZES, margin=0.1).words[0] == (
        'Better than "flat" by 0.010 (0.009 to 0.011), which is smaller than the margin.'
    )
    assert second(both, *SIZES, metric=LOSS).verdict == "worse"
    for sign in (-1, 1):  # only one end of the interval is within the margin
        assert "margin" not in second([sign * each for each in both], *SIZES, margin=0.001).words[0]
        assert second([sign * 0.0003 + each for each in small], *SIZES, margin=0.0005).verdict == "open"


def test_more_comparisons_need_more():
    almost = [0.003 + 0.004 * (-1) ** seed for seed in SEEDS]
    assert second(almost, *SIZES).verdict == "better"
    rows = {str(place): {seed: FIRST[seed] + each for seed, each in enumerate(almost)} for place in range(30)}
    found = findings(ACCURACY, {"flat": FIRST, **rows}, looks=looks(*SIZES))
    assert {each.verdict for each in found[1:]} == {"open"}


@pytest.mark.parametrize("by", [0.0, 1 / 360, -0.2])
def test_differences_that_are_all_equal_are_not_told_apart(by):
    found = second([by] * 20, *SIZES, margin=0.5)
    assert found.verdict == "unknown"
    assert "without a spread there is no interval" in found.words[0]


def test_ties_at_the_first_looks_give_an_interval_later():
    """Accuracies of a few samples are often equal."""
    assert second([0.0] * 4 + [0.1] + [0.0] * 15, 4).words == ("No look at the results has given an interval yet.",)
    assert second([0.0] * 4 + [0.1] + [0.0] * 15, 4, 6).verdict == "open"


def test_seeds_without_a_pair_are_left_out_of_the_looks():
    lost = dict.fromkeys((0, 1, 2, 5, 11), math.nan)
    values = {seed: FIRST[seed] + 0.03 + 0.001 * (seed % 3) for seed in SEEDS} | lost
    found = repeated_difference({k: v for k, v in values.items() if v == v}, FIRST, looks(*SIZES), 0.05)
    assert (found.pairs, found.low > 0) == (15, True)
    assert findings(ACCURACY, {"flat": FIRST, "other": values}, looks=looks(*SIZES))[1].difference == replace(
        found, p_holm=math.nan
    )
    one = {7: 0.9}
    assert math.isnan(repeated_difference(one, FIRST, looks(*SIZES), 0.05).low)
    assert repeated_difference({}, FIRST, looks(*SIZES), 0.05).pairs == 0
    assert repeated_difference(values, FIRST, looks(), 0.05).low != repeated_difference(values, FIRST, looks(20), 1).low


def test_rounds_grow_by_a_third_up_to_the_budget():
    assert [first_size(*each) for each in ((1, 20), (3, 20), (7, 20), (1, 3), (2, 2))] == [4, 4, 7, 3, 2]
    assert [next_size(*each) for each in ((4, 20), (13, 20), (17, 20), (20, 20), (4, 5), (300, 1000))] == [
        *(6, 17, 20, 20, 5, 400)
    ]
