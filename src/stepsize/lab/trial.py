"""What can be known of a run before it is made: that its schedule can travel, and that its rates are rates."""

import pickle
import sys

import numpy as np

from stepsize.arguments import shown
from stepsize.errors import ArgumentError
from stepsize.lab.experiment import Plan
from stepsize.schedules import Schedule

_LARGEST_RATE = float(np.finfo(np.float32).max)
_BLOCK = 65536


def try_plan(plan: Plan) -> None:
    """Find out now what would go wrong hours later.

    Raises:
        ArgumentError: the schedule has a function that another process cannot find, or gives a negative rate, or one
            beyond what the weights' own type can hold; says at which step.
        StepError: the schedule has no finite value at some step.
    """
    if not _can_travel(plan.schedule):
        raise ArgumentError(
            f"the schedule {plan.name!r}, {shown(plan.schedule)}, has a function that the processes that train cannot "
            'find; write it in a module and name it: Function("package.module:name")'
        )
    for begin in range(0, plan.steps, _BLOCK):
        rates = plan.schedule(np.arange(begin, min(begin + _BLOCK, plan.steps)))
        wrong = np.flatnonzero((rates < 0.0) | (rates > _LARGEST_RATE))
        if wrong.size:
            rate, step = float(rates[wrong[0]]), begin + int(wrong[0])
            raise ArgumentError(
                f"the schedule {plan.name!r} gives the rate {rate:g} at step {step} of {plan.steps}; a rate is from "
                f"0 to {_LARGEST_RATE:.1e}, so bound it with .clip(low, high)"
            )


def _can_travel(schedule: Schedule) -> bool:
    """Whether another process can rebuild the schedule; what a notebook or a prompt defines exists nowhere else."""
    try:
        packed = pickle.dumps(schedule)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return b"__main__" not in packed or hasattr(sys.modules["__main__"], "__file__")
