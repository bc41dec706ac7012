"""The functional scaling law: a power of the rates spent, plus the noise of every update, which is forgotten in time."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from stepsize.arguments import NonNegative, Number, Positive, Real
from stepsize.laws.changes import Changes, Pairs
from stepsize.laws.law import Curves, Final, Floats, Integers, Law, power
from stepsize.laws.summed_powers import SummedPowers


@dataclass(frozen=True)
class FunctionalLaw(Law):
    """The loss after update t is a power of the rates spent so far, plus the noise that is not yet forgotten.

        L(t) = L0 + A S_theta(t)^-alpha + B sum_{k=0..t} (eta_k^(p-1) - eta_{k-1}^(p-1)) G(S(t) - S(k-1)),  eta_{-1} = 0
        S_theta(t) = eta_0^theta + ... + eta_t^theta,    S(t) = eta_0 + ... + eta_t
        G(x) = [1 - (1 + C x)^(1 - rho)] / (C (rho - 1)), the integral of the memory (1 + C u)^-rho from u = 0 to x

    The last term of L is B sum_k eta_k^p (1 + C (S(t) - S(k)))^-rho, summed by parts, with the noise of each update
    spread evenly over the intrinsic time S that the update takes: an integral of eta^(p-1) over S. It can never be
    negative, it is bounded while the rate is, and it fades if the rate falls to zero.

    Stochastic gradient descent on a kernel regression with power-law spectra has theta = 1, p = 2 and rho = 2 - 1/b,
    with a capacity exponent b > 1 (Li et al., 2025): alpha says how fast the signal is learned in intrinsic time, rho
    how fast the noise is forgotten. Optimizers that scale the gradient differ, so theta and p are free. With theta = 1
    and p = 2 this is `MultiPowerLaw` in the limit gamma -> 0, with beta = rho - 1 and B_multi = B / (C (rho - 1)), if
    the first rate is 0.

    L0, A S_theta^-alpha and B eta^p are in units of the loss; C eta is dimensionless. The loss is infinite until a rate
    is positive.

    Raises:
        ArgumentError: A, alpha, C or theta is not positive, B is negative, rho is below 1, or p is not above 1.

    Example:
        >>> from stepsize.laws import FunctionalLaw
        >>> law = FunctionalLaw(L0=3.04, A=0.525, alpha=0.508, B=3.6e4, C=66.0, rho=1.5, p=2.0, theta=1.0)
        >>> law.predict(wsd(3e-4, 2000, 18_000, 4000, final_lr=3e-5), at=[10_000, 20_000, 23_999]).round(3)
        array([3.533, 3.437, 3.355])

    Reference: B. Li et al., "Functional Scaling Laws in Kernel Regression", arXiv 2509.19189 (2025).
    """

    L0: Real
    A: Positive
    alpha: Positive
    B: NonNegative
    C: Positive
    rho: Annotated[float, Number(least=1.0)]  # below, the noise of a constant rate would grow without bound
    p: Annotated[float, Number(above=1.0)]
    theta: Positive

    def _losses(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        losses = self.L0 + power(self.A, np.cumsum(rates**self.theta)[at], self.alpha)
        for chunk, pairs in Changes(rates, 0.0).chunks(at, self._spread(rates, tolerance)):
            change = pairs.rate_after ** (self.p - 1.0) - pairs.rate_before ** (self.p - 1.0)
            kept = _integral(self.rho - 1.0, np.log1p(self.C * pairs.gap)) / self.C
            losses[chunk] += self.B * pairs.sum_rows(change * kept)
        return losses

    def _derivatives(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        powers = rates**self.theta
        sums, slopes = np.cumsum(powers)[at], np.cumsum(powers * _log(rates))[at]
        jacobian = np.empty((at.size, 8))
        for chunk, pairs in Changes(rates, 0.0).chunks(at, self._spread(rates, tolerance)):
            noise = NoiseRows(pairs).derivatives(self)
            jacobian[chunk] = _columns(self, np.log(sums[chunk]), slopes[chunk] / sums[chunk], noise)
        return jacobian

    def _spread(self, rates: Floats, tolerance: float) -> float:
        """The spread of blocks (see changes.py) with which a loss is off by at most `tolerance`.

        In a block with weights v_k = eta_k^(p-1) - eta_{k-1}^(p-1), let x = S(t) - S(k-1) be at least x0, and range
        over w x0. The mean of G weighted by v differs from G at the mean of x by at most (w x0)^2 max|G''| / 8. The
        ratio of v to the changes of the rate, which weigh the mean of x in the block, ranges over a factor of at most
        e^(|p - 2| l), so that the two means of x differ by at most w x0 |p - 2| l / 4. A block is therefore off by at
        most

            |v| (w^2 max x^2 |G''| + 2 |p - 2| l w max x G') / 8,
            max x G' = (rho - 1)^(rho - 1) / rho^rho / C,
            max x^2 |G''| = 4 rho (rho - 1)^(rho - 1) / (rho + 1)^(rho + 1) / C,

        and w^2 + 2 l w is at most the spread.
        """
        if not tolerance:
            return 0.0
        rho, moved = self.rho, float(np.abs(np.diff(rates ** (self.p - 1.0), prepend=0.0)).sum())
        bend = max(4.0 * rho * (rho + 1.0) ** -(rho + 1.0), abs(self.p - 2.0) * rho**-rho) * (rho - 1.0) ** (rho - 1.0)
        return 8.0 * tolerance * self.C / (self.B * moved * bend) if self.B * moved else np.inf

    def _final(self, rates: Floats) -> Final:
        sums = (rates**self.theta).sum()
        fall = float(power(self.A, sums, self.alpha))
        ahead = np.cumsum(rates[::-1])[::-1]  # S(T) - S(k-1)
        beyond = np.append(ahead[1:], 0.0)
        weight = rates ** (self.p - 1.0)
        # The noise of an update that is left at the end, as a difference of G without cancellation.
        faded = np.exp((1.0 - self.rho) * np.log1p(self.C * beyond))
        left = faded * _integral(self.rho - 1.0, np.log1p(self.C * rates / (1.0 + self.C * beyond))) / self.C
        memory = np.exp(-self.rho * np.log1p(self.C * ahead))
        positive = rates > 0
        by_weight = np.divide((self.p - 1.0) * weight * left, rates, out=np.zeros_like(rates), where=positive)
        by_time = np.cumsum(np.diff(weight, prepend=0.0) * memory)
        by_power = np.power(rates, self.theta - 1.0, out=np.zeros_like(rates), where=positive)
        gradient = -self.alpha * self.theta * fall / sums * by_power + self.B * (by_weight + by_time)
        # np.sum, not @: a dot product of this length would start BLAS threads, which cost more than they save.
        return Final(self.L0 + fall + self.B * float(np.sum(weight * left)), gradient)


class FunctionalRows:
    """The rows of several curves, prepared for repeated evaluation of the law."""

    def __init__(self, curves: Curves, spread: float) -> None:
        self._powers = [SummedPowers(rates, at) for rates, at in curves]
        self._noise = NoiseRows(Pairs.joined([Changes(rates, 0.0).pairs(at, spread) for rates, at in curves]))

    def losses(self, law: FunctionalLaw) -> tuple[Floats, Floats]:
        """The losses, shape `(rows,)`, and their derivatives by the eight parameters, shape `(rows, 8)`."""
        log_sums, slopes = np.concatenate([each.at(law.theta) for each in self._powers], axis=1)
        jacobian = _columns(law, log_sums, slopes, self._noise.derivatives(law))
        return law.L0 + law.A * jacobian[:, 1] + law.B * jacobian[:, 3], jacobian


class NoiseRows:
    """The noise of rows, B not included, prepared for repeated evaluation: the blocks of every row, each rate once."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._rates, place = np.unique(np.concatenate([pairs.rate_after, pairs.rate_before]), return_inverse=True)
        self._after, self._before = np.split(place, 2)

    def derivatives(self, law: FunctionalLaw) -> tuple[Floats, Floats, Floats, Floats]:
        """The noise of every row, and its derivatives by C, rho and p."""
        gap, total = self._pairs.gap, self._pairs.sum_rows
        weight = self._rates ** (law.p - 1.0)
        slope = weight * _log(self._rates)
        change = weight[self._after] - weight[self._before]
        kept, by_c, by_rho = kept_noise(law.C, law.rho, gap)
        of_p = slope[self._after] - slope[self._before]
        return total(change * kept), total(change * by_c), total(change * by_rho), total(of_p * kept)


def _columns(law: FunctionalLaw, log_sums: Floats, slopes: Floats, noise: tuple[Floats, ...]) -> Floats:
    """The derivatives by the eight parameters; `slopes` is that of log S_theta by theta."""
    fallen = np.exp(-law.alpha * log_sums)
    fall = law.A * fallen
    of_noise = [noise[0], *(law.B * each for each in noise[1:])]
    return np.stack([np.ones_like(fall), fallen, -fall * log_sums, *of_noise, -law.alpha * fall * slopes], axis=1)


def kept_noise(c: float, rho: float, x: Floats) -> tuple[Floats, Floats, Floats]:
    """G(x), and its derivatives by C and rho."""
    log1p = np.log1p(c * x)
    y = (rho - 1.0) * log1p
    kept = _integral(rho - 1.0, log1p)
    series = -(log1p**2) * (0.5 - y * (1.0 / 3.0 - y * (0.125 - y / 30.0)))
    by_rho = np.where(y > 1e-3, (log1p * np.exp(-y) - kept) / max(rho - 1.0, 1e-300), series)
    return kept / c, (x * np.exp(-rho * log1p) - kept / c) / c, by_rho / c


def _integral(b: float, log1p: Floats) -> Floats:
    """C G(x) = (1 - e^(-b log(1 + C x))) / b, with b = rho - 1, or log(1 + C x) at b = 0."""
    return np.asarray(-np.expm1(-b * log1p) / b if b else log1p)


def _log(rates: Floats) -> Floats:
    """The logarithm, and 0 at a rate of 0, whose powers are 0."""
    return np.log(rates, out=np.zeros_like(rates), where=rates > 0)
