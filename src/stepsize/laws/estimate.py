"""The estimate of a law from the rows of runs: the cost, its minimum, and the uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls
from threadpoolctl import threadpool_limits

from stepsize.curves import LossCurve
from stepsize.laws.law import Floats, Integers
from stepsize.laws.parametrization import AMPLITUDES, Parametrization

INDEPENDENT = 10  # rows of a run count as this many, because the errors of neighbours are alike
LEAST_SCALE = 1.5e-3  # relative error of a run of which no law knows
HUBER = 2.0  # scales beyond which a residual counts linearly
LEAST_LOSS = 1e-9  # predictions are raised to this, so that they have a logarithm at any z
MOST_EVALUATIONS = 200


@dataclass(frozen=True, eq=False)
class Solution:
    """z at the lowest cost, the scale of the residuals, and whether the search converged."""

    z: Floats
    cost: float
    scale: float
    converged: bool


class Estimate:
    """The cost of z, over the rows of runs and the prior:

        sum_i w_i rho((log prediction_i - log L_i) / scale) + prior sum_j ((z_j - centre_j) / width_j)^2 / 2

    rho is half the square up to `HUBER` and linear beyond. The weights w of a run add up to `INDEPENDENT`, or to its
    rows if it has fewer; those of the runs `without` are 0. The scale is the size that two thirds of the residuals do
    not exceed, but at least `LEAST_SCALE`.
    """

    def __init__(
        self, runs: Sequence[LossCurve], parametrization: Parametrization, prior: float, without: Sequence[int] = ()
    ) -> None:
        self.parametrization = parametrization
        self.log_losses = np.log(np.concatenate([run.losses for run in runs]))
        sizes = np.array([run.steps.size for run in runs])
        self.run: Integers = np.repeat(np.arange(len(runs)), sizes)
        weights = np.minimum(1.0, INDEPENDENT / sizes)
        weights[list(without)] = 0.0
        self.weights = weights[self.run]
        self._prior = np.sqrt(prior) / np.array(parametrization.width)
        self._last: tuple[bytes, tuple[Floats, Floats]] | None = None

    def minimum(self, start: Floats | None = None, scale: float = LEAST_SCALE) -> Solution:
        """The minimum reached from `start`, or from the start of the parametrization with the lowest cost."""
        if start is None:
            candidates = [self._with_amplitudes(start, scale) for start in self.parametrization.starts]
            start = min(candidates, key=lambda each: each[1])[0]
        best = self._search(start, scale)
        wider = robust_deviation(self.residuals(best.z)[self.weights > 0])
        return self.minimum(best.z, wider) if wider > 1.05 * scale else best

    def _with_amplitudes(self, start: tuple[Any, ...], scale: float) -> tuple[Floats, float]:
        """z of a start with its best amplitudes, and its cost."""
        par = self.parametrization
        z = np.array([0.0, 1.0, start[0], 1.0, *start[1:]])
        weights = np.sqrt(self.weights)
        basis = (par.losses(par.law(z))[1] @ par.slope(z))[:, AMPLITUDES]
        z[AMPLITUDES], _ = nnls(basis * (weights / np.exp(self.log_losses))[:, None], weights)
        z = np.clip(z, np.array(par.low) + 1e-9, par.high)
        return z, 0.5 * float(self._rho(self._cost_terms(z, scale) ** 2)[0].sum())

    def _search(self, z: Floats, scale: float) -> Solution:
        with threadpool_limits(1, "blas"):  # with so few columns, more threads only wait for each other
            done: Any = least_squares(
                self._cost_terms,
                z,
                self._jacobian,
                bounds=(self.parametrization.low, self.parametrization.high),
                loss=self._rho,
                x_scale="jac",
                ftol=1e-8,
                max_nfev=MOST_EVALUATIONS,
                args=(scale,),
            )
        return Solution(done.x, float(done.cost), scale, done.status > 0)

    def _rho(self, squares: Floats) -> Floats:
        """Huber's rho of the rows and its two derivatives, as SciPy takes them; the prior terms stay squares."""
        rho = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
        limit = np.concatenate([HUBER * np.sqrt(self.weights), np.full(self._prior.size, np.inf)])
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

    def _cost_terms(self, z: Floats, scale: float) -> Floats:
        off = self._prior * (z - self.parametrization.centre)
        return np.concatenate([np.sqrt(self.weights) / scale * self.residuals(z), off])

    def _jacobian(self, z: Floats, scale: float) -> Floats:
        predicted, jacobian = self._at(z)
        return np.vstack([(np.sqrt(self.weights) / scale / predicted)[:, None] * jacobian, np.diag(self._prior)])

    def covariance(self, best: Solution) -> Floats:
        """The covariance of the law's parameters at the minimum: the inverse of the curvature of the cost."""
        near = np.abs(self.residuals(best.z)) <= HUBER * best.scale
        bends = np.concatenate([near, np.ones(best.z.size)])
        jacobian = self._jacobian(best.z, best.scale) * bends[:, None]
        slope = self.parametrization.slope(best.z)
        return np.asarray(slope @ np.linalg.pinv(jacobian.T @ jacobian, hermitian=True) @ slope.T)


def robust_deviation(residuals: Floats) -> float:
    """The size that two thirds of the residuals do not exceed; for normal ones, the standard deviation."""
    return float(np.quantile(np.abs(residuals), 0.6827))
