"""What a fit finds: a law, how sure it is, and forecasts with a band."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from stepsize.arguments import Number, checked
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, FitError
from stepsize.laws.law import Law
from stepsize.laws.rates import Floats, Integers, Rates, rates_of, steps_of

FARTHEST_PEAK = 10.0
"""Times the peak rate of the runs, or a part of it: beyond, no loss is foreseen."""
FAR_PEAK, FAR_STEPS, FAR_LOW = 1.2, 2.0, 0.3
POINTS = 1000
LOOSE = 1e-3
"""The error of losses whose derivatives are taken for a band."""

Probability = Annotated[float, Number(above=0.0, most=0.999)]


@dataclass(frozen=True, eq=False)
class Forecast:
    """The loss foreseen for a schedule at some steps, and its rates there, shape `(points,)` each, with a band.

    `low` and `high` bound what is expected of one run with probability `level`; `cautions` say in words where the
    schedule goes beyond the runs that the law was learned from.
    """

    steps: Integers
    rates: Floats
    losses: Floats
    low: Floats
    high: Floats
    level: float
    cautions: tuple[str, ...]

    @property
    def final_loss(self) -> float:
        """The loss at the last step."""
        return float(self.losses[-1])

    @property
    def final_band(self) -> tuple[float, float]:
        """The band at the last step."""
        return float(self.low[-1]), float(self.high[-1])


@dataclass(frozen=True, eq=False)
class Fit:
    """A law as fitted to runs, made by `fit`.

    `uncertainty` has the standard error of every parameter. `scatter` is how close to the law two thirds of the rows
    are, as a fraction of the loss. `left_out` is the same of runs that the law was not fitted to: those of each
    schedule are left out in turn and foreseen from the others (None where these do not determine the law). `diagnosis`
    says in words what the runs leave open.
    """

    law: Law
    runs: tuple[LossCurve, ...]
    covariance: Floats
    """Of the parameters of the law, in their order, shape `(parameters, parameters)`."""
    scatter: float
    left_out: float | None
    diagnosis: tuple[str, ...]

    @property
    def uncertainty(self) -> dict[str, float]:
        """The standard error of every parameter."""
        return dict(zip(vars(self.law), np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @checked
    def predict(
        self,
        schedule_or_rates: Rates,
        steps: int | None = None,
        *,
        at: ArrayLike | None = None,
        level: Probability = 0.9,
    ) -> Forecast:
        """The loss foreseen for a schedule, with a band.

        The band has two parts: what the parameters leave open, to first order from their covariance, and how far a
        single run lies from the law: the scatter of the runs, or, where it is larger, the error of those left out.
        How wrong the law may be for schedules unlike all of the runs it cannot say. Where no rate was positive yet the
        loss and its band are infinite.

        Args:
            schedule_or_rates: a schedule, or the rate of every update, warmup included.
            steps: how many, the schedule's own length if None.
            at: the steps; at most 1,000 evenly spaced ones with the last among them if None, those left out at which no
                rate has been positive.
            level: of the band.

        Raises:
            ArgumentError: as `Law.predict`.
            FitError: the highest rate is ten times that of the runs, or a tenth: of that they say nothing.
        """
        rates = rates_of("predict", schedule_or_rates, steps)
        cautions = self.cautions(rates)
        if at is None:
            first = int(np.flatnonzero(rates)[0])
            points = min(POINTS, rates.size - first)
            wanted = np.unique(np.linspace(first, rates.size - 1, points).round().astype(np.int64))
        else:
            wanted = steps_of("predict", at, rates.size)
        losses = self.law.predict(rates, at=wanted)
        low, high = np.full((2, wanted.size), np.inf)  # as the loss, where no rate was positive yet
        begun = np.isfinite(losses)
        jacobian = self.law._derivatives(rates, wanted[begun], LOOSE)
        left_open = np.einsum("ij,jk,ik->i", jacobian, self.covariance, jacobian)
        one_run = max(self.scatter, self.left_out or 0.0) * losses[begun]
        half = float(ndtri(0.5 + level / 2)) * np.sqrt(one_run**2 + left_open)
        low[begun], high[begun] = losses[begun] - half, losses[begun] + half
        return Forecast(wanted, rates[wanted], losses, low, high, level, cautions)

    def cautions(self, schedule_or_rates: Rates, steps: int | None = None) -> tuple[str, ...]:
        """Where a schedule goes beyond the runs that the law was learned from, in words.

        Raises:
            ArgumentError: as `Law.predict`; or no rate is positive.
            FitError: as `predict`.
        """
        rates = rates_of("cautions", schedule_or_rates, steps)
        peak = float(rates.max())
        if peak == 0:
            raise ArgumentError("cautions needs a rate that is positive: without one there is no loss")
        peaks = sorted({run.peak_lr for run in self.runs})
        nearest = min(max(peak / each, each / peak) for each in peaks)
        among = ", ".join(f"{each:g}" for each in peaks)
        if nearest > FARTHEST_PEAK:
            raise FitError(
                f"the schedule's highest rate is {peak:g}, that of the runs {among}: of so different a rate they say "
                "nothing; is it written in another unit? Fit on runs of a like rate"
            )
        cautions = []
        if nearest > FAR_PEAK:
            cautions.append(
                f"the highest rate is {peak:g}, that of the runs {among}: the law compares schedules of one peak, and "
                "is no guide to another"
            )
        longest = max(int(run.steps[-1]) + 1 for run in self.runs)
        if rates.size > FAR_STEPS * longest:
            cautions.append(f"it lasts more than {FAR_STEPS:.0f} times as long as the longest run, {longest:,} steps")
        ways_up = [int(np.argmax(run.rates >= 0.99 * run.peak_lr)) for run in self.runs]
        if int(np.argmax(rates >= 0.99 * peak)) < 0.5 * min(ways_up):
            cautions.append(
                f"it is at its highest rate sooner than the runs, which took {min(ways_up):,} steps and more: give it "
                "their warmup, without which the law foresees too low a loss"
            )
        lowest = min(float(run.rates[np.argmax(run.rates) : run.steps[-1] + 1].min()) for run in self.runs)
        reached = float(rates[np.argmax(rates) :].min())
        if reached < FAR_LOW * lowest:
            cautions.append(f"the rate goes below {lowest:.3g}, where none of the runs has been")
        return tuple(cautions)
