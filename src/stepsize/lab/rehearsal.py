"""What can be known of a run before it is made: that its rates are rates at every step, and its weight decay is one."""

import numpy as np

from stepsize.errors import ArgumentError
from stepsize.lab.experiment import Plan
from stepsize.schedules import Schedule

_LARGEST = float(np.finfo(np.float32).max)
_BLOCK = 65536


def try_plan(plan: Plan) -> None:
    """Find out now what would go wrong hours later.

    Raises:
        ArgumentError: the schedule of the rate or of the weight decay gives a negative value, or one beyond what the
            weights' own type can hold; says at which step.
        StepError: it has no finite value at some step.
    """
    _try(f"the schedule {plan.name!r} gives the rate", "a rate", plan.schedule, plan.steps)
    if plan.weight_decay is not None:
        _try("weight_decay gives", "a weight decay", plan.weight_decay, plan.steps)


def _try(gives: str, what: str, schedule: Schedule, steps: int) -> None:
    for begin in range(0, steps, _BLOCK):
        values = schedule(np.arange(begin, min(begin + _BLOCK, steps)))
        wrong = np.flatnonzero((values < 0.0) | (values > _LARGEST))
        if wrong.size:
            value, step = float(values[wrong[0]]), begin + int(wrong[0])
            raise ArgumentError(
                f"{gives} {value:g} at step {step} of {steps}; {what} is from 0 to {_LARGEST:.1e}, so bound it with "
                ".clip(low, high)"
            )
