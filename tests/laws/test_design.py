"""Designs, schedules from gradient norms, and weights of merged checkpoints."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from runs import MOMENTUM_TRUTH, PEAK, TRUTH, three

import stepsize as ss
from stepsize.errors import ArgumentError, FitError
from stepsize.laws import FunctionalLaw, MultiPowerLaw, convex_bound, design, fit, merge_weights, refine
from stepsize.laws.designing import Limits

STEPS, WARMUP = 1500, 200


@pytest.fixture(scope="module")
def best():
    return design(TRUTH, PEAK, STEPS, warmup_steps=WARMUP)


def test_a_design_is_a_table_with_the_loss_of_the_law(best):
    assert isinstance(best.schedule, ss.Table)
    assert best.schedule.steps == STEPS
    assert best.final_loss == pytest.approx(TRUTH.predict(best.schedule, tolerance=0)[-1], rel=1e-12)


def test_no_member_of_a_family_and_no_common_schedule_is_better(best):
    assert [member.excess for member in best.members] == sorted(member.excess for member in best.members)
    for member in best.members:
        assert member.final_loss == pytest.approx(TRUTH.final(member.schedule).loss, rel=1e-12)
        assert member.excess == pytest.approx(member.final_loss - best.final_loss, abs=1e-12)
    assert best.members[0].excess > 0
    for plan in (
        ss.warmup_cosine(PEAK, WARMUP, STEPS),
        ss.wsd(PEAK, WARMUP, 1000, 300),
        ss.wsd(PEAK, WARMUP, 1000, 300, shape="1-sqrt"),
        ss.warmup(ss.Rex(PEAK, 0.0, STEPS - WARMUP), WARMUP),
    ):
        assert TRUTH.final(plan, STEPS).loss > best.final_loss


FAMILIES = {
    "wsd, linear": ">> Linear(", "wsd, cosine": ">> Cosine(", "wsd, 1-sqrt": ">> OneMinusSqrt(",
    "wsd, power": ">> Polynomial(", "linear": "Linear(0.0, 0.0003, 200) >> Linear(0.0003, ",
    "cosine": "Linear(0.0, 0.0003, 200) >> Cosine(0.0003, ",
}  # fmt: skip


def test_every_family_has_a_member_of_its_shape(best):
    texts = {member.family: str(member.schedule) for member in best.members}
    assert texts.keys() == FAMILIES.keys()
    for family, text in texts.items():
        assert FAMILIES[family] in text
        assert ("Constant(0.0003, " in text) == family.startswith("wsd")


def test_no_small_change_of_a_design_is_better(best):
    """Every decrease is multiplied by a random factor."""
    rng = np.random.default_rng(0)
    rates = best.schedule.sample()
    for _ in range(30):
        falls = -np.diff(rates[WARMUP:], append=0.0) * np.exp(0.3 * rng.normal(size=STEPS - WARMUP))
        other = np.cumsum(falls[::-1])[::-1]
        nudged = np.concatenate([rates[:WARMUP], other * PEAK / other[0]])
        assert TRUTH.final(nudged).loss > best.final_loss - 1e-6


def test_a_design_keeps_its_bounds():
    lowest = 0.23447 * PEAK  # which three digits would round down
    bounded = design(TRUTH, PEAK, STEPS, warmup_steps=WARMUP, final_lr=lowest)
    rates = bounded.schedule.sample()
    np.testing.assert_allclose(rates[:WARMUP], np.linspace(0, PEAK, WARMUP + 1)[:-1], rtol=1e-12)
    after = rates[WARMUP:]
    assert after.max() <= PEAK * (1 + 1e-12)
    assert after.min() >= lowest
    assert (np.diff(after) <= 1e-18).all()
    for member in bounded.members:
        assert member.schedule.sample()[WARMUP:].min() >= lowest * (1 - 1e-12)


def test_a_final_rate_has_three_digits_but_is_not_below_the_lowest_allowed():
    limits = Limits(STEPS, PEAK, WARMUP, 0.23447 * PEAK)
    assert limits.end(np.array([0.0])) == 0.23447 * PEAK
    assert limits.end(np.array([0.12345])) == 9.87e-05


def test_a_design_that_may_rise_is_at_least_as_good(best):
    free = design(TRUTH, PEAK, STEPS, warmup_steps=WARMUP, monotone=False)
    assert free.final_loss <= best.final_loss + 1e-6
    assert free.schedule != best.schedule


def test_a_law_without_gain_from_decay_keeps_the_rate_high():
    flat = design(MultiPowerLaw(3.0, 0.5, 0.5, 0.0, 1.0, 0.5, 0.5), PEAK, 500)
    np.testing.assert_allclose(flat.schedule.sample(), PEAK, rtol=1e-6)


@pytest.mark.parametrize(
    "law",
    [
        TRUTH,
        MultiPowerLaw(3.0405, 0.5247, 0.5079, 363.79, 2.0656, 0.5828, 0.6414),
        FunctionalLaw(L0=2.69, A=6.79, alpha=0.528, B=2.36, C=1.40, rho=1.35, p=1.81, D=0.22, N0=2e-4),
        FunctionalLaw(L0=3.04, A=0.525, alpha=0.508, B=3.6e4, C=66.0, rho=1.5, p=2.0),
    ],
    ids=["made up", "25M", "124M", "noisy"],
)
def test_a_few_phases_come_near_the_best_of_all(law):
    best = design(law, PEAK, 6000, warmup_steps=WARMUP).members[0]
    assert best.excess < 1e-3
    assert len(str(best.schedule).split(" >> ")) <= 3
    assert not re.search(r"\d\.\d{5}", str(best.schedule)), "numbers are rounded"
    assert ss.parse(str(best.schedule)) == best.schedule


def test_a_design_for_a_fit_is_that_of_its_law_and_refuses_far_peaks(found):
    assert design(found, PEAK, 500).final_loss == design(found.law, PEAK, 500).final_loss
    with pytest.raises(FitError, match="the same unit"):
        design(found, 100 * PEAK, 500)


@settings(max_examples=5)
@given(
    st.builds(
        MultiPowerLaw, L0=st.just(3.0), A=st.just(0.5), alpha=st.floats(0.05, 1.0), B=st.floats(0.0, 2000.0),
        C=st.floats(0.1, 30.0), beta=st.floats(0.1, 1.0), gamma=st.floats(0.1, 0.95),
    ),
    st.integers(30, 150),
    st.booleans(),
)  # fmt: skip
@example(MultiPowerLaw(3.0, 0.5, 0.138108, 1157.517, 0.198026, 0.81773, 0.530185), 795, True)  # here a member is best
def test_a_design_is_never_worse_than_a_member(law, steps, monotone):
    made = design(law, PEAK, steps, warmup_steps=20, monotone=monotone)
    assert made.members[0].excess >= 0
    assert made.final_loss == pytest.approx(law.final(made.schedule).loss, rel=1e-9)


def test_a_steep_law_needs_more_than_few_knots():
    """With this law, a search that starts with twelve knots ends above a member."""
    law = MultiPowerLaw(3.0, 0.5, 0.05, 2000.0, 30.0, 0.3, 0.9)
    made = design(law, PEAK, 300, warmup_steps=20)
    assert made.final_loss < made.members[0].final_loss < 3.63


@pytest.fixture(scope="module")
def found():
    return fit(three(), MultiPowerLaw)


def test_a_design_far_from_the_runs_has_cautions(found):
    made = design(found, 2 * PEAK, 800)
    assert any("only compares schedules of one peak" in words for words in made.cautions)
    assert any("sooner than the runs" in words for words in made.cautions)
    assert design(found.law, PEAK, 300).cautions == ()


# Gradient norms.


@given(st.floats(0.1, 10.0), st.integers(2, 60), st.integers(2, 60))
def test_constant_norms_give_a_straight_line_to_zero(norm, count, steps):
    schedule = refine([norm] * count, 0.3, steps)
    np.testing.assert_allclose(schedule.sample(), np.linspace(0.3, 0.0, steps), atol=1e-12)


def test_the_formula_of_refined_schedules():
    norms = np.array([3.0, 2.0, 1.0, 1.5, 2.5])
    w = norms**-2
    shape = np.array([w[t] * w[t + 1 :].sum() for t in range(5)])
    made = refine(norms, 0.1, window_frac=0.0)
    np.testing.assert_allclose(made.sample(), 0.1 * shape / shape.max())


def test_the_first_and_last_norms_are_smoothed_with_themselves():
    rising = np.arange(1.0, 21.0)
    for norms in (rising, rising[::-1]):  # whose medians are themselves
        np.testing.assert_array_equal(
            refine(norms, 0.1, window_frac=0.25).sample(), refine(norms, 0.1, window_frac=0.0).sample()
        )


def test_large_first_norms_give_a_warmup_and_a_spike_changes_nothing():
    norms = np.concatenate([np.linspace(5.0, 1.0, 100), np.ones(900)])
    plain = refine(norms, 0.1).sample()
    assert plain[0] < 0.1 * plain.max()
    norms[500] = 50.0
    np.testing.assert_allclose(refine(norms, 0.1).sample(), plain, rtol=1e-9)
    norms[500:530] = 50.0
    np.testing.assert_allclose(refine(norms, 0.1).sample(), plain, rtol=1e-9)
    norms[500:530] = 1.0
    norms[500] = 50.0
    assert refine(norms, 0.1, window_frac=0.0).sample()[500] < 0.01 * plain[500]


# Merging.


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_merged_checkpoints_weigh_every_update_by_the_decay(falls):
    decay = np.sort(np.append(falls, 1.0))[::-1]
    weights = merge_weights(decay)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    updates = np.random.default_rng(0).normal(size=decay.size)  # one a stretch, at a constant rate
    checkpoints = np.cumsum(updates)
    assert weights @ checkpoints == pytest.approx(decay @ updates, abs=1e-12)


def test_a_decay_may_be_a_schedule():
    np.testing.assert_allclose(
        merge_weights(ss.OneMinusSqrt(0.3, 0.0, 100), 4), [0.5, *np.diff(np.sqrt([1, 2, 3, 4])) / 2]
    )


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: design(MOMENTUM_TRUTH, PEAK, 100), FitError, "needs another law"),
        (lambda: design(TRUTH, PEAK, 100, warmup_steps=99), ArgumentError, "less than steps - 1 = 99"),
        (
            lambda: design(TRUTH, PEAK, 100, final_lr=1.0),
            ArgumentError,
            "at most the peak, got 1.0; the peak is 0.0003",
        ),
        (
            lambda: design(TRUTH, PEAK, 9, warmup_steps=8, final_lr=1.0),
            ArgumentError,
            "(?s)less than.*at most the peak",
        ),
        (lambda: design(TRUTH, 0.0, 100), ArgumentError, "peak_lr"),
        (lambda: refine([1.0], 0.1), ArgumentError, "two norms"),
        (lambda: refine([1.0, 0.0], 0.1), ArgumentError, "all positive"),
        (lambda: refine([1.0, -1.0], 0.1), ArgumentError, "norms.*all positive"),
        (lambda: refine(ss.Constant(1.0, 10), 0.1), ArgumentError, "a row of at least two norms"),
        (lambda: merge_weights([0.5, 1.0]), ArgumentError, "never rising"),
        (lambda: merge_weights([0.0, 0.0]), ArgumentError, "positive at first"),
        (lambda: merge_weights([1.0, 0.75, 0.5, 0.25], 3), ArgumentError, "the number of weights, 4, got 3"),
        (lambda: merge_weights(ss.Constant(1.0), 3), ArgumentError, r"a schedule that ends, .*; write \.head\(n\)"),
        (lambda: merge_weights(ss.Linear(1, 0, 10)), ArgumentError, "a number if decay is a schedule"),
    ],
)
def test_bad_arguments_are_refused(ask, error, words):
    with pytest.raises(error, match=words):
        ask()


def test_the_convex_bound_of_a_design_is_below_that_of_a_constant_rate(best):
    """Two independent theories agree on this."""
    assert convex_bound(best.schedule).value < convex_bound(ss.Constant(1.0), STEPS).value
