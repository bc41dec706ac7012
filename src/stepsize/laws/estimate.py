"""The estimate of a law from the rows of runs: the cost, its minimum, and the uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

from stepsize.curves import LossCurve
from stepsize.laws.law import Floats, Integers
from stepsize.laws.parametrization import AMPLITUDES, Parametrization

SEGMENTS = 8  # of each run; errors are taken to be correlated within a segment and independent between segments
LEAST_LOSS = 1e-9  # predictions are raised to this, so that they have a logarithm at any z
MOST_EVALUATIONS = 200
SEARCHES = 2  # from the starts with the lowest cost


@dataclass(frozen=True, eq=False)
class Solution:
    """z at the lowest cost, and whether the search converged."""

    z: Floats
    cost: float
    converged: bool


class Estimate:
    """The cost of z, over n rows and the prior:

        sum_i w_i^2 rho(log L_i - log prediction_i) + n weight^2 sum_j ((z_j - centre_j) / width_j)^2 / 2

    rho is Huber's function, a square up to `huber` and linear beyond. The weights w make every run count the same and
    sum to n.
    """

    def __init__(
        self, runs: Sequence[LossCurve], parametrization: Parametrization, prior_weight: float, huber: float
    ) -> None:
        sizes = [run.steps.size for run in runs]
        self.parametrization = parametrization
        self.log_losses = np.log(np.concatenate([run.losses for run in runs]))
        self.run: Integers = np.repeat(np.arange(len(runs)), sizes)
        count = self.log_losses.size
        self._weights = np.repeat([np.sqrt(count / len(runs) / size) for size in sizes], sizes)
        self._segments: Integers = self.run * SEGMENTS + np.concatenate(
            [np.arange(size) * SEGMENTS // size for size in sizes]
        )
        self._prior_weight = prior_weight * np.sqrt(count)
        self._huber = huber
        self._last: tuple[bytes, tuple[Floats, Floats]] | None = None

    def minimum(self, starts: Sequence[Floats] | None = None) -> Solution:
        """The lowest minimum reached from `starts`, or from the best starts of the parametrization."""
        if starts is None:
            candidates = [self._with_amplitudes(start) for start in self.parametrization.starts]
            starts = [z for z, _ in sorted(candidates, key=lambda each: each[1])[:SEARCHES]]
        return min((self._search(z) for z in starts), key=lambda solution: solution.cost)

    def _with_amplitudes(self, start: tuple[Any, ...]) -> tuple[Floats, float]:
        """z of a start with its best amplitudes, and its cost."""
        par = self.parametrization
        z = par.begin(start, (1.0, 1.0, 1.0))
        basis = par.losses(par.law(z))[1][:, AMPLITUDES] * (self._weights / np.exp(self.log_losses))[:, None]
        amplitudes, _ = nnls(basis, self._weights)
        low, high = par.bounds
        z = np.clip(par.begin(start, amplitudes), low + 1e-9, high - 1e-9)
        return z, 0.5 * float(self._rho(self._cost_terms(z) ** 2)[0].sum())

    def _search(self, z: Floats) -> Solution:
        done: Any = least_squares(
            self._cost_terms,
            z,
            self._jacobian,
            bounds=self.parametrization.bounds,
            loss=self._rho,
            x_scale="jac",
            ftol=1e-10,
            max_nfev=MOST_EVALUATIONS,
        )
        return Solution(done.x, float(done.cost), done.status > 0)

    def _rho(self, squares: Floats) -> Floats:
        """Huber's rho of the rows and its two derivatives, as SciPy takes them; the prior terms stay squares."""
        rho = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
        limit = np.concatenate([self._huber * self._weights, np.full(squares.size - self._weights.size, np.inf)])
        far = squares > limit**2
        size, limit = np.sqrt(squares[far]), limit[far]
        rho[:, far] = 2.0 * limit * size - limit**2, limit / size, -0.5 * limit / size**3
        return rho

    def _at(self, z: Floats) -> tuple[Floats, Floats]:
        """The losses and their derivatives by z; the last result is kept, because SciPy asks for each z twice."""
        key = z.tobytes()
        if self._last is None or self._last[0] != key:
            predicted, jacobian = self.parametrization.losses(self.parametrization.law(z))
            self._last = key, (np.maximum(predicted, LEAST_LOSS), jacobian @ self.parametrization.slope(z))
        return self._last[1]

    def residuals(self, z: Floats) -> Floats:
        """log prediction - log L at all rows."""
        return np.asarray(np.log(self._at(z)[0]) - self.log_losses)

    def _cost_terms(self, z: Floats) -> Floats:
        prior = self.parametrization.prior
        off = (z[prior.index] - prior.centre) / prior.width
        return np.concatenate([self._weights * self.residuals(z), self._prior_weight * off])

    def _row_jacobian(self, z: Floats) -> Floats:
        predicted, jacobian = self._at(z)
        return np.asarray((self._weights / predicted)[:, None] * jacobian)

    def _jacobian(self, z: Floats) -> Floats:
        index, width = self.parametrization.prior.index, self.parametrization.prior.width
        of_prior = np.zeros((index.size, z.size))
        of_prior[np.arange(index.size), index] = self._prior_weight / width
        return np.vstack([self._row_jacobian(z), of_prior])

    def covariance(self, z: Floats) -> Floats:
        """The covariance of the law's parameters at the minimum, shape `(parameters, parameters)`.

        The sandwich H^-1 V H^-1, with H the curvature of the cost and V the covariance of its gradient. H uses the
        share of rows within `huber` (Huber, 1981). V sums the gradients within segments before squaring them, and is
        scaled up for the number of fitted parameters. The prior is taken to be off by its width; if one number is off
        by more, all widths are scaled by that factor.
        """
        jacobian, residuals = self._row_jacobian(z), self.residuals(z)
        near = np.abs(residuals) <= self._huber
        within = max(float(np.average(near, weights=self._weights**2)), 1.0 / residuals.size)
        gradients = jacobian * (self._weights * np.clip(residuals, -self._huber, self._huber))[:, None]
        sums = np.stack([np.bincount(self._segments, column) for column in gradients.T], axis=1)
        segments = np.unique(self._segments).size
        spread = segments / max(1, segments - z.size) * sums.T @ sums

        prior = self.parametrization.prior
        index, width = prior.index, prior.width
        weight, off = np.zeros(z.size), np.zeros(z.size)
        weight[index] = (self._prior_weight / width) ** 2
        off[index] = width * max(1.0, float(np.max(np.abs(z[index] - prior.centre) / width)))

        inverse = np.linalg.pinv(within * jacobian.T @ jacobian + np.diag(weight), hermitian=True)
        slope = self.parametrization.slope(z) @ inverse
        return np.asarray(slope @ (spread + np.diag((weight * off) ** 2)) @ slope.T)
