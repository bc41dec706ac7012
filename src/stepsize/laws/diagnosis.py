"""Whether runs determine a law, and what they leave open, in words."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.curves import LossCurve
from stepsize.errors import PYTHON, FitError, StepsizeError, Words, quoted
from stepsize.laws.estimate import Estimate, Solution, robust_deviation
from stepsize.laws.functional_law import FunctionalLaw
from stepsize.laws.law import Floats
from stepsize.laws.momentum_law import MomentumLaw
from stepsize.laws.parametrization import Parametrization

MOST_PEAK_RATIO = 10.0  # peak rates that differ by a larger factor are taken to be in different units
FAR_PEAK = 1.2  # peak rates that differ by at most this factor are one peak
MOST_SCATTER = 0.25  # relative distance beyond which runs do not obey a law
NEAR_BOUND = 0.01  # a parameter this near to a bound, as a fraction of its range, is at the bound
DECAY = 0.1  # a rate has decayed if it is this fraction of the peak lower
SAME_RATE = 0.01  # rates that differ by a smaller fraction of the peak are the same
# The run that narrows a parameter most beside a constant rate and a cosine. Tried were a longer run, a constant rate of
# a third and of three times the peak, a sudden drop, and shorter, longer and deeper decays. A law of one peak takes no
# run of another. The amplitudes have no prior and no upper bound, so they have no remark.
LOWER, HIGHER, DROP = "a run with a lower rate", "a run with a higher rate", "a run whose rate drops at once"
INFORMATIVE = {
    **dict.fromkeys(("alpha", "rho", "kappa", "N0"), LOWER),
    **dict.fromkeys(("p", "D"), HIGHER),
    "C": DROP,
}
INFORMATIVE_OF_ONE_PEAK = {
    "alpha": "a longer run",
    **dict.fromkeys(("C", "beta", "gamma", "decay"), DROP),
}


class Remark(str):
    """A remark on a fit: a string in Python's words, which `message` gives in others, such as the command line's."""

    def __new__(cls, text: str, advice: str = "", /, **settings: Any) -> "Remark":
        data = StepsizeError(text, advice, **settings)
        remark = super().__new__(cls, data.message())
        remark._data = data
        return remark

    _data: StepsizeError

    def message(self, words: Words = PYTHON) -> str:
        """The remark in these words."""
        return self._data.message(words)


def groups_by_schedule(runs: Sequence[LossCurve]) -> list[list[int]]:
    """The indices of the runs of each schedule, in order; a longer run at the same rates has the same schedule."""
    peaks = [run.peak_lr for run in runs]
    rates = [run.rates[: run.steps[-1] + 1] / peak for run, peak in zip(runs, peaks, strict=True)]
    groups: list[list[int]] = []
    # The longest first: a short run may be the beginning of several, which are then already separate.
    for index in sorted(range(len(runs)), key=lambda index: -rates[index].size):
        for group in groups:
            first = group[0]
            near = max(peaks[index], peaks[first]) <= FAR_PEAK * min(peaks[index], peaks[first])
            if near and np.abs(rates[index] - rates[first][: rates[index].size]).max() <= SAME_RATE:
                group.append(index)
                break
        else:
            groups.append([index])
    return sorted(sorted(group) for group in groups)


def has_decay(run: LossCurve) -> bool:
    """Whether the rate decays after its peak."""
    used = run.rates[: run.steps[-1] + 1]
    return float(used[used.argmax() :].min()) <= (1.0 - DECAY) * float(used.max())


def check_runs(runs: Sequence[LossCurve], parametrization: type[Parametrization]) -> None:
    """Refuse runs that do not determine the law."""
    peaks = {run.name: run.peak_lr for run in runs}
    for name, peak in peaks.items():
        if peak == 0:
            raise FitError(f"the rate of run {quoted(name)} is zero throughout")
    lowest, highest = min(peaks, key=peaks.__getitem__), max(peaks, key=peaks.__getitem__)
    if peaks[highest] > MOST_PEAK_RATIO * peaks[lowest]:
        first, second = (f"run {quoted(name)} is {peaks[name]:g}" for name in (highest, lowest))
        raise FitError(f"the highest rate of {first}, that of {second}; are both in one unit?")
    if parametrization.one_peak and peaks[highest] > FAR_PEAK * peaks[lowest]:
        span = f"the peak rates of the runs range from {peaks[lowest]:g} to {peaks[highest]:g}"
        advice = "fit the runs of each peak separately, or use {law}"
        raise FitError(f"{span}, but this law only compares schedules of one peak", advice, law=FunctionalLaw)
    if not any(map(has_decay, runs)):
        reason = "the rate does not decay in any of the runs, so they do not show what a decay gains"
        raise FitError(reason, f"add a run whose rate falls at least {100 * DECAY:.0f}% below its peak")
    if len(groups_by_schedule(runs)) < parametrization.fewest_schedules:
        several = "one run" if len(runs) == 1 else f"{len(runs)} runs of one schedule"
        advice = "add a run with another decay or a constant rate, or use {law}, which has fewer parameters"
        raise FitError(f"{several} cannot determine this law, which needs different decays", advice, law=MomentumLaw)
    rows = sum(run.steps.size for run in runs)
    if rows < parametrization.fewest_rows:
        good = f"{parametrization.fewest_rows} rows are the least, a hundred for each run are good"
        raise FitError(f"{rows} rows are too few for the parameters of the law", f"log more often: {good}")


def check_scatter(scatter: float) -> None:
    """Refuse runs that do not obey the law."""
    if scatter > MOST_SCATTER:
        raise FitError(
            f"the runs lie {scatter:.0%} around the best law of this form, which is too far for a prediction",
            "average the losses of single batches with {smoothed}; the laws are for losses that level off, not for "
            "losses that go to zero because all samples are memorized",
            smoothed=LossCurve.smoothed,
        )


def remarks(
    runs: Sequence[LossCurve], estimate: Estimate, best: Solution, covariance: Floats, left_out: float | None
) -> Iterator[Remark]:
    """What the runs leave open."""
    par, z, run = estimate.parametrization, best.z, estimate.run
    residuals = estimate.residuals(z)
    names = np.array(list(vars(par.law(z))))
    groups = groups_by_schedule(runs)
    if len(groups) == 1:
        yield Remark("all runs have one schedule: the gain of another decay is only a guess of the law")
    elif sum(has_decay(runs[group[0]]) for group in groups) == 1:
        yield Remark("only one schedule has a decay: the effect of its shape is only a guess of the law")
    if left_out is None:
        unchecked = "no schedule can be left out and predicted from the others"
        yield Remark(f"{unchecked}, so nothing checks the law on these runs")
    if not best.converged:
        yield Remark("the search for the best parameters stopped before it converged")
    table = INFORMATIVE_OF_ONE_PEAK if par.one_peak else INFORMATIVE

    def informative(parameters: NDArray[np.str_]) -> str:
        return f"add {_listed(list(dict.fromkeys(table[name] for name in parameters)))}"

    units = np.abs(np.diag(par.slope(z)))
    undetermined = np.sqrt(np.diag(covariance)) > 0.8 * np.array(par.width) * units
    if undetermined.any():
        listed = _listed(names[undetermined])
        text = f"the runs say little about {listed}: the expected values remain"
        yield Remark(text, informative(names[undetermined]))
    low, high = np.array(par.low), np.array(par.high)
    # The search approaches a bound and never reaches it.
    stuck = names[(np.minimum(z - low, high - z) < NEAR_BOUND * (high - low)) & np.isfinite(high)]
    if stuck.size:
        which = f"{_listed(stuck)} {'is' if stuck.size == 1 else 'are'} at the end of the range"
        yield Remark(f"{which}, so the law may not hold beyond these runs", informative(stuck))
    shifts = np.array([np.median(residuals[run == place]) for place in range(len(runs))])
    within = robust_deviation(residuals - shifts[run])
    for each, shift in zip(runs, shifts, strict=True):
        if len(runs) > 1 and abs(shift) > max(3 * within, 0.01):
            where = f"{100 * abs(shift):.1f}% {'above' if shift < 0 else 'below'} the law"
            yield Remark(f"run {quoted(each.name)} lies {where}: does it have the setting of the others?")
    scatter = robust_deviation(residuals)
    if scatter > 0.02:
        noisy = f"the runs lie {100 * scatter:.1f}% around the law: they are noisy, or do not obey it"
        yield Remark(noisy, "{smoothed} reduces noise", smoothed=LossCurve.smoothed)


def _listed(words: Sequence[str] | NDArray[np.str_]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
