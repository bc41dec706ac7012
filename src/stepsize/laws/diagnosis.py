"""Whether runs determine a law, and what they leave open, in words."""

from collections.abc import Sequence

import numpy as np

from stepsize.arguments import quoted
from stepsize.errors import ArgumentError, FitError
from stepsize.laws.fit_forms import Form
from stepsize.laws.law import Law
from stepsize.laws.momentum import MomentumLaw
from stepsize.laws.multi_power import MultiPowerLaw
from stepsize.laws.rates import Floats, Whole
from stepsize.records import LossCurve

FEWEST_ROWS: dict[type[Law], int] = {MultiPowerLaw: 21, MomentumLaw: 12}
"""Three for each parameter."""
ONE_UNIT = 10.0
"""Peak rates that differ by a larger factor are taken to be in different units."""
UNLIKE = 0.25
"""Runs that lie so far from a law, as a part of the loss, do not obey it."""
DECAY, SAME = 0.1, 0.01
"""A rate has decayed that is this part of the peak lower; rates are the same that differ by less."""


def must_determine(runs: Sequence[LossCurve], law: type[Law]) -> None:
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
    if not any(map(_decays, runs)):
        raise FitError(
            "in none of the runs does the rate come down after its peak, so that they say nothing of what a decay "
            f"gains; add a run with a decay (the rate comes {100 * DECAY:.0f}% or more below its peak)"
        )
    plans = _plans(runs)
    if law is MultiPowerLaw and plans == 1:
        several = "one run" if len(runs) == 1 else f"{len(runs)} runs of one schedule"
        raise FitError(
            f"{several} cannot determine the multi-power law, whose parts are told apart by different decays; add a "
            "run with another decay, such as one at a constant rate, or fit law=MomentumLaw, which has fewer parameters"
        )
    rows = sum(run.steps.size for run in runs)
    if rows < FEWEST_ROWS[law]:
        raise FitError(
            f"{rows} rows are too few for the parameters of the law; log more often: {FEWEST_ROWS[law]} rows are the "
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


def remarks(
    runs: Sequence[LossCurve], form: Form, z: Floats, covariance: Floats, residuals: Floats, run: Whole
) -> tuple[str, ...]:
    """What the runs leave open, in words; nothing where all is well."""
    found = []
    if _plans(runs) == 1:
        found.append("all runs have one schedule: what another decay gains is a guess from the form of the law")
    elif sum(map(_decays, runs)) == 1:
        found.append("one run alone has a decay: how its form matters is a guess from the form of the law")
    places = form.expected.index
    units = np.abs(np.diag(form.slope(z)))[places]
    unsaid = np.sqrt(np.diag(covariance)[places]) > 0.8 * form.expected.width * units
    if unsaid.any():
        names = listed([form.names[place] for place in places[unsaid]])
        found.append(f"the runs say little of {names}: what was expected before the fit still stands")
    low, high = form.bounds
    stuck = [name for name, at, a, b in zip(form.names, z, low, high, strict=True) if min(at - a, b - at) < 1e-6]
    if stuck:
        found.append(f"{listed(stuck)} {'is' if len(stuck) == 1 else 'are'} at the end of the range")
    scatter = float(np.sqrt((residuals**2).mean()))
    shifts = np.bincount(run, residuals) / np.bincount(run)
    within = float(np.sqrt(((residuals - shifts[run]) ** 2).mean()))
    for each, shift in zip(runs, shifts, strict=True):
        if len(runs) > 1 and abs(shift) > max(3 * within, 0.01):
            side = "above" if shift < 0 else "below"
            found.append(
                f"run {quoted(each.name)} lies {100 * abs(shift):.1f}% {side} the law: is it one of this setting?"
            )
    if scatter > 0.02:
        found.append(
            f"the runs lie {100 * scatter:.1f}% around the law: noise (see LossCurve.smoothed), or not its form"
        )
    return tuple(found)


def listed(words: Sequence[str]) -> str:
    """The words with commas and an "and"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _decays(run: LossCurve) -> bool:
    used = run.rates[: run.steps[-1] + 1]
    return float(used[used.argmax() :].min()) <= (1.0 - DECAY) * float(used.max())


def _plans(runs: Sequence[LossCurve]) -> int:
    """How many different plans the runs followed; a longer run at the same rates is the same plan."""
    seen: list[Floats] = []
    for run in runs:
        rates = run.rates[: run.steps[-1] + 1] / run.peak_lr
        both = (min(len(rates), len(each)) for each in seen)
        if not any(np.abs(rates[:n] - each[:n]).max() <= SAME for n, each in zip(both, seen, strict=False)):
            seen.append(rates)
    return len(seen)
