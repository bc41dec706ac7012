"""The functional scaling law: a power of the intrinsic time, plus the noise of every update, forgotten with time."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from stepsize.arguments import NonNegative, Number, Positive, Real
from stepsize.laws.changes import Changes
from stepsize.laws.effective_rates import by_rates, sizes
from stepsize.laws.functional_rows import FunctionalRows, integral
from stepsize.laws.law import Final, Floats, Integers, Law, power


@dataclass(frozen=True)
class FunctionalLaw(Law):
    """The loss after update t is a power of the intrinsic time, plus the part of the updates' noise not yet forgotten.

        L(t) = L0 + A S(t)^-alpha + B sum_{k=0..t} (e_k^(p-1) - e_{k-1}^(p-1)) G(S(t) - S(k-1)),    e_{-1} = 0
        S(t) = e_0 + ... + e_t,    e_k = eta_k N_k^-kappa
        N_k = N_{k-1} exp(-D eta_k) + eta_k (1 - exp(-D eta_k)),    N_{-1} = N0
        G(x) = [1 - (1 + C x)^(1 - rho)] / (C (rho - 1)), the integral of the memory (1 + C u)^-rho from u = 0 to x

    The last term of L is B sum_k e_k^p (1 + C (S(t) - S(k)))^-rho, summed by parts, with the noise of each update
    spread evenly over the intrinsic time S that the update takes: an integral of e^(p-1) over S. It is never negative,
    it is bounded while the rate is, and it fades if the rate falls to zero.

    Stochastic gradient descent on a kernel regression with power-law spectra has p = 2 and rho = 2 - 1/b, with a
    capacity exponent b > 1 (Li et al., 2025): alpha says how fast the signal is learned in intrinsic time, rho how fast
    the noise is forgotten. Optimizers that scale the gradient differ, so p is free.

    e is the effective rate, which says how far an update turns the weights: the larger the weights, the less. N is
    their squared size, in units of the rate at which it would stay as it is. Updates add to it and weight decay takes
    away from it, so it moves towards the present rate, over 1 / D of summed rates: D is twice the weight decay, N0 the
    squared size at the start, and e goes with the square root of the rate in the end, kappa = 1/2 (Kosson et al.,
    2023). With D = 0 the weights keep their size, and e is proportional to eta.

    With p = 2, D = 0 and N0 = 1 this is `MultiPowerLaw` in the limit gamma -> 0, with beta = rho - 1 and
    B_multi = B / (C (rho - 1)), if the first rate is 0 and the others are positive.

    L0, A S^-alpha and B e^p are in units of the loss; C e and D eta are dimensionless, and N0 is a rate. The loss is
    infinite until a rate is positive.

    Raises:
        ArgumentError: A, alpha, C or N0 is not positive, B or D is negative, rho is below 1, p is not above 1, or kappa
            is not in [0, 1].

    Example:
        >>> from stepsize.laws import FunctionalLaw
        >>> law = FunctionalLaw(L0=2.7, A=6.0, alpha=0.5, B=4.0, C=2.5, rho=1.4, p=1.8, kappa=0.5, D=0.2, N0=1e-4)
        >>> law.predict(wsd(3e-4, 2000, 18_000, 4000, final_lr=3e-5), at=[10_000, 20_000, 23_999]).round(3)
        array([3.273, 3.15 , 3.041])

    Reference: B. Li et al., "Functional Scaling Laws in Kernel Regression", arXiv 2509.19189 (2025). Kosson et al.,
    "Rotational Equilibrium", arXiv 2305.17212 (2023).
    """

    L0: Real
    A: Positive
    alpha: Positive
    B: NonNegative
    C: Positive
    rho: Annotated[float, Number(least=1.0)]  # below, the noise of a constant rate would grow without bound
    p: Annotated[float, Number(above=1.0)]
    kappa: Annotated[float, Number(least=0.0, most=1.0)] = 0.5
    D: NonNegative = 0.0
    N0: Positive = 1.0

    def _losses(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        effective = self._effective(rates)
        changes = Changes(effective, 0.0)
        losses = self.L0 + power(self.A, changes.sums[at], self.alpha)
        for chunk, pairs in changes.chunks(at, self._spread(effective, tolerance)):
            change = pairs.rate_after ** (self.p - 1.0) - pairs.rate_before ** (self.p - 1.0)
            losses[chunk] += self.B / self.C * pairs.sum_rows(change * integral(self.rho, np.log1p(self.C * pairs.gap)))
        return losses

    def _derivatives(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        effective = self._effective(rates)
        changes, jacobian = Changes(effective, 0.0), np.empty((at.size, 10))
        for chunk, pairs in changes.chunks(at, self._spread(effective, tolerance)):
            jacobian[chunk] = FunctionalRows([(rates, changes, at[chunk], pairs)]).losses(self)[1]
        return jacobian

    def _effective(self, rates: Floats) -> Floats:
        return np.asarray(rates * sizes(rates, self.D, self.N0) ** -self.kappa)

    def _spread(self, effective: Floats, tolerance: float) -> float:
        """The spread of blocks (see changes.py) with which a loss is off by at most `tolerance`.

        In a block with weights v_k = e_k^(p-1) - e_{k-1}^(p-1), let x = S(t) - S(k-1) be at least x0, and range over
        w x0. The mean of G weighted by v differs from G at the mean of x by at most (w x0)^2 max|G''| / 8. The ratio of
        v to the changes of the rate, which weigh the mean of x in the block, ranges over a factor of at most
        e^(|p - 2| l), so that the two means of x differ by at most w x0 |p - 2| l / 4. A block is therefore off by at
        most

            |v| (w^2 max x^2 |G''| + 2 |p - 2| l w max x G') / 8,
            max x G' = (rho - 1)^(rho - 1) / rho^rho / C,
            max x^2 |G''| = 4 rho (rho - 1)^(rho - 1) / (rho + 1)^(rho + 1) / C,

        and w^2 + 2 l w is at most the spread.
        """
        if not tolerance:
            return 0.0
        rho = self.rho
        moved = float(np.abs(np.diff(effective ** (self.p - 1.0), prepend=0.0)).sum())
        bend = max(4.0 * rho * (rho + 1.0) ** -(rho + 1.0), abs(self.p - 2.0) * rho**-rho) * (rho - 1.0) ** (rho - 1.0)
        off = self.B * moved * bend
        return 8.0 * tolerance * self.C / off if off else np.inf

    def _final(self, rates: Floats) -> Final:
        size = sizes(rates, self.D, self.N0)
        effective = rates * size**-self.kappa
        positive = effective > 0
        total = effective.sum()
        fall = float(power(self.A, total, self.alpha))
        ahead = np.cumsum(effective[::-1])[::-1]  # S(T) - S(k-1)
        beyond = np.append(ahead[1:], 0.0)
        weight = effective ** (self.p - 1.0)
        # What is left of the noise of each update: a difference of G without cancellation.
        faded = np.exp((1.0 - self.rho) * np.log1p(self.C * beyond))
        left = faded * integral(self.rho, np.log1p(self.C * effective / (1.0 + self.C * beyond))) / self.C
        memory = np.exp(-self.rho * np.log1p(self.C * ahead))
        by_weight = np.divide((self.p - 1.0) * weight * left, effective, out=np.zeros_like(rates), where=positive)
        by_time = np.cumsum(np.diff(weight, prepend=0.0) * memory)
        gradient = self.B * (by_weight + by_time) - self.alpha * fall / total
        # np.sum, not @: a dot product of this length would start BLAS threads, which cost more than they save.
        loss = self.L0 + fall + self.B * float(np.sum(weight * left))
        return Final(loss, by_rates(rates, size, self.D, self.N0, self.kappa, gradient))
