"""How far a predicted loss curve is from the measured one, by the measures of Luo et al., arXiv 2503.12811 (2025)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """Errors of a prediction, e = predicted - measured, over all rows.

    R2 = 1 - sum e^2 / sum (L - mean L)^2. MAE and RMSE are in units of the loss. PredE = mean |e|/L and
    WorstE = max |e|/L are fractions of the measured loss L.
    """

    R2: float
    MAE: float
    RMSE: float
    PredE: float
    WorstE: float


def scores(predicted: np.ndarray, measured: np.ndarray) -> Scores:
    error = predicted - measured
    return Scores(
        R2=1.0 - float((error**2).sum() / ((measured - measured.mean()) ** 2).sum()),
        MAE=float(np.abs(error).mean()),
        RMSE=float(np.sqrt((error**2).mean())),
        PredE=float((np.abs(error) / measured).mean()),
        WorstE=float((np.abs(error) / measured).max()),
    )
