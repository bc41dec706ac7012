"""Properties of the laws as functions of the rates, for any parameters."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive import functional, memory, momentum, multi_power

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.laws import FunctionalLaw, MomentumLaw, MultiPowerLaw
from stepsize.laws.changes import Changes
from stepsize.laws.effective_rates import sizes
from stepsize.laws.functional_rows import FunctionalRows
from stepsize.laws.law import loss_format
from stepsize.laws.parametrization import EFFECTIVE_SPREAD
from strategies import ended, trees

LAW = MultiPowerLaw(3.0, 0.5, 0.5, 360.0, 2.0, 0.6, 0.64)
MOMENTUM = MomentumLaw(3.0, 0.5, 0.5, 0.5, 0.99)

multi_power_laws = st.builds(
    MultiPowerLaw,
    L0=st.floats(0.0, 5.0),
    A=st.floats(0.01, 5.0),
    alpha=st.floats(0.05, 2.0),
    B=st.floats(0.0, 1e3),
    C=st.floats(1e-3, 1e2),
    beta=st.floats(0.02, 3.0),
    gamma=st.floats(0.01, 0.98),
)
functional_laws = st.builds(
    FunctionalLaw,
    L0=st.floats(0.0, 5.0),
    A=st.floats(0.01, 5.0),
    alpha=st.floats(0.05, 2.0),
    B=st.floats(0.0, 1e2),
    C=st.floats(1e-3, 1e2),
    rho=st.one_of(st.just(1.0), st.floats(1.0, 3.0)),
    p=st.floats(1.01, 3.0),
    kappa=st.floats(0.0, 1.0),
    D=st.one_of(st.just(0.0), st.floats(1e-3, 10.0)),
    N0=st.floats(1e-3, 10.0),
)
laws = st.one_of(multi_power_laws, functional_laws)
momentum_laws = st.builds(
    MomentumLaw,
    st.floats(0.0, 5.0),
    st.floats(0.01, 5.0),
    st.floats(0.05, 2.0),
    st.floats(0.0, 9.0),
    st.floats(0, 0.9999),
)
rate = st.one_of(st.just(0.0), st.floats(1e-4, 1.0))
rates = st.lists(rate, min_size=1, max_size=30)
falling = st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=60).map(lambda row: sorted(row, reverse=True))


@given(multi_power_laws, rates)
def test_exact_evaluation_is_the_formula_term_by_term(law, row):
    # If the parts of the law cancel, their rounding remains.
    np.testing.assert_allclose(law.predict(row, tolerance=0.0), multi_power(law, row), rtol=1e-9, atol=1e-8 * law.B)


@given(functional_laws, rates)
def test_the_functional_law_adds_the_noise_of_every_update(law, row):
    np.testing.assert_allclose(
        law.predict(row, tolerance=0.0), functional(law, row), rtol=1e-9, atol=1e-9 * law.B / law.C
    )


@given(multi_power_laws, st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=30))
def test_the_functional_law_has_the_multi_power_law_as_a_limit(law, row):
    """With p = 2, D = 0, and positive rates after a first rate of 0."""
    limit = MultiPowerLaw(law.L0, law.A, law.alpha, law.B, law.C, law.beta, 1e-12)
    same = FunctionalLaw(law.L0, law.A, law.alpha, law.B * law.C * law.beta, law.C, law.beta + 1.0, 2.0)
    row = [0.0, *row]
    np.testing.assert_allclose(
        same.predict(row, tolerance=0.0), limit.predict(row, tolerance=0.0), rtol=1e-8, atol=1e-8 * law.B
    )


@given(functional_laws, rates)
def test_the_noise_lies_between_none_and_that_of_a_constant_effective_rate(law, row):
    assume(any(row))
    noise = law.final(row).loss - replace(law, B=0.0).final(row).loss
    effective = row * sizes(np.array(row), law.D, law.N0) ** -law.kappa
    most = law.B * effective.max() ** (law.p - 1.0) * memory(law, 0.0, effective.sum())
    rounding = 1e-15 * law.final(row).loss
    assert -rounding <= noise <= most * (1.0 + 1e-9) + rounding


@given(functional_laws, st.floats(1e-3, 1.0), st.floats(1e-3, 1.0))
def test_the_weights_go_to_the_balance_of_a_constant_rate(law, first, second):
    """After enough steps at a constant rate, whatever came before."""
    law = replace(law, D=1.0)
    row = np.repeat([first, second], [3, math.ceil(40.0 / second)])
    assert sizes(row, law.D, law.N0)[-1] == pytest.approx(second, rel=1e-9)


@given(functional_laws, rates, st.integers(1, 30))
def test_the_loss_does_not_depend_on_later_rates(law, row, begin):
    np.testing.assert_allclose(law.predict(row, tolerance=0.0)[:begin], law.predict(row[:begin], tolerance=0.0))


@given(momentum_laws, rates)
def test_the_momentum_law_is_its_formula_term_by_term(law, row):
    np.testing.assert_allclose(law.predict(row), momentum(law, row), rtol=1e-9, atol=1e-9)


@given(laws, st.lists(st.floats(1e-4, 1.0), min_size=2, max_size=12), st.sampled_from([1e-1, 1e-2, 1e-3, 1e-5]))
def test_evaluation_in_blocks_keeps_its_error_bound(law, heights, tolerance):
    plan = ss.Knots([(40 * i, height) for i, height in enumerate(heights)])
    exact, grouped = law.predict(plan, tolerance=0.0), law.predict(plan, tolerance=tolerance)
    assert np.abs(grouped - exact).max() <= tolerance + 1e-12 * np.abs(exact).max()


def test_a_tighter_tolerance_gives_a_smaller_error():
    plan = ss.warmup_cosine(3e-4, 300, 6000, final_lr=3e-5)
    at = [2000, 4000, 5999]
    exact = LAW.predict(plan, at=at, tolerance=0.0)
    errors = [np.abs(LAW.predict(plan, at=at, tolerance=t) - exact).max() for t in (1e-2, 1e-3, 1e-4, 1e-6)]
    assert errors == sorted(errors, reverse=True)
    assert 1e-6 < errors[0] < 1e-2
    assert errors[-1] < 1e-6


def test_changes_are_merged_only_if_the_error_allows_it():
    """Two equal decreases make one block, with an error near the bound."""
    law = MultiPowerLaw(3.0, 0.5, 0.5, 10.0, 0.1, 1.0, 0.98)
    row = np.concatenate([np.ones(5), np.full(2, 0.55), np.full(8, 0.1)])
    exact = law.predict(row, at=[14], tolerance=0.0)[0]
    tolerances = np.geomspace(1e-6, 100.0, 400)
    errors = np.array([abs(law.predict(row, at=[14], tolerance=each)[0] - exact) for each in tolerances])
    assert (errors <= tolerances).all()
    first = tolerances[errors > 1e-9][0]
    assert errors.max() > first / 40  # the bound is not too loose


def test_a_block_counts_as_one_change_from_a_spread_on():
    """The rates range over a factor of ten, and the sums over 1.1 at a distance of 0.8."""
    row = np.concatenate([np.ones(5), np.full(2, 0.55), np.full(8, 0.1)])
    changes, at = Changes(row, row[0]), np.array([14])
    spread = (math.log(10.0) + 1.1 / 0.8) ** 2 + (1.1 / 0.8) ** 2
    apart, together = changes.pairs(at, 0.999 * spread), changes.pairs(at, 1.001 * spread)
    assert [*zip(apart.first, apart.last, apart.rate_before, apart.rate_after, strict=True)] == [
        (5, 5, 1.0, 0.55),
        (7, 7, 0.55, 0.1),
    ]
    np.testing.assert_allclose(apart.gap, [1.9, 0.8])
    assert (together.first, together.last, together.rate_before, together.rate_after) == (5, 7, 1.0, 0.1)
    assert together.gap == pytest.approx((1.9 + 0.8) / 2)
    assert together.log_rate == pytest.approx(math.log(0.55 * 0.1) / 2)
    weighted = Changes(np.array([1.0, 0.7, 0.6, 0.6]), 1.0).pairs(np.array([3]), np.inf)
    assert weighted.gap == pytest.approx((3 * (0.7 + 0.6 + 0.6) + 0.6 + 0.6) / 4)
    assert weighted.log_rate == pytest.approx((3 * math.log(0.7) + math.log(0.6)) / 4)


@settings(max_examples=80)
@given(trees, laws)
def test_the_prediction_of_any_schedule_is_a_number(tree, law):
    plan = ended(abs_of(tree))
    steps = min(max(int(plan.steps), 1), 400)
    for each in (law, MOMENTUM):
        losses = each.predict(plan, steps)
        assert losses.shape == (steps,)
        assert not np.isnan(losses).any()
        sums = np.cumsum(plan.sample(steps))
        assert np.isinf(losses[sums == 0]).all()
        assert np.isfinite(losses[sums > 1e-100]).all()  # below, sums^-alpha may overflow


def abs_of(schedule):
    """Clipped to rates that are not negative."""
    return schedule.clip(0.0, 1e3)


@given(multi_power_laws, falling)
def test_the_loss_never_rises_if_the_rate_never_rises(law, row):
    losses = law.predict(row, tolerance=0.0)
    assert (np.diff(losses) <= 1e-12 * losses[:-1]).all()


@given(laws, st.floats(0.01, 1.0), st.integers(1, 20))
def test_a_final_rate_of_zero_is_the_limit_of_small_rates(law, first, length):
    row = np.linspace(first, first / 2, length)
    at_zero = law.predict([*row, 0.0])[-1]
    near = [law.predict([*row, tiny])[-1] for tiny in (1e-150, 1e-300)]
    assert math.isfinite(at_zero)
    # The remaining difference is B (eta_k - eta_{k-1}) beta C eta_k^(1 - gamma).
    left = law.B * first * law.beta * law.C * (1e-300) ** (1 - law.gamma) if isinstance(law, MultiPowerLaw) else 0.0
    assert near[1] == pytest.approx(at_zero, rel=1e-9, abs=2 * left)


def in_unit(law, unit):
    """The law for rates in another unit."""
    if isinstance(law, FunctionalLaw):
        rate = unit ** (1.0 - law.kappa)  # the unit of the effective rate
        return replace(
            law, A=law.A * rate**law.alpha, B=law.B * rate**-law.p, C=law.C / rate, D=law.D / unit, N0=law.N0 * unit
        )
    return MultiPowerLaw(
        law.L0, law.A * unit**law.alpha, law.alpha, law.B / unit, law.C * unit ** (law.gamma - 1), law.beta, law.gamma
    )


def in_parts(law, parts):
    """The law if every step is divided: the rates are repeated at an m-th of their size."""
    if isinstance(law, FunctionalLaw):
        # The rates are in a unit that is m times as large, and the intrinsic time has m times as many steps.
        rate = parts ** (law.kappa - 1.0)
        time = parts * rate
        return replace(
            law, A=law.A * time**law.alpha, B=law.B * rate ** (1.0 - law.p) / time, C=law.C / time, N0=law.N0 / parts
        )
    return MultiPowerLaw(
        law.L0, law.A, law.alpha, law.B * parts, law.C * parts**-law.gamma, law.beta, law.gamma
    )  # S stays, changes and rates are an m-th


def size_of(law):
    """Of the parts that may cancel, at rates of at most 1."""
    return law.B / law.C if isinstance(law, FunctionalLaw) else law.B


@given(laws, rates, st.floats(0.01, 100.0))
def test_the_unit_of_the_rate_rescales_the_parameters(law, row, unit):
    there, here = in_unit(law, unit).predict(np.array(row) * unit, tolerance=0), law.predict(row, tolerance=0)
    np.testing.assert_allclose(there, here, rtol=1e-7, atol=1e-7 * size_of(law))


@given(laws, rates, st.integers(2, 5))
def test_dividing_every_step_rescales_the_parameters(law, row, parts):
    if isinstance(law, FunctionalLaw):
        law = replace(law, D=0.0)  # a size that lags behind takes the steps that it gets
    fine = in_parts(law, parts).predict(np.repeat(np.array(row) / parts, parts), tolerance=0)[parts - 1 :: parts]
    np.testing.assert_allclose(fine, law.predict(row, tolerance=0), rtol=1e-7, atol=1e-7 * size_of(law))


@given(st.one_of(laws, momentum_laws), st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1.0)), min_size=2, max_size=20))
def test_the_final_loss_and_its_gradient(law, row):
    assume(row.count(max(row)) == 1 and any(row))  # of several highest rates only one moves the loss
    row = np.array(row)
    final = law.final(row)
    size = law.L0 + (law.C / (1.0 - law.decay) if isinstance(law, MomentumLaw) else size_of(law)) * row.max()
    assert final.loss == pytest.approx(law.predict(row, tolerance=0.0)[-1], rel=1e-9, abs=1e-12 * size)
    for step in np.flatnonzero(row):  # at a rate of zero the law may jump
        nudge = np.zeros(len(row))
        nudge[step] = 1e-5 * row[step]
        slope = (law.final(row + nudge).loss - law.final(row - nudge).loss) / (2 * nudge[step])
        rounding = 1e-15 * (size + abs(final.loss)) / nudge[step]
        assert final.gradient[step] == pytest.approx(slope, rel=1e-4, abs=rounding + 1e-7 * abs(final.gradient).max())


@given(laws, rates)
def test_the_final_loss_is_finite_if_some_rates_are_zero(law, row):
    assume(any(row))
    assert math.isfinite(law.final(row).loss)


@given(functional_laws, st.sampled_from([0.0, 1e-300, 1e-20]))
def test_noise_at_a_vanishing_rate_has_no_slope_of_its_own(law, tiny):
    """Although eta^(p-1) has an infinite one if p < 2."""
    law = replace(law, A=1e-300, p=1.5, D=0.0)
    near, at = (law.final([0.1, 0.2, rate, 0.1]).gradient[2] for rate in (1e-14, tiny))
    assert at == pytest.approx(near, rel=1e-4, abs=1e-4 * law.B + 1e-200)


@pytest.mark.parametrize("start", [1e-5, 1e-3])
@pytest.mark.parametrize("decay", [0.0, 0.3, 1.0])
def test_rows_prepared_for_a_fit_agree_with_the_law(decay, start):
    """Their blocks are those of another law, and they interpolate the sizes."""
    law = FunctionalLaw(2.7, 6.0, 0.5, 4.0, 2.5, 1.4, 1.8, 0.5, decay, start)
    at = np.arange(2500, 24_000, 250)
    for plan in (ss.warmup_cosine(1e-3, 300, 24_000), ss.wsd(3e-4, 2000, 18_000, 4000)):
        rows = FunctionalRows.of([(plan.sample(), at)], replace(law, D=0.1, N0=1e-4), EFFECTIVE_SPREAD)
        np.testing.assert_allclose(rows.losses(law)[0], law.predict(plan, at=at), atol=4e-4)


def test_memory_is_bounded_even_without_blocks(monkeypatch):
    """A rate that goes up and down at every step has no blocks."""
    zigzag = np.where(np.arange(3000) % 2, 0.1, 0.2)
    monkeypatch.setattr("stepsize.laws.changes.MOST_PAIRS", 20_000)
    parts = list(Changes(zigzag, 0.0).chunks(np.arange(2000, 2400), 0.02))
    assert max(pairs.row.size for _, pairs in parts) <= 20_000
    assert sum(part.stop - part.start for part, _ in parts) >= 400
    np.testing.assert_allclose(
        LAW.predict(zigzag, at=np.arange(2000, 2020)), LAW.predict(zigzag, at=np.arange(2000, 2020), tolerance=0)
    )


def test_the_first_of_several_rates_are_taken():
    row = [0.1, 0.2, 0.3, 0.2, 0.1]
    np.testing.assert_array_equal(LAW.predict(row, 3), LAW.predict(row[:3]))


def test_a_schedule_may_have_as_many_steps_as_a_run_makes(monkeypatch):
    monkeypatch.setattr("stepsize.laws.law.MOST_UPDATES", 50)
    assert LAW.predict(ss.Constant(0.1), 50).size == 50
    with pytest.raises(ArgumentError, match=r"steps=\.\.\.\) must be of at most 50 steps, got 51"):
        LAW.predict(ss.Constant(0.1), 51)


def test_a_loss_has_four_decimals_or_more_and_no_negative_zero():
    assert [f"{3.14159:{loss_format(3.0)}}", f"{-1e-9:{loss_format(3.0)}}"] == ["3.1416", "0.0000"]
    assert f"{0.00314159:{loss_format(0.003)}}" == "0.0031416"


def test_steps_can_be_selected_beyond_the_end_of_a_schedule():
    plan = ss.Linear(0.3, 0.1, 20)
    assert LAW.predict(plan, 50).shape == (50,)
    np.testing.assert_array_equal(LAW.predict(plan, 50, at=[49, 3]), LAW.predict(plan, 50)[[49, 3]])


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: LAW.predict(ss.Constant(0.1)), "a number, because .* never ends, got None; write steps=1000"),
        (
            lambda: LAW.predict(ss.Linear(0.1, -0.1, 10)),
            r"at least 0 at every step, got Linear.*; it is -0\.02 at step 6",
        ),
        (lambda: LAW.predict(ss.Constant(0.1).head(0)), "a number, because .* has no steps, got None"),
        (lambda: LAW.predict([0.1, math.nan]), "finite"),
        (lambda: LAW.predict([[0.1]]), r"an array of shape \(1, 1\)"),
        (lambda: LAW.predict("Constant(0.1)"), "a schedule, or an array"),
        (lambda: LAW.predict([0.1, 0.1], 3), "at most the 2 given rates, got 3; write steps=2"),
        (lambda: LAW.predict([0.1, 0.1], at=[2]), "steps from 0 to 1"),
        (lambda: LAW.predict([0.1, 0.1], at=[-1]), "steps from 0 to 1"),
        (lambda: LAW.predict([0.1, 0.1], at=np.arange(0)), "whole steps"),
        (lambda: LAW.predict([0.1, 0.1], at=[0.5]), "whole steps"),
        (lambda: LAW.predict([0.1], tolerance=-1), "tolerance"),
        (lambda: LAW.final([0.0, 0.0]), "positive at some step"),
        (lambda: MOMENTUM.final([0.0, 0.0]), "positive at some step"),
        (lambda: MultiPowerLaw(3, 1, 0.5, 1, 1, 0.5, 1.0), "gamma"),
        (lambda: MultiPowerLaw(3, 1, 0.5, 1, 1, 0.5, 0.0), "gamma"),
        (lambda: MomentumLaw(3, 1, 0.5, 1, 1.0), "decay"),
        (lambda: FunctionalLaw(3, 1, 0.5, 1, 1, 0.9, 2.0), "rho"),
        (lambda: FunctionalLaw(3, 1, 0.5, 1, 1, 1.5, 1.0), r"\bp\b"),
        (lambda: FunctionalLaw(3, 1, 0.5, 1, 1, 1.5, 2.0, 0.5, -0.1), r"\bD\b"),
        (lambda: FunctionalLaw(3, 1, 0.5, 1, 1, 1.5, 2.0, 0.5, 0.1, 0.0), "N0"),
    ],
)
def test_bad_arguments_are_refused(ask, words):
    with pytest.raises(ArgumentError, match=words):
        ask()


def test_there_is_progress_after_a_change_however_small_the_rates_are():
    """The sums of such rates are rounded, and so are the means of where blocks of changes begin."""
    draws = np.random.default_rng(0)
    for _ in range(500):
        small = 10.0 ** draws.uniform(-16, -13) * np.sort(draws.random(draws.integers(2, 60)))
        rates = np.array([10.0 * draws.random(), *small])
        assert np.all(Changes(rates, rates[0]).pairs(np.arange(rates.size), 100.0).gap > 0)
