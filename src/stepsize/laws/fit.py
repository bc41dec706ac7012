"""What a fit finds: a law, how sure it is, and forecasts with a band."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from stepsize.arguments import Number, checked
from stepsize.errors import FitError
from stepsize.laws.changes import spread_for
from stepsize.laws.law import Law
from stepsize.laws.momentum import MomentumLaw, MomentumRows
from stepsize.laws.multi_power import MultiPowerLaw, MultiPowerRows
from stepsize.laws.rates import Floats, Rates, Whole, rates_of, steps_of
from stepsize.records import LossCurve

FARTHEST_PEAK = 10.0
"""Times the peak rate of the runs, or a part of it: beyond, no loss is foreseen."""
FAR_PEAK, FAR_STEPS, FAR_LOW = 1.2, 2.0, 0.3
POINTS = 1000

Level = Annotated[float, Number(above=0.0, most=0.999)]


@dataclass(frozen=True, eq=False)
class Forecast:
    """The loss foreseen for a schedule at some steps, and its rates there, shape `(points,)` each, with a band.

    `low` and `high` bound what is expected of one run with probability `level`; `cautions` say in words where the
    schedule goes beyond the runs that the law was learned from.
    """

    steps: Whole
    rates: Floats
    losses: Floats
    low: Floats
    high: Floats
    level: float
    cautions: tuple[str, ...]

    @property
    def final(self) -> float:
        """The loss at the last step."""
        return float(self.losses[-1])

    @property
    def final_band(self) -> tuple[float, float]:
        """The band at the last step."""
        return float(self.low[-1]), float(self.high[-1])


@dataclass(frozen=True, eq=False)
class Fit:
    """A law as fitted to runs, made by `fit`.

    `uncertainty` has the standard error of every parameter. `scatter` is how far the runs lie from the law, and
    `left_out` how far those lie from it that were left out of the fit in turn (root mean squares, as fractions of the
    loss; None where the others do not determine the law). `diagnosis` says in words what the runs leave open.
    """

    law: Law
    runs: tuple[LossCurve, ...]
    covariance: Floats
    """Of the parameters in `names`, shape `(parameters, parameters)`."""
    names: tuple[str, ...]
    scatter: float
    left_out: float | None
    diagnosis: tuple[str, ...]

    @property
    def uncertainty(self) -> dict[str, float]:
        """The standard error of every parameter that was fitted."""
        errors = np.sqrt(np.diag(self.covariance))
        return {name: float(error) for name, error in zip(self.names, errors, strict=True)}

    @checked
    def predict(
        self, schedule_or_rates: Rates, steps: int | None = None, *, at: ArrayLike | None = None, level: Level = 0.9
    ) -> Forecast:
        """The loss foreseen for a schedule, with a band.

        The band has two parts: what the parameters leave open, to first order from their covariance, and how far a
        single run lies from the law: the scatter of the runs, or, where it is larger, the error of those left out.
        How wrong the law may be for schedules unlike all of the runs it cannot say.

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
        cautions = self._cautions(rates)
        if at is None:
            first = int(np.flatnonzero(rates)[0])
            points = min(POINTS, rates.size - first)
            wanted = np.unique(np.linspace(first, rates.size - 1, points).round().astype(np.int64))
        else:
            wanted = steps_of("predict", at, rates.size)
        losses = self.law.predict(rates, at=wanted)
        variance = (max(self.scatter, self.left_out or 0.0) * losses) ** 2
        for begin in range(0, len(wanted), 256):
            block = slice(begin, begin + 256)
            jacobian = self._jacobian(rates, wanted[block])
            variance[block] += np.einsum("ij,jk,ik->i", jacobian, self.covariance, jacobian)
        half = float(ndtri(0.5 + level / 2)) * np.sqrt(variance)
        return Forecast(wanted, rates[wanted], losses, losses - half, losses + half, level, cautions)

    def _jacobian(self, rates: Floats, at: Whole) -> Floats:
        if isinstance(self.law, MomentumLaw):
            return MomentumRows([(rates, at)], self.law.decay).losses(self.law)[1]
        assert isinstance(self.law, MultiPowerLaw)
        spread = spread_for(1e-3, self.law.beta, self.law.B * float(np.abs(np.diff(rates)).sum()))
        return MultiPowerRows([(rates, at)], spread).losses(self.law)[1]

    def _cautions(self, rates: Floats) -> tuple[str, ...]:
        """What goes beyond the runs, in words."""
        peak = float(rates.max())
        peaks = [run.peak_lr for run in self.runs]
        low, high = min(peaks), max(peaks)
        if not low / FARTHEST_PEAK <= peak <= high * FARTHEST_PEAK:
            raise FitError(
                f"the schedule's highest rate is {peak:g}, that of the runs {_range(low, high)}: of so different a "
                "rate they say nothing; is it written in another unit? Fit on runs of a like rate"
            )
        cautions = []
        if not low / FAR_PEAK <= peak <= high * FAR_PEAK:
            cautions.append(
                f"the highest rate is {peak:g}, that of the runs {_range(low, high)}: the law compares schedules of "
                "one peak, and is no guide to another"
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


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
