"""What a fit moves: for each law, numbers of one size with bounds, and what is expected of them before any run is seen.

A rate is measured by the highest rate of the runs, so that the same is expected whatever its unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsize.laws.law import Law
from stepsize.laws.momentum import MomentumLaw, MomentumRows
from stepsize.laws.multi_power import MultiPowerLaw, MultiPowerRows
from stepsize.laws.rates import Floats, Whole

SPREAD = 0.02
"""Of blocks of changes while fitting (see `changes.py`): an error of some 1e-5 in the loss."""
DECAYS = (0.9, 0.97, 0.99, 0.995, 0.997, 0.999, 0.9995, 0.9999)
"""Of the momentum law, of which a fit takes the best."""
CHARACTERISTIC = 0.05
"""C peak^(1 - gamma): one over the steps at the peak rate in which a change of the rate begins to tell."""


@dataclass(frozen=True)
class Expected:
    """Where the numbers `index` are expected, and how far they may well be off."""

    index: Whole
    centre: Floats
    width: Floats


Curves = Sequence[tuple[Floats, Whole]]
"""For each run the rate of every update and the steps of its rows."""


class Form(ABC):
    """How a law's parameters follow from the numbers that a fit moves."""

    names: tuple[str, ...]
    """The parameters in the order of the numbers; one that is not among them is given."""
    expected: Expected
    starts: tuple[tuple[float, ...], ...]
    """What to begin with, less L0 and the amplitudes, in which the law is linear."""
    bounds: tuple[Floats, Floats]

    @abstractmethod
    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        """Numbers to begin with, from a start and L0 and the two amplitudes."""

    @abstractmethod
    def law(self, z: Floats) -> Law:
        """The law of these numbers."""

    @abstractmethod
    def slope(self, z: Floats) -> Floats:
        """The derivatives of the parameters by the numbers, shape `(parameters, numbers)`."""

    @abstractmethod
    def losses(self, law: Any) -> tuple[Floats, Floats]:
        """The losses at all rows, shape `(rows,)`, and their derivatives by the parameters, `(rows, parameters)`."""


AMPLITUDES = [0, 1, 3]
"""The places of L0 and the two amplitudes among the parameters of either law."""


class MultiPowerForm(Form):
    """L0, log A, alpha, log(B peak), log(C peak^(1 - gamma)), beta, gamma."""

    names = ("L0", "A", "alpha", "B", "C", "beta", "gamma")
    expected = Expected(
        np.array([2, 4, 5, 6]), np.array([0.5, np.log(CHARACTERISTIC), 0.5, 0.5]), np.array([0.1, 1.0, 0.1, 0.1])
    )
    starts = ((0.5, 0.5, 0.5), (0.3, 0.3, 0.7))  # alpha, beta, gamma

    def __init__(self, curves: Curves, peak: float, lowest: float) -> None:
        self._log_peak = float(np.log(peak))
        self._rows = MultiPowerRows(curves, SPREAD)
        self.bounds = (
            np.array([0.0, -30.0, 0.02, -20.0, -12.0, 0.02, 0.0]),
            np.array([lowest, 30.0, 3.0, 10.0, 6.0, 3.0, 0.98]),
        )

    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        alpha, beta, gamma = start
        floor, fall, gain = amplitudes
        log_gain = np.log(max(gain, 1e-9)) + self._log_peak
        return np.array([floor, np.log(max(fall, 1e-9)), alpha, log_gain, np.log(CHARACTERISTIC), beta, gamma])

    def law(self, z: Floats) -> MultiPowerLaw:
        c = np.exp(z[4] - (1.0 - z[6]) * self._log_peak)
        return MultiPowerLaw(z[0], np.exp(z[1]), z[2], np.exp(z[3] - self._log_peak), c, z[5], z[6])

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        slope = np.diag([1.0, law.A, 1.0, law.B, law.C, 1.0, 1.0])
        slope[4, 6] = law.C * self._log_peak
        return slope

    def losses(self, law: MultiPowerLaw) -> tuple[Floats, Floats]:
        return self._rows.losses(law)


class MomentumForm(Form):
    """L0, log A, alpha, C; `decay` stays."""

    names = ("L0", "A", "alpha", "C")
    expected = Expected(np.array([2]), np.array([0.5]), np.array([0.1]))
    starts = ((0.5,),)

    def __init__(self, curves: Curves, peak: float, lowest: float, decay: float) -> None:
        self._decay = decay
        self._scale = (1.0 - decay) / peak  # of C: S2 is at most the peak / (1 - decay)
        self._rows = MomentumRows(curves, decay)
        self.bounds = (np.array([0.0, -30.0, 0.02, 0.0]), np.array([lowest, 30.0, 3.0, np.inf]))

    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        (alpha,) = start
        floor, fall, gain = amplitudes
        return np.array([floor, np.log(max(fall, 1e-9)), alpha, gain / self._scale])

    def law(self, z: Floats) -> MomentumLaw:
        return MomentumLaw(z[0], np.exp(z[1]), z[2], z[3] * self._scale, self._decay)

    def slope(self, z: Floats) -> Floats:
        return np.diag([1.0, np.exp(z[1]), 1.0, self._scale])

    def losses(self, law: MomentumLaw) -> tuple[Floats, Floats]:
        return self._rows.losses(law)
