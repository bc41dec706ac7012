"""A schedule from the gradient norms of an earlier run."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import median_filter

from stepsize.arguments import Fraction, Length, Maybe, Positive, checked
from stepsize.errors import ArgumentError
from stepsize.schedules import Table


@checked
def refine(
    norms: ArrayLike,
    peak_lr: Positive,
    steps: Annotated[int | None, Maybe(Length(1))] = None,
    window_frac: Fraction = 0.1,
) -> Table:
    """The schedule that the gradient norms of an earlier run ask for, by the theory of the convex bound.

        eta_t = w_t sum_{p=t+1..T} w_p,    w_t = G_t^-2

    times what makes its highest rate `peak_lr`. Norms that stay the same give a straight line to zero; norms that
    shrink late keep the rate up for longer, and norms that are large at first give a warmup.

    Args:
        norms: G_t of the earlier run at even distances, shape `(points,)`; for SGD in the Euclidean norm, for Adam in
            the 1-norm.
        peak_lr: the highest rate.
        steps: of the schedule; as many as there are norms if None.
        window_frac: the part of the run over which a median smooths the norms first; 0: none.

    Raises:
        ArgumentError: there are fewer than two norms, or one is not positive and finite.

    Example:
        >>> from stepsize.laws import refine
        >>> refine([2.0] * 5, peak_lr=0.4).sample()
        array([0.4, 0.3, 0.2, 0.1, 0. ])

    Reference: Defazio et al., "Optimal Linear Decay Learning Rate Schedules and Further Refinements", arXiv 2310.07831
    (2023).
    """
    rule = "a row of at least two norms, all positive and finite"
    try:
        given = np.array(norms, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError("refine", "norms", rule, norms) from None
    if given.ndim != 1 or given.size < 2 or not (np.isfinite(given) & (given > 0)).all():
        raise ArgumentError("refine", "norms", rule, norms)
    window = round(window_frac * given.size)
    smooth = median_filter(given, size=window, mode="nearest") if window > 1 else given
    length = given.size if steps is None else steps
    places = np.linspace(0.0, given.size - 1.0, length)
    weights = (np.interp(places, np.arange(given.size), smooth) / smooth.min()) ** -2
    after = np.append(np.cumsum(weights[::-1])[::-1][1:], 0.0)
    shape = weights * after
    return Table(tuple((peak_lr * (shape / shape.max())).tolist()))
