"""The multi-power law: a power of the summed rates, less what every change of the rate gives back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.arguments import NonNegative, Positive, Real
from stepsize.errors import ArgumentError
from stepsize.laws.changes import Changes, Pairs, spread_for
from stepsize.laws.law import Below1, Final, Law, power
from stepsize.laws.rates import Floats, Whole

MOST_PAIRS = 2**20
"""Of a row and a change, held at once: the memory does not grow with their product."""


@dataclass(frozen=True)
class MultiPowerLaw(Law):
    """The loss after update t is a power of the rates summed so far, less a part that lower rates give back.

        L(t) = L0 + A S(t)^-alpha + B sum_{k=1..t} (eta_k - eta_{k-1}) [1 - (1 + C eta_k^-gamma (S(t) - S(k-1)))^-beta]
        S(t) = eta_0 + ... + eta_t

    eta_t is the rate of update t; both sums have the warmup in them. At a rate of zero the bracket is its limit: 1 as
    soon as a later rate is positive, 0 before. The loss is infinite while all rates were zero.

    L0, A and B eta are in units of the loss; C eta^(1 - gamma) is dimensionless.

    Raises:
        ArgumentError: A, alpha, C or beta is not positive, B is negative, or gamma is not in [0, 0.999].

    Example:
        >>> from stepsize.laws import MultiPowerLaw
        >>> law = MultiPowerLaw(L0=3.04, A=0.525, alpha=0.508, B=364.0, C=2.07, beta=0.583, gamma=0.641)
        >>> law.predict(wsd(3e-4, 2000, 18_000, 4000, final_lr=3e-5), at=[10_000, 20_000, 23_999]).round(3)
        array([3.465, 3.365, 3.265])

    Reference: Luo et al., "A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules", arXiv
    2503.12811 (2025).
    """

    L0: Real
    A: Positive
    alpha: Positive
    B: NonNegative
    C: Positive
    beta: Positive
    gamma: Below1

    def _losses(self, rates: Floats, at: Whole, tolerance: float) -> Floats:
        changes = Changes(rates)
        spread = 0.0
        if tolerance:
            spread = spread_for(tolerance, self.beta, self.B * changes.total)
        losses = self.L0 + power(self.A, changes.sums[at], self.alpha)
        rows = max(1, MOST_PAIRS // len(rates)) if spread == 0.0 else 256
        for begin in range(0, len(at), rows):
            block = slice(begin, begin + rows)
            losses[block] += self.B * self.annealed(changes.pairs(at[block], spread))
        return losses

    def annealed(self, pairs: Pairs) -> Floats:
        """The sum over the changes, for every row; B times it is what the law adds (a fall of the rate: takes away)."""
        with np.errstate(over="ignore"):
            x = self.C * np.exp(pairs.log_gap - self.gamma * pairs.log_rate)
            kept = -np.expm1(-self.beta * np.log1p(x))
        return np.asarray(np.bincount(pairs.row, pairs.change * kept, len(pairs.full)) + pairs.full)

    def _final(self, rates: Floats) -> Final:
        total = rates.sum()
        if total == 0:
            raise ArgumentError("final needs a rate that is positive: without one there is no loss")
        ahead = np.cumsum(rates[::-1])[::-1]  # S(T) - S(k-1)
        change = np.diff(rates)
        rate, gap = rates[1:], ahead[1:]
        moved = gap > 0
        u = np.log(self.C) - self.gamma * np.log(rate) + np.log(gap)
        log1p = np.logaddexp(0.0, u)
        kept = np.where(moved, -np.expm1(-self.beta * log1p), 0.0)
        slope = np.where(moved, self.beta * np.exp(-(self.beta + 1.0) * log1p + np.where(moved, u, 0.0)), 0.0)
        slope = np.where(np.isfinite(slope), slope, 0.0)
        fall = power(self.A, total, self.alpha)
        gradient = np.full(rates.shape, -self.alpha * float(fall) / total)
        gradient[1:] += self.B * kept
        gradient[:-1] -= self.B * kept
        gradient[1:] -= self.B * self.gamma * change * np.divide(slope, rate, out=np.zeros_like(rate), where=rate > 0)
        gradient[1:] += self.B * np.cumsum(change * np.divide(slope, gap, out=np.zeros_like(gap), where=moved))
        return Final(self.L0 + float(fall) + self.B * float(change @ kept), gradient)


class MultiPowerRows:
    """The rows of several curves, prepared for many evaluations of the law with other parameters."""

    def __init__(self, curves: Sequence[tuple[Floats, Whole]], spread: float) -> None:
        """Each curve: the rate of every update, and the steps of its rows."""
        changes = [Changes(rates) for rates, _ in curves]
        self._log_sums = np.log(np.concatenate([each.sums[at] for each, (_, at) in zip(changes, curves, strict=True)]))
        self._pairs = Pairs.joined([each.pairs(at, spread) for each, (_, at) in zip(changes, curves, strict=True)])

    def losses(self, law: MultiPowerLaw) -> tuple[Floats, Floats]:
        """The losses, shape `(rows,)`, and their derivatives by the seven parameters, shape `(rows, 7)`."""
        pairs, rows = self._pairs, len(self._log_sums)
        u = np.log(law.C) + pairs.log_gap - law.gamma * pairs.log_rate
        x = np.exp(np.minimum(u, 700.0))
        log1p = np.log1p(x)
        left = np.exp(-law.beta * log1p)
        slope = law.beta * pairs.change * left * (x / (1.0 + x))

        def summed(values: Floats) -> Floats:
            return np.asarray(np.bincount(pairs.row, values, rows))

        fall = law.A * np.exp(-law.alpha * self._log_sums)
        kept = summed(pairs.change * (1.0 - left)) + pairs.full
        by_log_c = law.B * summed(slope)
        jacobian = np.stack(
            [
                np.ones(rows),
                fall / law.A,
                -fall * self._log_sums,
                kept,
                by_log_c / law.C,
                law.B * summed(pairs.change * left * log1p),
                -law.B * summed(slope * pairs.log_rate),
            ],
            axis=1,
        )
        return law.L0 + fall + law.B * kept, jacobian
