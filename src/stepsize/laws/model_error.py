"""How wrong a law is where it predicts, as learned from development runs."""

from dataclasses import dataclass

import numpy as np

from stepsize.laws.functional_law import FunctionalLaw
from stepsize.laws.law import Floats, Law
from stepsize.laws.momentum_law import MomentumLaw
from stepsize.laws.multi_power_law import MultiPowerLaw


@dataclass(frozen=True)
class ModelError:
    """The standard deviation of the relative error of a prediction, beyond the distance of the runs from the law:

        sqrt((parameters of_parameters)^2 + base^2 + (length log2 longer)^2 + (peak log2 apart)^2)

    `of_parameters` is the part that follows from the covariance of the parameters, `longer` the factor between a step
    and the end of the longest run, at least 1, and `apart` the factor between the highest rate and the nearest one of
    the runs. Predictions of two schedules share most of their error: that of their difference has `difference` in place
    of `base`, and the factors between the two schedules.
    """

    parameters: float
    base: float
    length: float
    peak: float
    difference: float

    def relative(self, of_parameters: Floats, longer: Floats, apart: float) -> Floats:
        """The standard deviation at every step, as a fraction of the loss."""
        of_law = self._total(self.base, np.log2(np.maximum(longer, 1.0)), apart)
        return np.hypot(self.parameters * of_parameters, of_law)

    def of_difference(self, longer: float, apart: float) -> float:
        """The standard deviation of the difference of two predictions, as a fraction of the loss."""
        return float(self._total(self.difference, np.log2(longer), apart))

    def _total(self, base: float, doublings: Floats, apart: float) -> Floats:
        return np.asarray(np.sqrt(base**2 + (self.length * doublings) ** 2 + (self.peak * np.log2(apart)) ** 2))


MODEL_ERRORS: dict[type[Law], ModelError] = {
    FunctionalLaw: ModelError(0.5, 0.001, 0.001, 0.0025, 0.0005),
    MultiPowerLaw: ModelError(1.0, 0.004, 0.004, 0.018, 0.004),
    MomentumLaw: ModelError(1.0, 0.004, 0.005, 0.016, 0.006),
}
"""Learned by benchmarks/learn_bands.py from 76 runs of 124M parameters and six of 25M and 100M, and rounded up; the
errors of differences by benchmarks/evaluate_differences.py from 546 pairs of runs. Two runs of one schedule differ by
0.06%, in the root mean square.
"""
