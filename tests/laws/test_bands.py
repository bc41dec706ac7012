"""The band of a prediction: how often it holds what it says, and what widens it."""

from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest
from benchmarks.development_runs import read_runs
from published import DATA
from runs import MOMENTUM_TRUTH, PEAK, TRUTH, three

import stepsize as ss
from stepsize.laws import FunctionalLaw, MomentumLaw, MultiPowerLaw, fit
from stepsize.laws.model_error import MODEL_ERRORS

ASKED = (
    ss.wsd(PEAK, 200, 4300, 1500, final_lr=0.1 * PEAK),
    ss.wsd(PEAK, 200, 2300, 3500),
    ss.warmup_cosine(PEAK, 200, 11_000, final_lr=0.1 * PEAK),
)
TRUTHS = {
    "functional": FunctionalLaw(2.9, 6.0, 0.5, 4.0, 2.5, 1.4, 1.8, 0.5, 0.3, 6e-5),
    "multi-power": TRUTH,
    "a slower power": MultiPowerLaw(3.0, 0.52, 0.7, 400.0, 0.3, 0.3, 0.5),
    "momentum": MOMENTUM_TRUTH,
}
"""Laws of runs to which the default law is fitted: one of its own kind, and three that it does not contain."""


@cache
def forecasts(name, level):
    """The true final loss and the band of each schedule that is asked for, from three runs with noise, twice."""
    truth = TRUTHS[name]
    fits = [fitted(name, seed) for seed in range(2)]
    return [(truth.final(plan).loss, found.predict(plan, level=level).final_band) for found in fits for plan in ASKED]


@cache
def fitted(name, seed):
    return fit(three(1e-3, TRUTHS[name], seed))


@pytest.mark.parametrize("name", TRUTHS)
def test_the_band_holds_the_loss_whatever_law_made_the_runs(name):
    held = [low <= loss <= high for loss, (low, high) in forecasts(name, 0.9)]
    assert np.mean(held) >= 0.8


def test_the_level_is_that_of_a_normal_error():
    found = fitted("functional", 0)
    width = {level: np.ptp(found.predict(ASKED[0], level=level).final_band) for level in (0.68, 0.9, 0.95)}
    assert width[0.9] / width[0.68] == pytest.approx(1.6449 / 0.9945, rel=1e-3)
    assert width[0.95] / width[0.68] == pytest.approx(1.96 / 0.9945, rel=1e-3)


def test_the_band_is_never_narrower_than_the_distance_of_the_runs_from_the_law():
    found = fitted("functional", 0)
    for doubtful in (found, replace(found, scatter=0.03), replace(found, left_out=0.05), replace(found, left_out=None)):
        forecast = doubtful.predict(ASKED[0], level=0.9)
        own = max(doubtful.scatter, doubtful.left_out or 0.0)
        assert (forecast.high - forecast.losses >= 1.6448 * own * forecast.losses).all()


def test_the_band_widens_with_the_steps_beyond_the_longest_run():
    found = fitted("functional", 0)
    forecast = found.predict(ss.warmup(ss.Constant(PEAK), 200), 24_000, at=[5999, 11_999, 23_999])
    relative = (forecast.high - forecast.losses) / forecast.losses
    base = MODEL_ERRORS[FunctionalLaw].base
    assert relative[0] < relative[1] < relative[2]
    assert relative[0] > 1.6448 * base


def test_the_band_is_wider_at_a_peak_that_is_far_from_those_of_the_runs():
    found = fitted("functional", 0)
    near, far = (
        np.ptp(found.predict(ASKED[0], level=0.9).final_band),
        np.ptp(found.predict(3 * ASKED[0]).final_band),
    )
    assert far > 1.5 * near


def test_real_runs_lie_within_the_bands_of_every_law():
    """Learned from a constant rate, a cosine and one WSD."""
    if not DATA.exists():
        pytest.skip("the loss curves are not beside this checkout")
    runs = {run.name: run for run in read_runs(DATA)}
    learned = [runs[f"{kind}_lr0.001_T50000"].curve for kind in ("wsd0", "cos10", "wsd0.2")]
    asked = [runs[f"wsd{part}_lr0.001_T{length}"] for part in (0.1, 0.4, 0.8) for length in (25_000, 50_000)]
    for law in (FunctionalLaw, MultiPowerLaw, MomentumLaw):
        found = fit(learned, law)
        bands = [found.predict(run.rates, at=[run.length - 1]).final_band for run in asked]
        assert np.mean([low <= run.final <= high for run, (low, high) in zip(asked, bands, strict=True)]) >= 0.6
        if law is FunctionalLaw:
            assert all(low <= run.final <= high for run, (low, high) in zip(asked, bands, strict=True))
            assert max(np.ptp(band) for band in bands) < 0.06


MEASURED = {
    FunctionalLaw: (0.5, 0.001, 0.001, 0.0025, 0.0005),
    MultiPowerLaw: (1.0, 0.004, 0.004, 0.018, 0.004),
    MomentumLaw: (1.0, 0.004, 0.005, 0.016, 0.006),
}
"""The share of the uncertainty of the parameters, and the errors of a law: of all predictions, for twice the length,
for twice the peak, and of differences. Learned from development runs by the benchmarks.
"""


@pytest.mark.parametrize("truth", [TRUTHS["functional"], TRUTH, MOMENTUM_TRUTH], ids=lambda truth: type(truth).__name__)
def test_the_band_is_that_of_the_sum_of_its_parts(truth):
    """Of the parameters, the scatter, and the law, which is less certain beyond the runs."""
    found = replace(fitted_of_its_kind(truth), scatter=0.002, left_out=0.003)
    share, base, length, peak, _ = MEASURED[type(truth)]
    longest = max(run.steps[-1] for run in found.runs) + 1
    planned = [replace(run, rates=np.append(run.rates, np.full(9000, run.rates[-1]))) for run in found.runs]
    found = replace(found, runs=tuple(planned))  # what follows the last row does not count
    for factor, steps in ((1.0, 3000), (2.0, 14_000), (0.25, 9000)):
        plan = ss.warmup_cosine(factor * PEAK, 200, steps, final_lr=0.3 * factor * PEAK)
        forecast = found.predict(plan, at=[steps - 1])
        loss, ((low, high),) = forecast.final_loss, [forecast.final_band]
        slope = found.law._derivatives(plan.sample(), np.array([steps - 1]), 0.0)[0]
        parts = [
            share * np.sqrt(slope @ found.covariance @ slope) / loss,
            base,
            length * max(0.0, np.log2(steps / longest)),
            peak * abs(np.log2(factor)),
            0.003,
        ]
        half = NormalDist().inv_cdf(0.95) * np.sqrt(np.sum(np.square(parts))) * loss
        assert (high - low) / 2 == pytest.approx(half, rel=2e-3)
        assert (high + low) / 2 == pytest.approx(loss)


@pytest.mark.parametrize("law", MEASURED)
def test_the_difference_of_two_predictions_has_an_error_of_its_own(law):
    _, _, length, peak, difference = MEASURED[law]
    error = MODEL_ERRORS[law].of_difference
    assert error(1.0, 1.0) == pytest.approx(difference)
    assert error(4.0, 1.0) == error(0.25, 1.0) == pytest.approx(np.hypot(difference, 2 * length))
    assert error(1.0, 0.5) == error(1.0, 2.0) == pytest.approx(np.hypot(difference, peak))


@cache
def fitted_of_its_kind(truth):
    return fit(three(1e-3, truth), type(truth))
