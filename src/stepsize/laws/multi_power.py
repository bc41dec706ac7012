"""The multi-power law: a power of the summed rates, less what every change of the rate gives back."""

from dataclasses import dataclass

import numpy as np

from stepsize.arguments import NonNegative, Positive, Real
from stepsize.errors import ArgumentError
from stepsize.laws.changes import Changes, Pairs, bracket, spread_for
from stepsize.laws.law import Below1, Final, Law, power
from stepsize.laws.rates import Curves, Floats, Integers


@dataclass(frozen=True)
class MultiPowerLaw(Law):
    """The loss after update t is a power of the rates summed so far, less a part that lower rates give back.

        L(t) = L0 + A S(t)^-alpha + B sum_{k=1..t} (eta_k - eta_{k-1}) [1 - (1 + C eta_k^-gamma (S(t) - S(k-1)))^-beta]
        S(t) = eta_0 + ... + eta_t

    eta_t is the rate of update t; both sums have the warmup in them. At a rate of zero the bracket is its limit: 1 as
    soon as a later rate is positive, 0 before. The loss is infinite while all rates were zero.

    L0, A and B eta are in units of the loss; C eta^(1 - gamma) is dimensionless.

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
    gamma: Below1

    def _losses(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        changes = Changes(rates)
        losses = self.L0 + power(self.A, changes.sums[at], self.alpha)
        for part, pairs in changes.parts(at, self._spread(changes, tolerance)):
            left, _, _ = bracket(pairs.u(self.C, self.gamma), self.beta)
            losses[part] += self.B * pairs.summed(1.0 - left) + self.B * pairs.full
        return losses

    def _derivatives(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        changes = Changes(rates)
        log_sums = np.log(changes.sums[at])
        found = np.empty((at.size, 7))
        for part, pairs in changes.parts(at, self._spread(changes, tolerance)):
            found[part] = MultiPowerRows(log_sums[part], pairs).losses(self)[1]
        return found

    def _spread(self, changes: Changes, tolerance: float) -> float:
        return spread_for(tolerance, self.beta, self.B * changes.total) if tolerance else 0.0

    def _final(self, rates: Floats) -> Final:
        total = rates.sum()
        if total == 0:
            raise ArgumentError("final needs a rate that is positive: without one there is no loss")
        ahead = np.cumsum(rates[::-1])[::-1]  # S(T) - S(k-1)
        change = np.diff(rates)
        rate, gap = rates[1:], ahead[1:]
        moved = gap > 0
        # Where gap is 0 no later rate is positive, and the bracket is 0.
        u = np.where(moved, np.log(self.C) - self.gamma * np.log(rate) + np.log(gap), -np.inf)
        left, _, share = bracket(u, self.beta)
        kept, slope = 1.0 - left, self.beta * left * share
        fall = power(self.A, total, self.alpha)
        gradient = np.full(rates.shape, -self.alpha * float(fall) / total)
        gradient[1:] += self.B * kept
        gradient[:-1] -= self.B * kept
        gradient[1:] -= self.B * self.gamma * change * np.divide(slope, rate, out=np.zeros_like(rate), where=rate > 0)
        gradient[1:] += self.B * np.cumsum(change * np.divide(slope, gap, out=np.zeros_like(gap), where=moved))
        # A product of vectors this long would wake the threads of BLAS, which cost more than they do.
        return Final(self.L0 + float(fall) + self.B * float(np.sum(change * kept)), gradient)


class MultiPowerRows:
    """The rows of several curves, prepared for many evaluations of the law with other parameters."""

    def __init__(self, log_sums: Floats, pairs: Pairs) -> None:
        """log S at every row, and the blocks of changes that count there."""
        self._log_sums = log_sums
        self._pairs = pairs

    @classmethod
    def of(cls, curves: Curves, spread: float) -> "MultiPowerRows":
        """The rows of several curves, with blocks of changes of that `spread`."""
        changes = [Changes(rates) for rates, _ in curves]
        at = [steps for _, steps in curves]
        return cls(
            np.log(np.concatenate([each.sums[steps] for each, steps in zip(changes, at, strict=True)])),
            Pairs.joined([each.pairs(steps, spread) for each, steps in zip(changes, at, strict=True)]),
        )

    def losses(self, law: MultiPowerLaw) -> tuple[Floats, Floats]:
        """The losses, shape `(rows,)`, and their derivatives by the seven parameters, shape `(rows, 7)`."""
        pairs = self._pairs
        left, log1p, share = bracket(pairs.u(law.C, law.gamma), law.beta)
        slope = law.beta * left * share
        fall = law.A * np.exp(-law.alpha * self._log_sums)
        kept = pairs.summed(1.0 - left) + pairs.full
        jacobian = np.stack(
            [
                np.ones(len(fall)),
                fall / law.A,
                -fall * self._log_sums,
                kept,
                law.B / law.C * pairs.summed(slope),
                law.B * pairs.summed(left * log1p),
                -law.B * pairs.summed(slope * pairs.log_rate),
            ],
            axis=1,
        )
        return law.L0 + fall + law.B * kept, jacobian
