"""The result of a fit: a law with its uncertainty, and its predictions with a band."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from stepsize.arguments import Number
from stepsize.checked_calls import checked
from stepsize.curves import LossCurve
from stepsize.errors import FitError
from stepsize.laws.diagnosis import FAR_PEAK, Remark
from stepsize.laws.law import Floats, Integers, Law, Rates, rates_of, steps_of
from stepsize.laws.model_error import MODEL_ERRORS
from stepsize.laws.parametrization import PARAMETRIZATIONS

FARTHEST_PEAK = 10.0  # no loss is predicted if the peak rate differs from those of the runs by a larger factor
FAR_STEPS, FAR_LOW = 2.0, 0.3
NO_RATE = 0.01  # a rate of this fraction of the peak is as good as none: runs that end there show what zero does
POINTS = 1000
BAND_TOLERANCE = 1e-3  # of the losses whose derivatives give the band

Probability = Annotated[float, Number(above=0.0, most=0.999)]


@dataclass(frozen=True, eq=False)
class Forecast:
    """The predicted loss of a schedule at some steps, and its rates there, shape `(points,)` each, with a band.

    A single run lies between `low` and `high` with probability `level`. `cautions` say where the schedule goes beyond
    the runs of the fit.
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
    """A law fitted to runs, returned by `fit`.

    `scatter` is the relative distance within which two thirds of the rows lie from the law. `left_out` is the same for
    runs that the law was not fitted to: the runs of each schedule are left out in turn and predicted from the others
    (None if nothing can be left out, because the others do not determine the law). `diagnosis` says what the runs leave
    open.
    """

    law: Law
    runs: tuple[LossCurve, ...]
    covariance: Floats
    """The covariance of the law's parameters, in their order, shape `(parameters, parameters)`."""
    scatter: float
    left_out: float | None
    diagnosis: tuple[Remark, ...]

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
        """Predict the loss of a schedule, with a band.

        The band is that of a normal error, whose variance is the sum of three parts:

        - the uncertainty of the parameters, to first order from their covariance; the default law takes half of it,
          because it was larger than the errors on development runs;
        - the distance of a single run from the law: `scatter` or `left_out`, whichever is larger;
        - the error of the law itself on development runs, which grows with the steps beyond the longest run and with
          the distance of the highest rate from those of the runs.

        The loss and its band are infinite until a rate is positive.

        Args:
            schedule_or_rates: a schedule, or the rate of every update, warmup included.
            steps: number of steps; the length of the schedule or array if None.
            at: the steps to predict; if None, at most 1,000 evenly spaced steps that include the last, from the first
                positive rate on.
            level: the probability of the band.

        Raises:
            ArgumentError: as `Law.predict`; or no rate is positive.
            FitError: the highest rate differs from those of the runs by more than a factor of ten.
        """
        rates = rates_of("predict", schedule_or_rates, steps, positive=True)
        cautions = self.cautions(rates)
        if at is None:
            first = int(np.flatnonzero(rates)[0])
            wanted = np.unique(np.linspace(first, rates.size - 1, POINTS).round().astype(np.int64))
        else:
            wanted = steps_of("predict", at, rates.size)
        losses = self.law.predict(rates, at=wanted)
        low, high = np.full((2, wanted.size), np.inf)  # like the loss, until a rate is positive
        begun = np.isfinite(losses)
        jacobian = self.law._derivatives(rates, wanted[begun], BAND_TOLERANCE)
        of_parameters = np.sqrt(np.einsum("ij,jk,ik->i", jacobian, self.covariance, jacobian)) / losses[begun]
        error = MODEL_ERRORS[type(self.law)].relative(
            of_parameters,
            longer=(wanted[begun] + 1.0) / max(int(run.steps[-1]) + 1 for run in self.runs),
            apart=check_peak(float(rates.max()), self.runs),
        )
        relative = np.hypot(max(self.scatter, self.left_out or 0.0), error)
        half = float(ndtri(0.5 + level / 2)) * relative * losses[begun]
        low[begun], high[begun] = losses[begun] - half, losses[begun] + half
        return Forecast(wanted, rates[wanted], losses, low, high, level, cautions)

    def cautions(self, schedule_or_rates: Rates, steps: int | None = None) -> tuple[str, ...]:
        """Where a schedule goes beyond the runs of the fit, in words.

        Raises:
            ArgumentError, FitError: as `predict`.
        """
        rates = rates_of("cautions", schedule_or_rates, steps, positive=True)
        peak = float(rates.max())
        cautions = []
        if check_peak(peak, self.runs) > FAR_PEAK:
            one_peak = PARAMETRIZATIONS[type(self.law)].one_peak
            why = "the law only compares schedules of one peak" if one_peak else "the loss at another peak is uncertain"
            cautions.append(f"the highest rate is {peak:g}, but that of the runs is {_peaks(self.runs)}: {why}")
        longest = max(int(run.steps[-1]) + 1 for run in self.runs)
        if rates.size > FAR_STEPS * longest:
            cautions.append(f"it is more than {FAR_STEPS:.0f} times as long as the longest run, {longest:,} steps")
        ways_up = [int(np.argmax(run.rates >= 0.99 * run.peak_lr)) for run in self.runs]
        if int(np.argmax(rates >= 0.99 * peak)) < 0.5 * min(ways_up):
            cautions.append(
                f"it reaches its highest rate sooner than the runs, which took at least {min(ways_up):,} steps: "
                "without their warmup the predicted loss is too low"
            )
        lowest = min(float(run.rates[np.argmax(run.rates) : run.steps[-1] + 1].min()) for run in self.runs)
        reached = float(rates[np.argmax(rates) :].min())
        if reached < FAR_LOW * lowest and lowest > NO_RATE * peak:
            cautions.append(f"the rate goes below {lowest:.3g}, the lowest rate of the runs")
        return tuple(cautions)


def check_peak(peak: float, runs: Sequence[LossCurve]) -> float:
    """The factor between a highest rate and the nearest of the runs' highest rates; FitError if it is above ten."""
    own = [run.peak_lr for run in runs if run.peak_lr]  # `fit` refuses runs without a rate
    factor = min((max(peak / each, each / peak) for each in own), default=1.0)
    if factor > FARTHEST_PEAK:
        reason = f"the highest rate is {peak:g}, but that of the runs is {_peaks(runs)}"
        raise FitError(reason, "check that both are in the same unit, or fit runs with a similar rate")
    return factor


def _peaks(runs: Sequence[LossCurve]) -> str:
    return ", ".join(dict.fromkeys(f"{each:.3g}" for each in sorted(run.peak_lr for run in runs)))
