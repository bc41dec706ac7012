"""The multi-power law: a power of the summed rates, plus a term for every change of the rate."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from stepsize.arguments import NonNegative, Number, Positive, Real
from stepsize.laws.changes import Changes, Pairs
from stepsize.laws.law import Curves, Final, Floats, Integers, Law, power


@dataclass(frozen=True)
class MultiPowerLaw(Law):
    """The loss after update t is a power of the rates summed so far, minus a gain from every decrease of the rate.

        L(t) = L0 + A S(t)^-alpha + B sum_{k=1..t} (eta_k - eta_{k-1}) [1 - (1 + C eta_k^-gamma (S(t) - S(k-1)))^-beta]
        S(t) = eta_0 + ... + eta_t

    eta_t is the rate of update t; both sums include the warmup. At a rate of zero the bracket takes its limit: 0 until
    a later rate is positive, then 1. The loss is infinite until a rate is positive.

    L0, A S^-alpha and B eta are in units of the loss; C eta^(1 - gamma) is dimensionless.

    Raises:
        ArgumentError: A, alpha, C or beta is not positive, B is negative, or gamma is not in (0, 0.999].

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
    gamma: Annotated[float, Number(above=0.0, most=0.999)]  # at 1 the law has no limit as the rate goes to zero

    def _losses(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        changes = Changes(rates, rates[0])
        losses = self.L0 + power(self.A, changes.sums[at], self.alpha)
        for chunk, pairs in changes.chunks(at, self._spread(rates, tolerance)):
            u = np.log(self.C) + np.log(pairs.gap) - self.gamma * pairs.log_rate
            left, _, _ = _bracket(u, self.beta)
            losses[chunk] += self.B * pairs.sum_rows((pairs.rate_after - pairs.rate_before) * (1.0 - left))
        return losses

    def _derivatives(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        changes = Changes(rates, rates[0])
        log_sums = np.log(changes.sums[at])
        jacobian = np.empty((at.size, 7))
        for chunk, pairs in changes.chunks(at, self._spread(rates, tolerance)):
            jacobian[chunk] = MultiPowerRows(log_sums[chunk], pairs).losses(self)[1]
        return jacobian

    def _spread(self, rates: Floats, tolerance: float) -> float:
        """The spread of blocks (see changes.py) with which a loss is off by at most `tolerance`.

        In a block, u = log(C eta_k^-gamma (S(t) - S(k-1))) ranges over at most gamma l + w. The mean of the bracket g
        over it differs from g at the mean of u by at most an eighth of that squared times the largest |g''|, which is
        at most max(1, beta) g'max; the mean of u differs from u at the means of log eta_k and S(k-1) by at most
        w^2 / 8. As gamma < 1, a block is off by at most

            |change| g'max max(1, beta) ((l + w)^2 + w^2) / 8,    g'max = (1 + 1/beta)^-(beta + 1), at e^u = 1/beta.
        """
        if not tolerance:
            return 0.0
        steepest = float(np.exp(-(self.beta + 1.0) * np.log1p(1.0 / self.beta)))
        slope = self.B * float(np.abs(np.diff(rates)).sum()) * steepest * max(1.0, self.beta)
        return 8.0 * tolerance / slope if slope else np.inf

    def _final(self, rates: Floats) -> Final:
        total = rates.sum()
        ahead = np.cumsum(rates[::-1])[::-1]  # S(T) - S(k-1)
        change = np.diff(rates)
        rate, gap = rates[1:], ahead[1:]
        moved = gap > 0
        # If gap is 0, no later rate is positive and the bracket is 0.
        u = np.where(moved, np.log(self.C) - self.gamma * np.log(rate) + np.log(gap), -np.inf)
        left, _, share = _bracket(u, self.beta)
        kept, slope = 1.0 - left, self.beta * left * share
        fall = power(self.A, total, self.alpha)
        gradient = np.full(rates.shape, -self.alpha * float(fall) / total)
        gradient[1:] += self.B * kept
        gradient[:-1] -= self.B * kept
        gradient[1:] -= self.B * self.gamma * change * np.divide(slope, rate, out=np.zeros_like(rate), where=rate > 0)
        gradient[1:] += self.B * np.cumsum(change * np.divide(slope, gap, out=np.zeros_like(gap), where=moved))
        # np.sum, not @: a dot product of this length would start BLAS threads, which cost more than they save.
        return Final(self.L0 + float(fall) + self.B * float(np.sum(change * kept)), gradient)


class MultiPowerRows:
    """The rows of several curves, prepared for repeated evaluation of the law: log S and the blocks of each row."""

    def __init__(self, log_sums: Floats, pairs: Pairs) -> None:
        self._log_sums, self._pairs = log_sums, pairs
        self._change = pairs.rate_after - pairs.rate_before
        self._log_gap = np.log(pairs.gap)

    @classmethod
    def of(cls, curves: Curves, spread: float) -> "MultiPowerRows":
        """The rows of several curves, with blocks of changes of that `spread`."""
        changes = [(Changes(rates, rates[0]), steps) for rates, steps in curves]
        log_sums = np.log(np.concatenate([each.sums[steps] for each, steps in changes]))
        return cls(log_sums, Pairs.joined([each.pairs(steps, spread) for each, steps in changes]))

    def losses(self, law: MultiPowerLaw) -> tuple[Floats, Floats]:
        """The losses, shape `(rows,)`, and their derivatives by the seven parameters, shape `(rows, 7)`."""
        log_rate, change, total = self._pairs.log_rate, self._change, self._pairs.sum_rows
        left, log1p, share = _bracket(np.log(law.C) + self._log_gap - law.gamma * log_rate, law.beta)
        slope = change * law.beta * left * share
        fall = law.A * np.exp(-law.alpha * self._log_sums)
        kept = total(change * (1.0 - left))
        columns = [
            np.ones(len(fall)),
            fall / law.A,
            -fall * self._log_sums,
            kept,
            law.B / law.C * total(slope),
            law.B * total(change * left * log1p),
            -law.B * total(slope * log_rate),
        ]
        return law.L0 + fall + law.B * kept, np.stack(columns, axis=1)


def _bracket(u: Floats, beta: float) -> tuple[Floats, Floats, Floats]:
    """(1 + e^u)^-beta, log(1 + e^u) and e^u / (1 + e^u), which give g and its slope; u may be infinite."""
    x = np.exp(np.minimum(u, 700.0))
    log1p = np.maximum(np.log1p(x), u)
    return np.exp(-beta * log1p), log1p, x / (1.0 + x)
