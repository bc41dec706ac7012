"""Whether a schedule of rates multiplies rates, or a schedule of factors is written as rates."""

import math
from collections.abc import Sequence

import numpy as np

from stepsize.errors import StepError, one_line
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Schedule
from stepsize.schedules.curve import shown_steps
from stepsize.schedules.function import Function
from stepsize.schedules.shape import all_of

_SMALL = 0.1  # factors have a higher peak; a rate of SGD that is this large may well rise to 1
_LOOKS = 1025  # values to look at, which may miss a peak by
_MISSED = 0.01


def warn_of_factors(schedule: Schedule, relative: bool | None, base_rates: Sequence[float]) -> None:
    """Warn of rates under relative=True, and of a schedule with the peak 1 if `relative` is left out."""
    base = max((rate for rate in base_rates if not math.isnan(rate)), default=0.0)
    if relative is False or not 0.0 < base <= _SMALL or any(all_of(Function, schedule)):
        return
    last = shown_steps([schedule])
    try:
        top = float(schedule(np.linspace(0, last, min(last + 1, _LOOKS)).round()).max())
    except StepError:  # a step that cannot be evaluated is refused when the run comes to it
        return
    shown = one_line(str(schedule), 120)
    if relative and top <= _SMALL:
        caution(
            f"under relative=True, lr = {shown} multiplies the optimizer's rate of {base:g} by at most {top:.2g}: the "
            f"rate is never above {top * base:.2g}; if lr gives rates, leave relative out, and if it gives factors, "
            "let them rise to 1"
        )
    elif relative is None and 1.0 - _MISSED <= top <= 1.0 and base < _SMALL:
        caution(
            f"lr = {shown} rises to a rate of 1, but the optimizer's rate is {base:g}; write relative=True if lr gives "
            "factors, relative=False if it gives rates"
        )
