"""What the schedulers warn of, said from the line of the user's that led to it."""

import math
import sys
import warnings
from pathlib import Path

import torch

from stepsize.horizon import Horizon
from stepsize.pytorch.plan import Plan

_INSIDE = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))
"""This package, and PyTorch, whose hooks call it."""


def caution(message: str) -> None:
    """Warn, from the nearest line that is neither in this package nor in PyTorch."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def expected_end(horizon: Horizon | None, plan: Plan) -> float:
    """The horizon's number of updates; a schedule of the rate that lasts otherwise is warned of."""
    if horizon is None:
        return math.inf
    rates = plan["lr"].schedules() if "lr" in plan.keys else {}
    for name, schedule in rates.items():
        if schedule.steps not in (math.inf, horizon.steps):
            caution(f"{name} = {schedule} lasts {schedule.steps} updates, and {horizon} has {horizon.steps}")
    return horizon.steps


def warn_past_end(position: int, end: float) -> None:
    """The position is past the end of the horizon."""
    caution(
        f"update {position} is past the end of the horizon, {end} updates; look at its batch size, accumulation and "
        "processes"
    )


def warn_of_order() -> None:
    """A scheduler was stepped before its optimizer."""
    caution(
        "scheduler.step() came before the first optimizer.step(), so the value of step 0 is skipped; call it after "
        "each update"
    )
