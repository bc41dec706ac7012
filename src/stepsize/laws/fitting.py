"""Fitting a law to the loss curves of runs."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np

from stepsize.arguments import Count, Maybe, NonNegative, Number, checked
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.laws.diagnosis import must_determine, must_hold, remarks, typical
from stepsize.laws.estimate import Estimate, Solution
from stepsize.laws.fit_forms import FORMS, Form
from stepsize.laws.forecast import Fit
from stepsize.laws.law import Law
from stepsize.laws.multi_power import MultiPowerLaw
from stepsize.laws.plans import plans_of

SPREAD = 0.02
"""Of blocks of changes to begin with (see `changes.py`): an error of some 1e-6 in the loss, which is then checked."""


@checked
def fit(
    runs: Sequence[LossCurve],
    law: type[Law] = MultiPowerLaw,
    *,
    prior: Annotated[float | None, Maybe(Number(least=0.0))] = None,
    huber: Annotated[float | None, Maybe(Number(above=0.0))] = None,
    rows: Count = 500,
    tolerance: NonNegative = 1e-4,
) -> Fit:
    """The law that runs obey, as well as they determine it.

    It minimises a Huber loss of the residuals log L - log prediction, in which every run weighs the same, and the
    squares of how far the shape of the law is from what is expected of it before any run is seen:

        alpha = beta = gamma = 1/2, each give or take 0.1,    C peak^(1 - gamma) = 0.05, give or take a factor of e

    where peak is the highest rate of the runs; of `MomentumLaw`, alpha alone is expected. The bounds are
    0.02 <= alpha, beta <= 3, 0.02 <= gamma <= 0.98 and 1 - decay >= 1e-6. Derivatives are analytic. Several starts are
    looked at, each with the L0 and the amplitudes that are best for it, and the search goes down from the two lowest.

    The uncertainty is that of the minimum (a sandwich, see `estimate.py`), with errors that hang together: a run's are
    summed within eighths of it before they are squared, as neighbouring rows of one run tell nearly the same. Refitting
    to resampled runs would need more of them than there usually are.

    Args:
        runs: with the rates of all their updates; `stepsize.curves` has readers.
        law: `MultiPowerLaw` or `MomentumLaw`.
        prior: what the expectation weighs: to be off by its width costs as much as this relative error in every row.
            0: bounds alone. If None 0.001, and 0.0003 for `MomentumLaw`, which were chosen on runs of two sizes by
            leaving out one at a time.
        huber: from which relative error on a residual counts by its size and no longer by its square. If None 0.002,
            and 0.001 for `MomentumLaw`, chosen likewise.
        rows: a run with more is thinned to so many, means over neighbouring ones.
        tolerance: the largest error of the evaluation at the law that is found, in units of the loss; a bound that is
            kept. 0 counts every change of the rate alone, and takes some forty times as long.

    Raises:
        ArgumentError: there are no runs, or something is none.
        FitError: the runs do not determine the law: one plan only, no decay, too few rows, or peak rates so far apart
            that they cannot be in one unit; or they do not obey it.

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
    if not isinstance(runs, Iterable):
        raise ArgumentError("fit", "runs", "a sequence of loss curves", runs, "write [run]")
    runs = tuple(runs)
    for index, run in enumerate(runs):
        if not isinstance(run, LossCurve):
            raise ArgumentError("fit", f"runs[{index}]", "a LossCurve", run, "read_curves() makes some of a file")
    if law not in FORMS:
        raise ArgumentError("fit", "law", "MultiPowerLaw or MomentumLaw", law)
    form = FORMS[law]
    prior = form.prior if prior is None else prior
    huber = form.huber if huber is None else huber
    runs = [run.thinned(rows) for run in runs]
    must_determine(runs, form)
    estimate, best = estimated(runs, form, prior, huber, tolerance)
    residuals = estimate.residuals(best.z)
    scatter = typical(residuals)
    must_hold(scatter)
    covariance = estimate.covariance(best.z)
    return Fit(
        law=estimate.form.law(best.z),
        runs=tuple(runs),
        covariance=covariance,
        scatter=scatter,
        left_out=_left_out(runs, form, prior, huber, tolerance),
        diagnosis=remarks(runs, estimate, best, covariance),
    )


def estimated(
    runs: Sequence[LossCurve], form: type[Form], prior: float, huber: float, tolerance: float
) -> tuple[Estimate, Solution]:
    """The estimate in blocks of changes so small that the law found is evaluated to `tolerance`."""
    curves = [(run.rates, run.steps) for run in runs]
    peak, lowest = max(run.peak_lr for run in runs), min(float(run.losses.min()) for run in runs)
    spread, starts = SPREAD if tolerance else 0.0, None
    while True:
        estimate = Estimate(runs, form(curves, peak, lowest, spread), prior, huber)
        best = estimate.lowest(starts)
        widest = estimate.form.widest(estimate.form.law(best.z), tolerance)
        if spread <= widest:
            return estimate, best
        spread, starts = 0.5 * widest, [best.z]


def _left_out(
    runs: Sequence[LossCurve], form: type[Form], prior: float, huber: float, tolerance: float
) -> float | None:
    """How far runs lie from the law of the others, those of each plan left out in turn; None where none can be."""
    errors = []
    for plan in plans_of(runs):
        others = [run for place, run in enumerate(runs) if place not in plan]
        try:
            must_determine(others, form)
        except StepsizeError:
            continue
        estimate, best = estimated(others, form, prior, huber, tolerance)
        law = estimate.form.law(best.z)
        offs = [np.log(law.predict(run.rates, at=run.steps) / run.losses) for run in map(runs.__getitem__, plan)]
        errors.append(np.mean([typical(off) ** 2 for off in offs]))
    return float(np.sqrt(np.mean(errors))) if errors else None
