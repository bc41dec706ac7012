"""Schedules by their predicted final losses, and how certain the differences are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from stepsize.checked_calls import checked
from stepsize.laws.convex import named_schedules
from stepsize.laws.forecast import BAND_TOLERANCE, Fit, Forecast, Probability
from stepsize.laws.law import Floats, rates_of
from stepsize.laws.model_error import MODEL_ERRORS
from stepsize.schedules import Schedule


@dataclass(frozen=True, eq=False)
class RankedForecast:
    """A schedule in a ranking: its forecast, the excess of its final loss over the lowest, and the error of the excess.

    `margin` is half of the band of `excess`. It is often far smaller than the band of either loss, because both share
    the errors of the level. `distinct` says whether the excess is larger than its margin.
    """

    name: str
    schedule: Schedule
    forecast: Forecast
    excess: float
    margin: float

    @property
    def distinct(self) -> bool:
        """Whether the schedule is worse than the best, beyond the band of the difference."""
        return self.excess > self.margin


@checked
def rank_forecasts(
    found: Fit,
    schedules: Sequence[Schedule] | Mapping[str, Schedule],
    steps: int | None = None,
    *,
    level: Probability = 0.9,
) -> tuple[RankedForecast, ...]:
    """Rank schedules by their predicted final losses, best first, with the certainty of each difference from the best.

    The band of a difference has two parts: the uncertainty of the parameters, to first order from their covariance,
    and the error of the law, which was measured on runs of known outcome. It grows if the schedules differ in their
    highest rate, or in how far they reach beyond the longest run.

    Args:
        found: a fit to runs.
        schedules: a sequence, or a mapping from names to schedules.
        steps: the length of all schedules; the own length of each if None.
        level: the probability of the bands.

    Raises:
        ArgumentError: there are no schedules, an item is not a schedule, or one never ends and `steps` is None.
        FitError: as `Fit.predict`.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit, rank_forecasts
        >>> from stepsize.curves import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> flat, down = warmup(Constant(3e-4), 100), warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(p, 4000, at=at), p) for name, p in [("a", flat), ("b", down)]]
        >>> plans = {"late": wsd(3e-4, 100, 3200, 700), "flat": flat}
        >>> [each.name for each in rank_forecasts(fit(runs), plans, 4000)]
        ['late', 'flat']
    """
    named = named_schedules("rank_forecasts", schedules)
    forecasts = {name: found.predict(schedule, steps, level=level) for name, schedule in named.items()}
    order = sorted(named, key=lambda name: forecasts[name].final_loss)
    best = forecasts[order[0]].final_loss
    asked = {name: _asked(found, named[name], steps) for name in order}
    best_slope, best_reach, best_peak = asked[order[0]]
    width, error = float(ndtri(0.5 + level / 2)), MODEL_ERRORS[type(found.law)]
    ranked = [RankedForecast(order[0], named[order[0]], forecasts[order[0]], 0.0, 0.0)]
    for name in order[1:]:
        slope, reach, peak = asked[name]
        slope = slope - best_slope
        of_law = best * error.of_difference(reach / best_reach, peak / best_peak)
        margin = width * float(np.sqrt(slope @ found.covariance @ slope + of_law**2))
        ranked.append(RankedForecast(name, named[name], forecasts[name], forecasts[name].final_loss - best, margin))
    return tuple(ranked)


def _asked(found: Fit, schedule: Schedule, steps: int | None) -> tuple[Floats, int, float]:
    """What the error of a difference depends on: a schedule's slope of the final loss by the parameters, its reach in
    steps, at least the length of the longest run, and its highest rate.
    """
    rates = rates_of("rank_forecasts", schedule, steps)
    slope = found.law._derivatives(rates, np.array([rates.size - 1]), BAND_TOLERANCE)[0]
    return slope, max(rates.size, *(int(run.steps[-1]) + 1 for run in found.runs)), float(rates.max())
