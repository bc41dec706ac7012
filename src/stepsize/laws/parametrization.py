"""The numbers z that a fit searches over, for each law: their bounds, starting points and prior.

Rates are measured in units of the highest rate of the runs, so that nothing here depends on their unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Any, ClassVar

import numpy as np

from stepsize.laws.functional_law import FunctionalLaw
from stepsize.laws.functional_rows import FunctionalRows, kept_noise
from stepsize.laws.law import Curves, Floats, Law
from stepsize.laws.momentum_law import MomentumLaw, MomentumRows
from stepsize.laws.multi_power_law import MultiPowerLaw, MultiPowerRows

AMPLITUDES = [0, 1, 3]  # the places of L0 and the two amplitudes, in which every law is linear
SPREAD = 0.1  # of blocks of changes (see changes.py): losses are off by about 1e-5
EFFECTIVE_SPREAD = 0.3  # of blocks of changes of the effective rate: losses are off by about 1e-4


class Parametrization(ABC):
    """How the parameters of a law follow from z, one number for each parameter, for runs with a given peak rate.

    z starts with L0, the fall, alpha, another amplitude. The fall is A S^-alpha at a constant peak rate, after as many
    `updates` as spend the sum of the longest run. The prior expects z at `centre`, within `width` if that is finite.
    """

    law_type: ClassVar[type[Law]]
    one_peak: ClassVar[bool]
    """Whether the law only compares schedules of one peak rate."""
    fewest_schedules: ClassVar[int]
    fewest_rows: ClassVar[int]
    centre: ClassVar[tuple[float, ...]]
    width: ClassVar[tuple[float, ...]]
    starts: ClassVar[Sequence[tuple[float, ...]]]  # alpha, and what follows the second amplitude
    low: ClassVar[tuple[float, ...]]
    high: ClassVar[tuple[float, ...]]

    def __init__(self, curves: Curves, peak: float) -> None:
        self.peak, self.log_peak = peak, float(np.log(peak))
        self.updates = max(float(rates[: at[-1] + 1].sum()) for rates, at in curves) / peak
        self.losses = self._rows(curves).losses
        """The losses of a law at all rows, shape `(rows,)`, and their derivatives, `(rows, parameters)`."""

    @abstractmethod
    def _rows(self, curves: Curves) -> Any:
        """The rows of curves, prepared for the law."""

    @abstractmethod
    def law(self, z: Floats) -> Any:
        """The law of z."""

    @abstractmethod
    def slope(self, z: Floats) -> Floats:
        """The derivatives of the parameters by z, shape `(parameters, numbers)`."""


class FunctionalParametrization(Parametrization):
    """L0, the fall, alpha, the noise at a constant peak rate after the `updates`, log(C e), rho, p, kappa, log(D peak)
    and log(N0 / peak).

    e = peak^(1 - kappa) is the effective rate at the peak once the weights are in balance, 1 / (C e) the number of
    steps at the peak rate after which noise begins to be forgotten, and 1 / (D peak) the number of steps that the
    weights need for their balance.
    """

    law_type = FunctionalLaw
    one_peak = False
    fewest_schedules = 2
    fewest_rows = 24
    centre = (0.0, 0.0, 0.5, 0.0, float(np.log(0.03)), 1.4, 1.8, 0.5, float(np.log(1e-4)), float(np.log(0.2)))
    width = (np.inf, np.inf, 0.1, np.inf, 1.5, 0.2, 0.2, 0.1, 1.0, 1.0)
    starts = tuple(
        (alpha, np.log(speed), 1.4, 1.8, 0.5, np.log(1e-4), np.log(0.2))
        for alpha, speed in product((0.3, 0.6), (0.01, 0.1))
    )
    low = (0.0, 0.0, 0.02, 0.0, -12.0, 1.0, 1.02, 0.0, -18.0, -9.0)
    high = (np.inf, np.inf, 3.0, np.inf, 6.0, 4.0, 4.0, 1.0, -3.0, 9.0)

    def _rows(self, curves: Curves) -> FunctionalRows:
        return FunctionalRows.of(curves, self.law(np.array([0.0, 1.0, 0.5, 1.0, *self.centre[4:]])), EFFECTIVE_SPREAD)

    def law(self, z: Floats) -> FunctionalLaw:
        floor, fall, alpha, noise, log_speed, rho, p, kappa, log_decay, log_start = z
        rate = self.peak ** (1.0 - kappa)
        kept = kept_noise(np.exp(log_speed), rho, np.array([self.updates]))[0][0]
        return FunctionalLaw(
            L0=floor, A=fall * (rate * self.updates) ** alpha, alpha=alpha, B=noise * rate**-p / kept,
            C=np.exp(log_speed) / rate, rho=rho, p=p, kappa=kappa, D=np.exp(log_decay) / self.peak,
            N0=np.exp(log_start) * self.peak,
        )  # fmt: skip

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        rate, log_rate = self.peak ** (1.0 - law.kappa), (1.0 - law.kappa) * self.log_peak
        (kept,), (by_c,), (by_rho,), _ = kept_noise(law.C * rate, law.rho, np.array([self.updates]))
        of_fall, of_noise = (rate * self.updates) ** law.alpha, rate**-law.p / kept
        slope = np.diag([1.0, of_fall, 1.0, of_noise, law.C, 1.0, 1.0, 1.0, law.D, law.N0])
        slope[1, 2] = law.A * (log_rate + np.log(self.updates))
        slope[1, 7] = -law.A * law.alpha * self.log_peak
        slope[3, 4:7] = -law.B * np.array([law.C * rate * by_c / kept, by_rho / kept, log_rate])
        slope[3, 7] = law.B * law.p * self.log_peak
        slope[4, 7] = law.C * self.log_peak
        return slope


class MultiPowerParametrization(Parametrization):
    """L0, the fall, alpha, B peak, log(C peak^(1 - gamma)), beta, gamma.

    1 / (C peak^(1 - gamma)) is the number of steps at the peak rate before a change of the rate takes effect.
    """

    law_type = MultiPowerLaw
    one_peak = True
    fewest_schedules = 2
    fewest_rows = 21
    centre = (0.0, 0.0, 0.5, 0.0, float(np.log(0.05)), 0.5, 0.5)
    width = (np.inf, np.inf, 0.1, np.inf, 1.0, 0.1, 0.1)
    starts = tuple((alpha, np.log(speed), 0.5, 0.5) for alpha, speed in product((0.3, 0.6), (0.02, 0.2)))
    low = (0.0, 0.0, 0.02, 0.0, -12.0, 0.02, 0.02)
    high = (np.inf, np.inf, 3.0, np.inf, 6.0, 3.0, 0.98)

    def _rows(self, curves: Curves) -> MultiPowerRows:
        return MultiPowerRows.of(curves, SPREAD)

    def law(self, z: Floats) -> MultiPowerLaw:
        floor, fall, alpha, gain, log_speed, beta, gamma = z
        return MultiPowerLaw(
            L0=floor, A=fall * (self.peak * self.updates) ** alpha, alpha=alpha, B=gain / self.peak,
            C=np.exp(log_speed - (1.0 - gamma) * self.log_peak), beta=beta, gamma=gamma,
        )  # fmt: skip

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        slope = np.diag([1.0, (self.peak * self.updates) ** law.alpha, 1.0, 1.0 / self.peak, law.C, 1.0, 1.0])
        slope[1, 2] = law.A * (self.log_peak + np.log(self.updates))
        slope[4, 6] = law.C * self.log_peak
        return slope


class MomentumParametrization(Parametrization):
    """L0, the fall, alpha, C peak / (1 - decay), -log(1 - decay).

    The fourth is the final gain of a fall of the rate from the peak to zero; the fifth is the logarithm of the number
    of steps that this gain takes.
    """

    law_type = MomentumLaw
    one_peak = True
    fewest_schedules = 1
    fewest_rows = 12
    centre = (0.0, 0.0, 0.5, 0.0, 0.0)
    width = (np.inf, np.inf, 0.1, np.inf, np.inf)
    starts = tuple((0.5, np.log(memory)) for memory in (10.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0))
    low = (0.0, 0.0, 0.02, 0.0, 0.0)
    high = (np.inf, np.inf, 3.0, np.inf, float(np.log(1e6)))

    def _rows(self, curves: Curves) -> MomentumRows:
        return MomentumRows(curves)

    def law(self, z: Floats) -> MomentumLaw:
        floor, fall, alpha, gain, log_memory = z
        fades = np.exp(-log_memory)
        return MomentumLaw(
            floor, fall * (self.peak * self.updates) ** alpha, alpha, gain * fades / self.peak, 1.0 - fades
        )

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        fades = 1.0 - law.decay
        slope = np.diag([1.0, (self.peak * self.updates) ** law.alpha, 1.0, fades / self.peak, fades])
        slope[1, 2] = law.A * (self.log_peak + np.log(self.updates))
        slope[3, 4] = -law.C
        return slope


PARAMETRIZATIONS: dict[type[Law], type[Parametrization]] = {
    each.law_type: each for each in (FunctionalParametrization, MultiPowerParametrization, MomentumParametrization)
}
