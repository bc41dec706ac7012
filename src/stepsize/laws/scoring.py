"""How far a predicted loss curve is from the measured one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import ArgumentError


@dataclass(frozen=True)
class Scores:
    """Errors of a prediction, e = predicted - measured, over all rows.

    R2 = 1 - sum e^2 / sum (L - mean L)^2; MAE and RMSE in units of the loss; PredE = mean |e|/L and WorstE = max |e|/L
    are fractions of the measured loss L.
    """

    R2: float
    MAE: float
    RMSE: float
    PredE: float
    WorstE: float


def scores(predicted: ArrayLike, measured: ArrayLike) -> Scores:
    """The errors of a predicted loss curve against the measured one, both of shape `(rows,)`.

    Raises:
        ArgumentError: they are not two rows of one length, or a measured loss is not positive and finite.

    Example:
        >>> from stepsize.laws import scores
        >>> scores([2.0, 1.5, 1.1], [2.0, 1.6, 1.0]).WorstE
        0.10000000000000009

    Reference: the measures of Luo et al., arXiv 2503.12811 (2025).
    """
    guess, truth = (np.asarray(each, dtype=np.float64) for each in (predicted, measured))
    if guess.shape != truth.shape or guess.ndim != 1 or not guess.size:
        raise ArgumentError(f"scores takes two rows of one length, got shapes {guess.shape} and {truth.shape}")
    if not (np.isfinite(truth).all() and (truth > 0).all()):
        raise ArgumentError("scores takes measured losses that are positive and finite")
    error = guess - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    return Scores(
        R2=1.0 - float((error**2).sum()) / spread if spread else float("nan"),
        MAE=float(np.abs(error).mean()),
        RMSE=float(np.sqrt((error**2).mean())),
        PredE=float((np.abs(error) / truth).mean()),
        WorstE=float((np.abs(error) / truth).max()),
    )
