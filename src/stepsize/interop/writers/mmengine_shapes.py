"""The scheduler of MMEngine's that makes a shape, from the rate that it finds."""

import math
from collections.abc import Sequence
from typing import Any

from stepsize.interop.writers.exact import ratio
from stepsize.schedules import Cosine, Exponential, Geometric, Linear, MultiStep, Polynomial, Schedule, Staircase
from stepsize.schedules.clock import Chain, Repeat

SETS_ITS_START = ("LinearLR", "CosineRestartLR")
"""Schedulers that change the rate at their first step; the others go on from it."""


def scheduler_of(shape: Schedule, last: float, rate: float, base: float) -> tuple[str, dict[str, Any]] | None:
    """The name and the settings of a scheduler that makes a shape up to its step `last`; None if there is none.

    `rate` is what it finds, and `base` the optimizer's rate.

    Example:
        >>> scheduler_of(Linear(0.03, 0.3, 10), 10, 0.3, 0.3)
        ('LinearLR', {'start_factor': 0.1})
        >>> scheduler_of(Linear(0.0, 0.3, 10), 10, 0.0, 0.0)
        ('PolyLR', {'eta_min': 0.3})
    """
    match shape:
        case Linear(start):
            return _line(start, shape(last), rate)
        case Polynomial(_, low, steps, power) if last == steps:
            return "PolyLR", {"eta_min": low, "power": power}
        case (
            Cosine(_, low, steps)
            | Chain((Cosine(_, low, steps), Repeat()))
            | Repeat(Chain((Cosine(_, low, steps), Cosine())), math.inf)
        ):
            return "CosineAnnealingLR", {"T_max": steps, "eta_min": low}
        case Chain(cosines):
            return "CosineRestartLR", _restarts(cosines, last, base)
        case Geometric(start, end, steps):
            return "ExponentialLR", {"gamma": (end / start) ** (1.0 / steps)}
        case Exponential(_, factor, per):
            return "ExponentialLR", {"gamma": factor ** (1.0 / per)}
        case Staircase(_, factor, every):
            return "StepLR", {"step_size": every, "gamma": factor}
        case MultiStep(_, factor, boundaries):
            return "MultiStepLR", {"milestones": [each for each in boundaries if 0 < each <= last], "gamma": factor}
    return None


def _line(start: float, end: float, rate: float) -> tuple[str, dict[str, Any]]:
    """A LinearLR if its factors may be that: at most 1, and the first above 0."""
    high = max(start, end)
    if start <= 0.0 or end < 0.0 or not (high <= rate or close(high, rate)):
        return "PolyLR", {"eta_min": end}
    factors = {"start_factor": 1.0 if close(start, rate) else ratio(start, rate)}
    return "LinearLR", factors if close(end, rate) else {**factors, "end_factor": ratio(end, rate)}


def _restarts(cosines: Sequence[Any], last: float, base: float) -> dict[str, Any]:
    """The last period ends before its minimum; if that is reached, it is a period of its own."""
    periods, starts, low = [each.steps for each in cosines], [each.start for each in cosines], cosines[0].end
    if last == sum(periods):
        periods.append(1)
        starts.append(low)
    return {"periods": periods, "restart_weights": [ratio(each, base) for each in starts], "eta_min": low}


def close(rate: float, other: float) -> bool:
    """Whether two rates differ by rounding only."""
    return math.isclose(rate, other, rel_tol=1e-12)
