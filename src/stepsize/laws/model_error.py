"""How wrong a law is where it predicts, as learned from development runs."""

from dataclasses import dataclass

import numpy as np

from stepsize.laws.functional_law import FunctionalLaw
from stepsize.laws.law import Floats, Law
from stepsize.laws.momentum_law import MomentumLaw
from stepsize.laws.multi_power_law import MultiPowerLaw


@dataclass(frozen=True)
class ModelError:
    """The standard deviation of the relative error of a law, beyond what its fit knows:

        base sqrt(1 + (few / schedules)^2 + (length log2 longer)^2 + (peak log2 apart)^2)

    `schedules` is the number of different schedules in the fit, `longer` the factor between a step and the longest run,
    and `apart` the factor between the highest rate and the nearest one of the runs.
    """

    base: float
    few: float
    length: float
    peak: float

    def relative(self, schedules: int, longer: Floats, apart: float) -> Floats:
        """The standard deviation at every step, as a fraction of the loss."""
        terms = self.few / schedules, self.length * np.log2(np.maximum(longer, 1.0)), self.peak * np.log2(apart)
        return np.asarray(self.base * np.sqrt(1.0 + sum(term**2 for term in terms)))


MODEL_ERRORS: dict[type[Law], ModelError] = {
    FunctionalLaw: ModelError(0.002, 2.0, 0.5, 1.0),
    MultiPowerLaw: ModelError(0.004, 2.0, 0.5, 1.0),
    MomentumLaw: ModelError(0.008, 2.0, 0.5, 1.0),
}
"""Learned by benchmarks/learn_bands.py from 76 runs of 124M parameters and six of 25M and 100M (2025)."""
