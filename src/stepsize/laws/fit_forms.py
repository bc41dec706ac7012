"""What a fit moves: for each law, numbers of one size with bounds, and what is expected of them before any run is seen.

A rate is measured by the highest rate of the runs, so that the same is expected whatever its unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from stepsize.laws.changes import spread_for
from stepsize.laws.law import Law
from stepsize.laws.momentum import MomentumLaw, MomentumRows
from stepsize.laws.multi_power import MultiPowerLaw, MultiPowerRows
from stepsize.laws.rates import Curves, Floats, Integers

AMPLITUDES = [0, 1, 3]
"""The places of L0 and the two amplitudes, in which the law is linear, among the parameters of either law."""


@dataclass(frozen=True)
class Expected:
    """Where the numbers `index` are expected, and how far they may well be off."""

    index: Integers
    centre: Floats
    width: Floats


class Form(ABC):
    """How a law's parameters follow from the numbers that a fit moves; a number for each parameter, in their order."""

    law_type: ClassVar[type[Law]]
    fewest_plans: ClassVar[int]
    fewest_rows: ClassVar[int]
    """Some for each parameter."""
    prior: ClassVar[float]
    huber: ClassVar[float]
    """The defaults of `fit`, as chosen by benchmarks/choose_fit.py."""
    expected: ClassVar[Expected]
    starts: ClassVar[Sequence[tuple[float, ...]]]
    """What to begin with, less L0 and the amplitudes."""
    bounds: tuple[Floats, Floats]

    @abstractmethod
    def __init__(self, curves: Curves, peak: float, lowest: float, spread: float) -> None:
        """The rows of runs with that peak rate and that lowest loss, changes of the rate in blocks of that `spread`."""

    @abstractmethod
    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        """Numbers to begin with, from a start and L0 and the two amplitudes."""

    @abstractmethod
    def law(self, z: Floats) -> Any:
        """The law of these numbers."""

    @abstractmethod
    def slope(self, z: Floats) -> Floats:
        """The derivatives of the parameters by the numbers, shape `(parameters, numbers)`."""

    @abstractmethod
    def losses(self, law: Any) -> tuple[Floats, Floats]:
        """The losses at all rows, shape `(rows,)`, and their derivatives by the parameters, `(rows, parameters)`."""

    @abstractmethod
    def widest(self, law: Any, tolerance: float) -> float:
        """The `spread` up to which the losses of this law are off by at most `tolerance`."""


class MultiPowerForm(Form):
    """L0, log A, alpha, log(B peak), log(C peak^(1 - gamma)), beta, gamma.

    C peak^(1 - gamma) is one over the steps at the peak rate in which a change of the rate begins to tell.
    """

    law_type = MultiPowerLaw
    fewest_plans = 2
    fewest_rows = 21
    prior = 1e-3
    huber = 2e-3
    expected = Expected(np.array([2, 4, 5, 6]), np.array([0.5, np.log(0.05), 0.5, 0.5]), np.array([0.1, 1.0, 0.1, 0.1]))
    starts = tuple(product((0.3, 0.6), (0.02, 0.2), (0.5,), (0.5,)))

    def __init__(self, curves: Curves, peak: float, lowest: float, spread: float) -> None:
        self._log_peak = float(np.log(peak))
        self._rows = MultiPowerRows.of(curves, spread)
        self._moved = max(float(np.abs(np.diff(rates)).sum()) for rates, _ in curves)
        self.bounds = (
            np.array([0.0, -30.0, 0.02, -20.0, -12.0, 0.02, 0.02]),
            np.array([lowest, 30.0, 3.0, 10.0, 6.0, 3.0, 0.98]),
        )

    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        alpha, speed, beta, gamma = start
        floor, fall, gain = amplitudes
        log_gain = np.log(max(gain, 1e-9)) + self._log_peak
        return np.array([floor, np.log(max(fall, 1e-9)), alpha, log_gain, np.log(speed), beta, gamma])

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

    def widest(self, law: MultiPowerLaw, tolerance: float) -> float:
        return spread_for(tolerance, law.beta, law.B * self._moved)


class MomentumForm(Form):
    """L0, log A, alpha, C peak / (1 - decay), -log(1 - decay).

    The fourth is what a fall of the rate by the whole peak gains in the end, the fifth the logarithm of the steps that
    this takes.
    """

    law_type = MomentumLaw
    fewest_plans = 1
    fewest_rows = 12
    prior = 3e-4
    huber = 1e-3
    expected = Expected(np.array([2]), np.array([0.5]), np.array([0.1]))
    starts = tuple(product((0.5,), (10.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)))

    def __init__(self, curves: Curves, peak: float, lowest: float, spread: float) -> None:
        self._peak = peak
        self._rows = MomentumRows(curves)
        self.bounds = (
            np.array([0.0, -30.0, 0.02, 0.0, 0.0]), np.array([lowest, 30.0, 3.0, np.inf, np.log(1e6)])
        )  # fmt: skip

    def begin(self, start: tuple[float, ...], amplitudes: Sequence[float]) -> Floats:
        alpha, memory = start
        floor, fall, gain = amplitudes
        return np.array([floor, np.log(max(fall, 1e-9)), alpha, gain * self._peak * memory, np.log(memory)])

    def law(self, z: Floats) -> MomentumLaw:
        fades = np.exp(-z[4])
        return MomentumLaw(z[0], np.exp(z[1]), z[2], z[3] * fades / self._peak, 1.0 - fades)

    def slope(self, z: Floats) -> Floats:
        law = self.law(z)
        fades = 1.0 - law.decay
        slope = np.diag([1.0, law.A, 1.0, fades / self._peak, fades])
        slope[3, 4] = -law.C
        return slope

    def losses(self, law: MomentumLaw) -> tuple[Floats, Floats]:
        return self._rows.losses(law)

    def widest(self, law: MomentumLaw, tolerance: float) -> float:
        return np.inf


FORMS: dict[type[Law], type[Form]] = {form.law_type: form for form in (MultiPowerForm, MomentumForm)}
