"""Fit a law to the loss curves of runs."""

from collections.abc import Sequence
from itertools import chain
from typing import Annotated

import numpy as np

from stepsize.arguments import Count, Many, NonNegative
from stepsize.checked_calls import checked
from stepsize.curves import LossCurve
from stepsize.curves.loss_curve import LOSS_CURVE
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.laws.diagnosis import check_runs, check_scatter, groups_by_schedule, remarks
from stepsize.laws.estimate import Estimate, Solution, robust_deviation
from stepsize.laws.forecast import Fit
from stepsize.laws.functional_law import FunctionalLaw
from stepsize.laws.law import Law
from stepsize.laws.parametrization import PARAMETRIZATIONS, Parametrization

BEGINNING = 0.1  # of the summed rates of a run, in which its loss falls faster than any law says
MOST_FOLDS = 5  # schedules are left out one by one, or in this many groups


@checked
def fit(
    runs: Annotated[Sequence[LossCurve], Many(LOSS_CURVE)],
    law: type[Law] = FunctionalLaw,
    *,
    prior: NonNegative = 1.0,
    rows: Count = 100,
) -> Fit:
    """Fit a law to runs.

    The fit minimises a Huber loss of the residuals log L - log prediction, in units of their scale, plus half the
    squared distance of the law's shape from a prior, in units of its widths:

        FunctionalLaw   alpha 0.5 +- 0.1, log(C e) log 0.03 +- 1.5, rho 1.4 +- 0.2, p 1.8 +- 0.2, kappa 0.5 +- 0.1,
                        log(D peak) log 0.0001 +- 1, log(N0 / peak) log 0.2 +- 1, with the effective rate
                        e = peak^(1 - kappa)
        MultiPowerLaw   alpha, beta, gamma 0.5 +- 0.1, log(C peak^(1 - gamma)) log 0.05 +- 1
        MomentumLaw     alpha 0.5 +- 0.1

    where peak is the highest rate of the runs. The scale is the size that two thirds of the residuals do not exceed, at
    least 0.0015, and residuals count linearly beyond two scales. The errors of neighbouring rows are alike: a run
    counts as ten independent rows, however many it has. Rows in the first tenth of the summed rates do not count.

    The covariance is the inverse of the curvature at the minimum.

    Args:
        runs: loss curves with the rates of all updates; `stepsize.curves` has readers.
        law: `FunctionalLaw`, `MultiPowerLaw` or `MomentumLaw`.
        prior: weight of the prior: 4 halves its widths, 0 leaves only bounds.
        rows: a run with more rows is reduced to this number, means over neighbouring rows.

    Raises:
        ArgumentError: there are no runs, or an item is not a LossCurve.
        FitError: the runs do not determine the law (one schedule only, no decay, too few rows, or peak rates in
            different units), or do not obey it.

    Example:
        >>> from stepsize.laws import FunctionalLaw, fit
        >>> from stepsize.curves import LossCurve
        >>> truth = FunctionalLaw(2.7, 6.0, 0.5, 4.0, 2.5, 1.4, 1.8, 0.5, 0.3, 6e-5)
        >>> plans = {"flat": warmup(Constant(3e-4), 100), "down": warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)}
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(plan, 4000, at=at), plan) for name, plan in plans.items()]
        >>> found = fit(runs)
        >>> found.law.alpha.__round__(2), round(found.predict(wsd(3e-4, 100, 2900, 1000)).final_loss, 2)
        (0.5, 3.38)

    Reference: the form of the residuals is that of Luo et al., arXiv 2503.12811 (2025).
    """
    if law not in PARAMETRIZATIONS:
        raise ArgumentError("fit", "law", "FunctionalLaw, MultiPowerLaw or MomentumLaw", law)
    kind = PARAMETRIZATIONS[law]
    learned = [_without_beginning(run).thinned(rows) for run in runs]
    check_runs(learned, kind)
    parametrization = kind([(run.rates, run.steps) for run in learned], max(run.peak_lr for run in learned))
    estimate = Estimate(learned, parametrization, prior)
    best = estimate.minimum()
    scatter = robust_deviation(estimate.residuals(best.z))
    check_scatter(scatter)
    covariance = estimate.covariance(best)
    left_out = _left_out(learned, parametrization, prior, best)
    return Fit(
        law=parametrization.law(best.z),
        runs=tuple(runs),
        covariance=covariance,
        scatter=scatter,
        left_out=left_out,
        diagnosis=tuple(remarks(learned, estimate, best, covariance, left_out)),
    )


def _without_beginning(run: LossCurve) -> LossCurve:
    sums = np.cumsum(run.rates)[run.steps]
    return run.after(int(run.steps[np.argmax(sums >= BEGINNING * sums[-1])]))


def _left_out(
    runs: Sequence[LossCurve], parametrization: Parametrization, prior: float, best: Solution
) -> float | None:
    """How far runs lie from the law of the others, with the runs of each schedule left out in turn; None if no others
    determine the law.
    """
    errors, groups = [], groups_by_schedule(runs)
    folds = [[*chain(*groups[fold::MOST_FOLDS])] for fold in range(min(MOST_FOLDS, len(groups)))]
    for fold in folds if len(folds) > 1 else ():
        try:
            check_runs([run for index, run in enumerate(runs) if index not in fold], type(parametrization))
        except StepsizeError:
            continue
        estimate = Estimate(runs, parametrization, prior, without=fold)
        off = estimate.residuals(estimate.minimum(best.z, best.scale).z)
        errors.append(np.mean([robust_deviation(off[estimate.run == run]) ** 2 for run in fold]))
    return float(np.sqrt(np.mean(errors))) if errors else None
