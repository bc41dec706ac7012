"""The momentum law: a power of the summed rates, minus a fading memory of past decreases of the rate."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.signal import lfilter

from stepsize.arguments import NonNegative, Number, Positive, Real
from stepsize.laws.law import Curves, Final, Floats, Integers, Law, power


@dataclass(frozen=True)
class MomentumLaw(Law):
    """The loss after update t is a power of the rates summed so far, minus a multiple of the annealing area.

        L(t) = L0 + A S1(t)^-alpha - C S2(t),    S1(t) = eta_0 + ... + eta_t
        S2(t) = m_1 + ... + m_t,    m_i = decay m_{i-1} + (eta_{i-1} - eta_i),    m_0 = 0

    S2, the annealing area, sums up m, a memory of the decreases of the rate that fades with every step. `decay` is
    the paper's lambda. The law has fewer parameters than `MultiPowerLaw`, so fewer runs determine it, and
    its predictions are worse. C S2 is not bounded, so the best schedule under this law is not useful.

    Raises:
        ArgumentError: A or alpha is not positive, C is negative, or decay is not in [0, 0.9999999].

    Example:
        >>> from stepsize.laws import MomentumLaw
        >>> law = MomentumLaw(L0=3.06, A=0.503, alpha=0.523, C=0.48, decay=0.999)
        >>> law.predict(Linear(3e-4, 0.0, 20_000), at=[9_999, 19_999]).round(3)
        array([3.324, 3.206])

    Reference: Tissue et al., "Scaling Law with Learning Rate Annealing", arXiv 2408.11029 (2024).
    """

    L0: Real
    A: Positive
    alpha: Positive
    C: NonNegative
    decay: Annotated[float, Number(least=0.0, most=0.9999999)]

    def _losses(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        area = np.cumsum(_momentum(rates, self.decay))[at]
        return np.asarray(self.L0 + power(self.A, np.cumsum(rates)[at], self.alpha) - self.C * area)

    def _derivatives(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        return MomentumRows([(rates, at)]).losses(self)[1]

    def _final(self, rates: Floats) -> Final:
        total = rates.sum()
        left = np.arange(len(rates), 0, -1)
        weight = (1.0 - self.decay**left) / (1.0 - self.decay)  # of eta_{k-1} - eta_k in S2
        weight[0] = 0.0
        fall = float(power(self.A, total, self.alpha))
        gradient = -self.alpha * fall / total - self.C * (np.append(weight[1:], 0.0) - weight)
        loss = self.L0 + fall + self.C * float(np.sum(np.diff(rates) * weight[1:]))
        return Final(loss, gradient)


def _momentum(rates: Floats, decay: float) -> Floats:
    """m at every step, shape `(steps,)`."""
    return np.asarray(lfilter([1.0], [1.0, -decay], -np.diff(rates, prepend=rates[0])))


class MomentumRows:
    """The rows of several curves, prepared for repeated evaluation of the law."""

    def __init__(self, curves: Curves) -> None:
        self._curves = curves
        self._log_sums = np.log(np.concatenate([np.cumsum(rates)[at] for rates, at in curves]))

    def losses(self, law: MomentumLaw) -> tuple[Floats, Floats]:
        """The losses, shape `(rows,)`, and their derivatives by the five parameters, shape `(rows, 5)`."""
        areas, slopes = [], []
        for rates, at in self._curves:
            momentum = _momentum(rates, law.decay)
            areas.append(np.cumsum(momentum)[at])
            # The derivative of m_i by the decay obeys m'_i = decay m'_{i-1} + m_{i-1}.
            slopes.append(np.cumsum(lfilter([0.0, 1.0], [1.0, -law.decay], momentum))[at])
        area = np.concatenate(areas)
        fall = law.A * np.exp(-law.alpha * self._log_sums)
        columns = [np.ones(len(fall)), fall / law.A, -fall * self._log_sums, -area, -law.C * np.concatenate(slopes)]
        return law.L0 + fall - law.C * area, np.stack(columns, axis=1)
