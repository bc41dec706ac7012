"""Fitting a law to the loss curves of runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

from stepsize.arguments import Count, NonNegative, Positive, checked, refusal
from stepsize.errors import StepsizeError
from stepsize.laws.diagnosis import must_determine, must_hold, remarks
from stepsize.laws.fit import Fit
from stepsize.laws.fit_forms import AMPLITUDES, DECAYS, Form, MomentumForm, MultiPowerForm
from stepsize.laws.law import Law
from stepsize.laws.momentum import MomentumLaw
from stepsize.laws.multi_power import MultiPowerLaw
from stepsize.laws.rates import Floats, Whole
from stepsize.records import LossCurve

STRETCHES = 8
"""Of each run, within which its errors are taken to hang together, and between which not."""
TINY = 1e-9
"""No loss is taken to be lower, so that it has a logarithm, whatever a fit tries on its way."""


@checked
def fit(
    runs: Sequence[LossCurve],
    law: type[Law] = MultiPowerLaw,
    *,
    prior: NonNegative = 1e-3,
    huber: Positive = 3e-3,
    rows: Count = 500,
) -> Fit:
    """The law that runs obey, as well as they determine it.

    It minimises a Huber loss of the residuals log L - log prediction, in which every run weighs the same, and of how
    far the shape of the law is from what is expected of it before any run is seen:

        alpha = beta = gamma = 1/2, each give or take 0.1,    C peak^(1 - gamma) = 0.05, give or take a factor of e

    where peak is the highest rate of the runs. The bounds are 0.02 <= alpha, beta <= 3 and gamma <= 0.98. Derivatives
    are analytic, and every start begins with the L0, A and B that are best for its alpha, beta and gamma. For
    `MomentumLaw` alpha alone is expected, and the best of eight values of `decay` is taken.

    The uncertainty is that of a regression whose errors hang together: a run's errors are summed within eighths of it
    before they are squared (a sandwich of Jacobians), as neighbouring rows of one run tell nearly the same. Refitting
    to resampled runs would need more of them than there usually are.

    Args:
        runs: with the rates of all their updates; `stepsize.records` has readers.
        law: `MultiPowerLaw` or `MomentumLaw`.
        prior: what the expectation weighs: to be off by its width costs as much as this relative error in every row.
            0: bounds alone. The default was chosen on runs of two sizes by leaving out one run at a time.
        huber: from which relative error on a residual counts by its size and no longer by its square.
        rows: a run with more is thinned to so many, means over neighbouring ones.

    Raises:
        ArgumentError: there are no runs, or something is none.
        FitError: the runs do not determine the law: one plan only, no decay, too few rows, or peak rates so far apart
            that they cannot be in one unit; or they do not obey it.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit
        >>> from stepsize.records import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> plans = {"flat": warmup(Constant(3e-4), 100), "down": warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)}
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(plan, 4000, at=at), plan) for name, plan in plans.items()]
        >>> found = fit(runs)
        >>> found.law.alpha.__round__(2), round(found.predict(wsd(3e-4, 100, 2900, 1000)).final, 2)
        (0.5, 3.53)

    Reference: the form of the residuals is that of Luo et al., arXiv 2503.12811 (2025).
    """
    if not isinstance(runs, Iterable):
        raise refusal("fit", "runs", "a sequence of loss curves", runs, "write [run]")
    runs = tuple(runs)
    for index, run in enumerate(runs):
        if not isinstance(run, LossCurve):
            raise refusal("fit", f"runs[{index}]", "a LossCurve", run, "read_curves() makes some of a file")
    if law not in (MultiPowerLaw, MomentumLaw):
        raise refusal("fit", "law", "MultiPowerLaw or MomentumLaw", law)
    runs = [run.thinned(rows) for run in runs]
    must_determine(runs, law)
    task = _Task(runs, prior, huber)
    forms = _forms(runs, law, DECAYS)
    best = min((task.solved(form, task.begin(form, at)) for form in forms for at in form.starts), key=_cost)
    found, covariance = best.form.law(best.z), task.covariance(best)
    residuals = np.log(best.form.losses(found)[0]) - task.log_losses
    scatter = float(np.sqrt((residuals**2).mean()))
    must_hold(scatter)
    return Fit(
        law=found,
        runs=tuple(runs),
        covariance=covariance,
        names=best.form.names,
        scatter=scatter,
        left_out=_left_out(runs, best, prior, huber),
        diagnosis=remarks(runs, best.form, best.z, covariance, residuals, task.run),
    )


def _forms(runs: Sequence[LossCurve], law: type[Law], decays: Sequence[float]) -> list[Form]:
    curves = [(run.rates, run.steps) for run in runs]
    peak = max(run.peak_lr for run in runs)
    lowest = min(float(run.losses.min()) for run in runs)
    if law is MultiPowerLaw:
        return [MultiPowerForm(curves, peak, lowest)]
    return [MomentumForm(curves, peak, lowest, decay) for decay in decays]


def _left_out(runs: Sequence[LossCurve], best: "_Solution", prior: float, huber: float) -> float | None:
    """The relative error of the runs that the others foresee, each run left out in turn; None where none can be."""
    law = best.form.law(best.z)
    errors = []
    for index, run in enumerate(runs):
        others = [*runs[:index], *runs[index + 1 :]]
        try:
            must_determine(others, type(law))
        except StepsizeError:
            continue
        decays = [law.decay] if isinstance(law, MomentumLaw) else []
        (form,) = _forms(others, type(law), decays)
        found = form.law(_Task(others, prior, huber).solved(form, best.z).z)
        predicted = found.predict(run.rates, at=run.steps)
        errors.append(float(((np.log(predicted) - np.log(run.losses)) ** 2).mean()))
    return float(np.sqrt(np.mean(errors))) if errors else None


@dataclass(frozen=True, eq=False)
class _Solution:
    form: Form
    z: Floats
    cost: float


def _cost(solution: _Solution) -> float:
    return solution.cost


class _Task:
    """What is to be minimised: the rows of all runs, one after another, and behind them the expectation."""

    def __init__(self, runs: Sequence[LossCurve], prior: float, huber: float) -> None:
        sizes = [run.steps.size for run in runs]
        self.log_losses = np.log(np.concatenate([run.losses for run in runs]))
        self.run: Whole = np.repeat(np.arange(len(runs)), sizes)
        count = self.log_losses.size
        self._weights = np.repeat([np.sqrt(count / len(runs) / size) for size in sizes], sizes)
        self._stretches: Whole = self.run * STRETCHES + np.concatenate(
            [np.arange(size) * STRETCHES // size for size in sizes]
        )
        self._prior = prior * np.sqrt(count)
        self._huber = huber

    def begin(self, form: Form, start: tuple[float, ...]) -> Floats:
        """The numbers of a start, with the amplitudes that are best for it."""
        z = form.begin(start, (1.0, 1.0, 1.0))
        basis = form.losses(form.law(z))[1][:, AMPLITUDES] * (self._weights / np.exp(self.log_losses))[:, None]
        amplitudes, _ = nnls(basis, self._weights)
        return form.begin(start, amplitudes)

    def solved(self, form: Form, start: Floats) -> _Solution:
        """The best numbers near those of a start."""
        low, high = form.bounds
        z = np.clip(start, low + 1e-9, high - 1e-9)
        done: Any = least_squares(
            lambda z: self._residuals(form, z),
            z,
            lambda z: self._jacobian(form, z),
            bounds=form.bounds,
            loss="huber",
            f_scale=self._huber,
            x_scale="jac",
            ftol=1e-10,
            max_nfev=200,
        )
        return _Solution(form, done.x, float(done.cost))

    def _residuals(self, form: Form, z: Floats) -> Floats:
        predicted = form.losses(form.law(z))[0]
        off = (z[form.expected.index] - form.expected.centre) / form.expected.width
        rows = np.log(np.maximum(predicted, TINY)) - self.log_losses
        return np.concatenate([self._weights * rows, self._prior * off])

    def _jacobian(self, form: Form, z: Floats) -> Floats:
        predicted, jacobian = form.losses(form.law(z))
        rows = (self._weights / np.maximum(predicted, TINY))[:, None] * (jacobian @ form.slope(z))
        expected = np.zeros((form.expected.index.size, z.size))
        expected[np.arange(form.expected.index.size), form.expected.index] = self._prior / form.expected.width
        return np.vstack([rows, expected])

    def covariance(self, solution: _Solution) -> Floats:
        """Of the law's parameters, shape `(parameters, parameters)`; see `fit`."""
        form, z = solution.form, solution.z
        jacobian, residuals = self._jacobian(form, z), self._residuals(form, z)
        count = self.log_losses.size
        curvature = jacobian.T @ jacobian
        scores = jacobian[:count] * np.clip(residuals[:count], -self._huber, self._huber)[:, None]
        sums = np.stack([np.bincount(self._stretches, column) for column in scores.T], axis=1)
        # An expectation is off by its width: its residual is then the square root of the weight it has.
        expected = jacobian[count:] * self._prior
        spread = sums.T @ sums + expected.T @ expected
        inverse = np.linalg.pinv(curvature, hermitian=True)
        slope = form.slope(z)
        return np.asarray(slope @ inverse @ spread @ inverse @ slope.T)
