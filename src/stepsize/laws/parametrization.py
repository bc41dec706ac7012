"""The numbers z that a fit searches over, for each law: their bounds, starting points and prior.

Rates are measured in units of the highest rate of the runs, so the prior does not depend on their unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from stepsize.laws.changes import spread_for
from stepsize.laws.law import Curves, Floats, Integers, Law
from stepsize.laws.momentum_law import MomentumLaw, MomentumRows
from stepsize.laws.multi_power_law import MultiPowerLaw, MultiPowerRows

AMPLITUDES = [0, 1, 3]  # the indices of L0 and the two amplitudes, in which either law is linear


@dataclass(frozen=True)
class Prior:
    """The expected values of the numbers z[index], and their widths."""

    index: Integers
    centre: Floats
    width: Floats


class Parametrization(ABC):
    """How the parameters of a law follow from z, one number for each parameter, for runs with a given peak rate.

    Either law starts with L0, A and alpha, for which z has L0, log A and alpha. `prior_weight` and `huber` are the
    defaults of `fit`, as chosen by benchmarks/choose_fit.py.
    """

    law_type: ClassVar[type[Law]]
    fewest_schedules: ClassVar[int]
    fewest_rows: ClassVar[int]
    prior_weight: ClassVar[float]
    huber: ClassVar[float]
    prior: ClassVar[Prior]
    starts: ClassVar[Sequence[tuple[float, ...]]]  # without L0 and the amplitudes
    low: ClassVar[tuple[float, ...]]
    high: ClassVar[tuple[float, ...]]  # without that of L0, which is the lowest loss

    def __init__(self, curves: Curves, peak: float, lowest: float, spread: float) -> None:
        self.peak, self.log_peak = peak, float(np.log(peak))
        self.bounds = np.array(self.low), np.array([lowest, *self.high])
        self.losses = self._rows(curves, spread).losses
        """The losses of a law at all rows, shape `(rows,)`, and their derivatives, `(rows, parameters)`."""

    @abstractmethod
    def _rows(self, curves: Curves, spread: float) -> Any:
        """The rows of curves, prepared for the law, with changes of the rate in blocks of that `spread`."""

    @abstractmethod
    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        """z of a start, with L0 and the two amplitudes."""

    @abstractmethod
    def law(self, z: Floats) -> Any:
        """The law of z."""

    @abstractmethod
    def slope(self, z: Floats) -> Floats:
        """The derivatives of the parameters by z, shape `(parameters, numbers)`."""

    def widest(self, law: Any, tolerance: float) -> float:
        """The `spread` up to which the losses of this law are off by at most `tolerance`."""
        return np.inf


class MultiPowerParametrization(Parametrization):
    """L0, log A, alpha, log(B peak), log(C peak^(1 - gamma)), beta, gamma.

    1 / (C peak^(1 - gamma)) is the number of steps at the peak rate before a change of the rate takes effect.
    """

    law_type = MultiPowerLaw
    fewest_schedules = 2
    fewest_rows = 21
    prior_weight = 1e-3
    huber = 2e-3
    prior = Prior(np.array([2, 4, 5, 6]), np.array([0.5, np.log(0.05), 0.5, 0.5]), np.array([0.1, 1.0, 0.1, 0.1]))
    starts = tuple(product((0.3, 0.6), (0.02, 0.2), (0.5,), (0.5,)))
    low = (0.0, -30.0, 0.02, -20.0, -12.0, 0.02, 0.02)
    high = (30.0, 3.0, 10.0, 6.0, 3.0, 0.98)

    def _rows(self, curves: Curves, spread: float) -> MultiPowerRows:
        self._moved = max(float(np.abs(np.diff(rates)).sum()) for rates, _ in curves)
        return MultiPowerRows.of(curves, spread)

    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        alpha, speed, beta, gamma = start
        floor, fall, gain = amplitudes
        log_gain = np.log(max(gain, 1e-9)) + self.log_peak
        return np.array([floor, np.log(max(fall, 1e-9)), alpha, log_gain, np.log(speed), beta, gamma])

    def law(self, z: Floats) -> MultiPowerLaw:
        c = np.exp(z[4] - (1.0 - z[6]) * self.log_peak)
        return MultiPowerLaw(z[0], np.exp(z[1]), z[2], np.exp(z[3] - self.log_peak), c, z[5], z[6])

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        slope = np.diag([1.0, law.A, 1.0, law.B, law.C, 1.0, 1.0])
        slope[4, 6] = law.C * self.log_peak
        return slope

    def widest(self, law: MultiPowerLaw, tolerance: float) -> float:
        return spread_for(tolerance, law.beta, law.B * self._moved)


class MomentumParametrization(Parametrization):
    """L0, log A, alpha, C peak / (1 - decay), -log(1 - decay).

    The fourth is the final gain of a fall of the rate from the peak to zero; the fifth is the logarithm of the number
    of steps that this gain takes.
    """

    law_type = MomentumLaw
    fewest_schedules = 1
    fewest_rows = 12
    prior_weight = 3e-4
    huber = 1e-3
    prior = Prior(np.array([2]), np.array([0.5]), np.array([0.1]))
    starts = tuple(product((0.5,), (10.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)))
    low = (0.0, -30.0, 0.02, 0.0, 0.0)
    high = (30.0, 3.0, np.inf, float(np.log(1e6)))

    def _rows(self, curves: Curves, spread: float) -> MomentumRows:
        return MomentumRows(curves)

    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        alpha, memory = start
        floor, fall, gain = amplitudes
        return np.array([floor, np.log(max(fall, 1e-9)), alpha, gain * self.peak * memory, np.log(memory)])

    def law(self, z: Floats) -> MomentumLaw:
        fades = np.exp(-z[4])
        return MomentumLaw(z[0], np.exp(z[1]), z[2], z[3] * fades / self.peak, 1.0 - fades)

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        fades = 1.0 - law.decay
        slope = np.diag([1.0, law.A, 1.0, fades / self.peak, fades])
        slope[3, 4] = -law.C
        return slope


PARAMETRIZATIONS: dict[type[Law], type[Parametrization]] = {
    each.law_type: each for each in (MultiPowerParametrization, MomentumParametrization)
}
