"""Weights for an average of checkpoints that does what a decay of the rate would have done."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import Maybe, Whole, checked
from stepsize.errors import ArgumentError
from stepsize.laws.rates import Floats, rates_of
from stepsize.schedules import Schedule


@checked
def merge_weights(decay: Schedule | ArrayLike, checkpoints: Annotated[int | None, Maybe(Whole(1))] = None) -> Floats:
    """The weights c_1 .. c_n with which to average n checkpoints of a constant rate, to imitate a decay.

        c_k = w_k - w_{k+1},    w_{n+1} = 0,    1 = w_1 >= w_2 >= ... >= w_n >= 0

    where w_k is what is left of the rate in the stretch that ends with checkpoint k. The average has then taken every
    update of that stretch w_k times, as far as the updates would have been the same. The weights sum to 1.

    Args:
        decay: w_1 .. w_n as a row, or a schedule whose values are taken at n even distances; either is divided by its
            first value.
        checkpoints: n, needed for a schedule.

    Raises:
        ArgumentError: the rate rises, or begins at zero; a schedule without `checkpoints`.

    Example:
        >>> from stepsize.laws import merge_weights
        >>> merge_weights(Linear(1.0, 0.0, 4), 4)
        array([0.25, 0.25, 0.25, 0.25])
    """
    if isinstance(decay, Schedule):
        if checkpoints is None or not np.isfinite(decay.steps):
            raise ArgumentError("merge_weights needs the number of checkpoints and a schedule that ends")
        row: ArrayLike = decay(np.arange(checkpoints) * decay.steps / checkpoints)
    else:
        row = np.atleast_1d(np.asarray(decay, dtype=np.float64))
        if checkpoints not in (None, row.size):
            raise ArgumentError(f"merge_weights was given {row.size} weights for {checkpoints} checkpoints")
    w = rates_of("merge_weights", row, checkpoints)
    if not w[0] > 0 or (np.diff(w) > 1e-12 * w[0]).any():
        raise ArgumentError("merge_weights takes a decay: a first value that is positive, and none larger than before")
    return np.asarray(-np.diff(w / w[0], append=0.0))
