"""Whether runs determine a law, and what they leave open, in words."""

from collections.abc import Sequence

import numpy as np

from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, FitError, quoted
from stepsize.laws.estimate import Estimate, Solution
from stepsize.laws.fit_forms import Form
from stepsize.laws.forecast import FAR_PEAK
from stepsize.laws.plans import DECAY, decays, plans_of
from stepsize.laws.rates import Floats

ONE_UNIT = 10.0
"""Peak rates that differ by a larger factor are taken to be in different units."""
UNLIKE = 0.25
"""Runs that lie so far from a law, as a part of the loss, do not obey it."""
AT_END = 0.01
"""A number is at the end of its range that is so near to it, as a part of the range."""


def must_determine(runs: Sequence[LossCurve], form: type[Form]) -> None:
    """Refuse runs of which a law would be made up rather than found.

    Raises:
        ArgumentError: there are none.
        FitError: see `fit`.
    """
    if not runs:
        raise ArgumentError("fit needs at least one run")
    peaks = {run.name: run.peak_lr for run in runs}
    for name, peak in peaks.items():
        if peak == 0:
            raise FitError(f"the rate of run {quoted(name)} is zero throughout")
    lowest, highest = min(peaks, key=peaks.__getitem__), max(peaks, key=peaks.__getitem__)
    if peaks[highest] > ONE_UNIT * peaks[lowest]:
        raise FitError(
            f"the highest rate of run {quoted(highest)} is {peaks[highest]:g}, that of {quoted(lowest)} "
            f"{peaks[lowest]:g}: are both in one unit?"
        )
    for run in runs:
        if run.rates[: run.steps[0] + 1].sum() == 0:
            raise FitError(
                f"run {quoted(run.name)} has a row at step {run.steps[0]}, before any rate was positive; leave it out"
            )
    if not any(map(decays, runs)):
        raise FitError(
            "in none of the runs does the rate come down after its peak, so that they say nothing of what a decay "
            f"gains; add a run with a decay (the rate comes {100 * DECAY:.0f}% or more below its peak)"
        )
    if len(plans_of(runs)) < form.fewest_plans:
        several = "one run" if len(runs) == 1 else f"{len(runs)} runs of one schedule"
        raise FitError(
            f"{several} cannot determine the multi-power law, whose parts are told apart by different decays; add a "
            "run with another decay, such as one at a constant rate, or fit law=MomentumLaw, which has fewer parameters"
        )
    rows = sum(run.steps.size for run in runs)
    if rows < form.fewest_rows:
        raise FitError(
            f"{rows} rows are too few for the parameters of the law; log more often: {form.fewest_rows} rows are the "
            "least, a hundred for each run are good"
        )


def must_hold(scatter: float) -> None:
    """Refuse a law that the runs do not obey.

    Raises:
        FitError: see `fit`.
    """
    if scatter > UNLIKE:
        raise FitError(
            f"the runs lie {scatter:.0%} around the best law of this form, so that it would foresee nothing: is the "
            "loss that of one batch (LossCurve.smoothed helps), or does it go to zero, as where all samples are "
            "learned by heart? The laws are of losses that level off"
        )


def typical(residuals: Floats) -> float:
    """What two thirds of the residuals keep within: their standard deviation if they are normal, whatever a few are."""
    return float(np.quantile(np.abs(residuals), 0.6827))


def remarks(runs: Sequence[LossCurve], estimate: Estimate, best: Solution, covariance: Floats) -> tuple[str, ...]:
    """What the runs leave open, in words; nothing where all is well."""
    form, z, run = estimate.form, best.z, estimate.run
    residuals = estimate.residuals(z)
    names = list(vars(form.law(z)))
    found = []
    plans = plans_of(runs)
    if len(plans) == 1:
        found.append("all runs have one schedule: what another decay gains is a guess from the form of the law")
    elif sum(decays(runs[plan[0]]) for plan in plans) == 1:
        found.append("one schedule alone has a decay: how its form matters is a guess from the form of the law")
    peaks = [each.peak_lr for each in runs]
    if max(peaks) > FAR_PEAK * min(peaks):
        found.append(
            f"the peak rates of the runs go from {min(peaks):g} to {max(peaks):g}: the law compares schedules of one "
            "peak; fit runs of each peak by themselves"
        )
    if not best.converged:
        found.append("the search for the best parameters was stopped before it came to an end")
    places = form.expected.index
    units = np.abs(np.diag(form.slope(z)))[places]
    unsaid = np.sqrt(np.diag(covariance)[places]) > 0.8 * form.expected.width * units
    if unsaid.any():
        words = listed([names[place] for place in places[unsaid]])
        found.append(f"the runs say little of {words}: what was expected before the fit still stands")
    low, high = form.bounds
    # The search comes near to a bound, and never onto it.
    near = np.minimum(z - low, high - z) < AT_END * (high - low)
    stuck = [name for name, is_near in zip(names, near & np.isfinite(high), strict=True) if is_near]
    if stuck:
        found.append(f"{listed(stuck)} {'is' if len(stuck) == 1 else 'are'} at the end of the range")
    shifts = np.array([np.median(residuals[run == place]) for place in range(len(runs))])
    within = typical(residuals - shifts[run])
    for each, shift in zip(runs, shifts, strict=True):
        if len(runs) > 1 and abs(shift) > max(3 * within, 0.01):
            side = "above" if shift < 0 else "below"
            found.append(
                f"run {quoted(each.name)} lies {100 * abs(shift):.1f}% {side} the law: is it one of this setting?"
            )
    scatter = typical(residuals)
    if scatter > 0.02:
        found.append(
            f"the runs lie {100 * scatter:.1f}% around the law: noise (see LossCurve.smoothed), or not its form"
        )
    return tuple(found)


def listed(words: Sequence[str]) -> str:
    """The words with commas and an "and"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
