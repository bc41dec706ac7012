"""The estimate of a law from the rows of runs: what is minimised, from where, and how sure the result is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

from stepsize.curves import LossCurve
from stepsize.laws.fit_forms import AMPLITUDES, Form
from stepsize.laws.rates import Floats, Integers

STRETCHES = 8
"""Of each run, within which its errors are taken to hang together, and between which not."""
TINY = 1e-9
"""No loss is taken to be lower, so that it has a logarithm, whatever a fit tries on its way."""
MOST_STEPS = 200
DESCENTS = 2
"""From so many of the starts, the lowest, the estimate goes down."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The numbers at the lowest cost, and whether the search ended there by itself."""

    z: Floats
    cost: float
    converged: bool


class Estimate:
    """The rows of all runs, and behind them the expectation; the cost of numbers z is

        sum_i w_i^2 rho(log L_i - log prediction_i) + n prior^2 sum_j ((z_j - centre_j) / width_j)^2 / 2

    with Huber's rho, which is a square up to `huber` and a line beyond, and weights under which every run counts the
    same and all n rows together n.
    """

    def __init__(self, runs: Sequence[LossCurve], form: Form, prior: float, huber: float) -> None:
        sizes = [run.steps.size for run in runs]
        self.form = form
        self.log_losses = np.log(np.concatenate([run.losses for run in runs]))
        self.run: Integers = np.repeat(np.arange(len(runs)), sizes)
        count = self.log_losses.size
        self._weights = np.repeat([np.sqrt(count / len(runs) / size) for size in sizes], sizes)
        self._stretches: Integers = self.run * STRETCHES + np.concatenate(
            [np.arange(size) * STRETCHES // size for size in sizes]
        )
        self._prior = prior * np.sqrt(count)
        self._huber = huber
        self._last: tuple[bytes, tuple[Floats, Floats]] | None = None

    def lowest(self, starts: Sequence[Floats] | None = None) -> Solution:
        """The lowest of what the best starts lead to; those of the form, or others."""
        if starts is None:
            begun = [self._begun(start) for start in self.form.starts]
            starts = [z for z, _ in sorted(begun, key=lambda each: each[1])[:DESCENTS]]
        return min((self._solved(z) for z in starts), key=lambda solution: solution.cost)

    def _begun(self, start: tuple[Any, ...]) -> tuple[Floats, float]:
        """The numbers of a start with the amplitudes that are best for it, and their cost."""
        form = self.form
        z = form.begin(start, (1.0, 1.0, 1.0))
        basis = form.losses(form.law(z))[1][:, AMPLITUDES] * (self._weights / np.exp(self.log_losses))[:, None]
        amplitudes, _ = nnls(basis, self._weights)
        low, high = form.bounds
        z = np.clip(form.begin(start, amplitudes), low + 1e-9, high - 1e-9)
        return z, 0.5 * float(self._robust(self._residuals(z) ** 2)[0].sum())

    def _solved(self, z: Floats) -> Solution:
        done: Any = least_squares(
            self._residuals,
            z,
            self._jacobian,
            bounds=self.form.bounds,
            loss=self._robust,
            x_scale="jac",
            ftol=1e-10,
            max_nfev=MOST_STEPS,
        )
        return Solution(done.x, float(done.cost), done.status > 0)

    def _robust(self, squares: Floats) -> Floats:
        """Huber's rho of the rows, in the form that SciPy asks for; the expectation keeps its squares."""
        found = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
        limit = np.concatenate([self._huber * self._weights, np.full(squares.size - self._weights.size, np.inf)])
        far = squares > limit**2
        size, limit = np.sqrt(squares[far]), limit[far]
        found[:, far] = 2.0 * limit * size - limit**2, limit / size, -0.5 * limit / size**3
        return found

    def _at(self, z: Floats) -> tuple[Floats, Floats]:
        """The losses and their derivatives by the numbers: asked for twice at the same place, evaluated once."""
        key = z.tobytes()
        if self._last is None or self._last[0] != key:
            predicted, jacobian = self.form.losses(self.form.law(z))
            self._last = key, (np.maximum(predicted, TINY), jacobian @ self.form.slope(z))
        return self._last[1]

    def residuals(self, z: Floats) -> Floats:
        """log prediction - log L at all rows."""
        return np.asarray(np.log(self._at(z)[0]) - self.log_losses)

    def _residuals(self, z: Floats) -> Floats:
        expected = self.form.expected
        off = (z[expected.index] - expected.centre) / expected.width
        return np.concatenate([self._weights * self.residuals(z), self._prior * off])

    def _rows_jacobian(self, z: Floats) -> Floats:
        predicted, jacobian = self._at(z)
        return np.asarray((self._weights / predicted)[:, None] * jacobian)

    def _jacobian(self, z: Floats) -> Floats:
        index, width = self.form.expected.index, self.form.expected.width
        expected = np.zeros((index.size, z.size))
        expected[np.arange(index.size), index] = self._prior / width
        return np.vstack([self._rows_jacobian(z), expected])

    def covariance(self, z: Floats) -> Floats:
        """Of the law's parameters at the estimate, shape `(parameters, parameters)`.

        H^-1 V H^-1 with H the curvature of the cost and V the covariance of its gradient. Of the rows, H has the share
        that lies within `huber` (Huber, 1981), and V the squares of the gradients summed within stretches, scaled up
        for the parameters that were fitted. An expectation is taken to be off by its width; where one of them was found
        to be off by more, all of them by as many widths.
        """
        jacobian, residuals = self._rows_jacobian(z), self.residuals(z)
        near = np.abs(residuals) <= self._huber
        within = max(float(np.average(near, weights=self._weights**2)), 1.0 / residuals.size)
        gradients = jacobian * (self._weights * np.clip(residuals, -self._huber, self._huber))[:, None]
        sums = np.stack([np.bincount(self._stretches, column) for column in gradients.T], axis=1)
        stretches = np.unique(self._stretches).size
        spread = stretches / max(1, stretches - z.size) * sums.T @ sums

        expected = self.form.expected
        index, width = expected.index, expected.width
        weight, off = np.zeros(z.size), np.zeros(z.size)
        weight[index] = (self._prior / width) ** 2
        off[index] = width * max(1.0, float(np.max(np.abs(z[index] - expected.centre) / width)))

        inverse = np.linalg.pinv(within * jacobian.T @ jacobian + np.diag(weight), hermitian=True)
        slope = self.form.slope(z) @ inverse
        return np.asarray(slope @ (spread + np.diag((weight * off) ** 2)) @ slope.T)
