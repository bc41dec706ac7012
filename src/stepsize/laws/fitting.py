"""Fit a law to the loss curves of runs."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from stepsize.arguments import Count, Many, Maybe, NonNegative, Number, checked
from stepsize.curves import LossCurve
from stepsize.curves.loss_curve import LOSS_CURVE
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.laws.diagnosis import check_runs, check_scatter, groups_by_schedule, remarks, robust_deviation
from stepsize.laws.estimate import Estimate, Solution
from stepsize.laws.forecast import Fit
from stepsize.laws.law import Law
from stepsize.laws.multi_power_law import MultiPowerLaw
from stepsize.laws.parametrization import PARAMETRIZATIONS, Parametrization

FIRST_SPREAD = 0.02  # of blocks of changes (see changes.py): an error of about 1e-6 in the loss, which is then checked


@checked
def fit(
    runs: Annotated[Sequence[LossCurve], Many(LOSS_CURVE)],
    law: type[Law] = MultiPowerLaw,
    *,
    prior: Annotated[float | None, Maybe(Number(least=0.0))] = None,
    huber: Annotated[float | None, Maybe(Number(above=0.0))] = None,
    rows: Count = 500,
    tolerance: NonNegative = 1e-4,
) -> Fit:
    """Fit a law to runs.

    The fit minimises a Huber loss of the residuals log L - log prediction, in which every run has the same weight, plus
    the squared distance of the law's shape from a prior:

        alpha = beta = gamma = 1/2, each within 0.1,    C peak^(1 - gamma) = 0.05, within a factor of e

    where peak is the highest rate of the runs; for `MomentumLaw` only alpha has a prior. The bounds are
    0.02 <= alpha, beta <= 3, 0.02 <= gamma <= 0.98 and 1 - decay >= 1e-6. Derivatives are analytic. Several starts are
    evaluated, each with its best L0 and amplitudes, and the search continues from the two lowest.

    The uncertainty is a sandwich estimate at the minimum. Neighbouring rows of a run have correlated errors, so
    gradients are summed within eighths of a run before they are squared. Bootstrapping over runs would need more runs
    than there usually are.

    Args:
        runs: loss curves with the rates of all updates; `stepsize.curves` has readers.
        law: `MultiPowerLaw` or `MomentumLaw`.
        prior: weight of the prior: a distance of one width costs as much as this relative error in every row. 0: bounds
            only. None: 0.001, and 0.0003 for `MomentumLaw`, chosen by cross-validation on runs of two sizes.
        huber: the relative error beyond which a residual counts linearly. None: 0.002, and 0.001 for `MomentumLaw`,
            chosen likewise.
        rows: a run with more rows is reduced to this number, means over neighbouring rows.
        tolerance: upper bound on the evaluation error at the fitted law, in units of the loss. 0 counts every change of
            the rate separately, which takes about forty times as long.

    Raises:
        ArgumentError: there are no runs, or an item is not a LossCurve.
        FitError: the runs do not determine the law (one schedule only, no decay, too few rows, or peak rates in
            different units), or do not obey it.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit
        >>> from stepsize.curves import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> plans = {"flat": warmup(Constant(3e-4), 100), "down": warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)}
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(plan, 4000, at=at), plan) for name, plan in plans.items()]
        >>> found = fit(runs)
        >>> found.law.alpha.__round__(2), round(found.predict(wsd(3e-4, 100, 2900, 1000)).final_loss, 2)
        (0.5, 3.53)

    Reference: the form of the residuals is that of Luo et al., arXiv 2503.12811 (2025).
    """
    if law not in PARAMETRIZATIONS:
        raise ArgumentError("fit", "law", "MultiPowerLaw or MomentumLaw", law)
    kind = PARAMETRIZATIONS[law]
    prior = kind.prior_weight if prior is None else prior
    huber = kind.huber if huber is None else huber
    runs = tuple(run.thinned(rows) for run in runs)
    check_runs(runs, kind)
    estimate, best = estimated(runs, kind, prior, huber, tolerance)
    scatter = robust_deviation(estimate.residuals(best.z))
    check_scatter(scatter)
    covariance = estimate.covariance(best.z)
    return Fit(
        law=estimate.parametrization.law(best.z),
        runs=runs,
        covariance=covariance,
        scatter=scatter,
        left_out=_left_out(runs, kind, prior, huber, tolerance),
        diagnosis=tuple(remarks(runs, estimate, best, covariance)),
    )


def estimated(
    runs: Sequence[LossCurve], kind: type[Parametrization], prior: float, huber: float, tolerance: float
) -> tuple[Estimate, Solution]:
    """The estimate with blocks of changes so small that the fitted law is evaluated to `tolerance`."""
    curves = [(run.rates, run.steps) for run in runs]
    peak, lowest = max(run.peak_lr for run in runs), min(float(run.losses.min()) for run in runs)
    spread, starts = FIRST_SPREAD if tolerance else 0.0, None
    while True:
        parametrization = kind(curves, peak, lowest, spread)
        estimate = Estimate(runs, parametrization, prior, huber)
        best = estimate.minimum(starts)
        widest = parametrization.widest(parametrization.law(best.z), tolerance)
        if spread <= widest:
            return estimate, best
        spread, starts = 0.5 * widest, [best.z]


def _left_out(
    runs: Sequence[LossCurve], kind: type[Parametrization], prior: float, huber: float, tolerance: float
) -> float | None:
    """How far runs lie from the law of the others, with the runs of each schedule left out in turn; None if no others
    determine the law.
    """
    errors, groups = [], groups_by_schedule(runs)
    for group in groups if len(groups) > 1 else ():
        others = [run for index, run in enumerate(runs) if index not in group]
        try:
            check_runs(others, kind)
        except StepsizeError:
            continue
        estimate, best = estimated(others, kind, prior, huber, tolerance)
        law = estimate.parametrization.law(best.z)
        offs = [np.log(law.predict(run.rates, at=run.steps) / run.losses) for run in map(runs.__getitem__, group)]
        errors.append(np.mean([robust_deviation(off) ** 2 for off in offs]))
    return float(np.sqrt(np.mean(errors))) if errors else None
