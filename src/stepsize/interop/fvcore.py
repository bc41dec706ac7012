"""fvcore's schedulers, of ClassyVision and Detectron2, which are functions of the progress of the run."""

from typing import Any

from stepsize.interop.fvcore_schedulers import made
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Plan, Schedule


def from_fvcore(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule of one of fvcore's schedulers, evaluated at the progress `update / updates`.

    The progress never gets to 1, so the end value is not applied. From the end of the run on, fvcore has no rate; the
    schedule holds its end.

    Args:
        config: a scheduler, or a mapping with `_target_`, its class, and its arguments.
        horizon: the run: a Horizon or a number of updates.
        base_lr: the optimizer's rate if the scheduler multiplies it, as in Detectron2; None if its values are rates.

    Raises:
        ArgumentError: the scheduler is unknown, settings are missing or not allowed, or there is no horizon.

    Example:
        >>> ramp = {"_target_": "LinearParamScheduler", "start_value": 0.01, "end_value": 1.0}
        >>> wave = {"_target_": "CosineParamScheduler", "start_value": 1.0, "end_value": 0.0}
        >>> both = {"schedulers": [ramp, wave], "lengths": [0.3, 0.7], "interval_scaling": ["rescaled", "rescaled"]}
        >>> from_fvcore({"_target_": "CompositeParamScheduler", **both}, horizon=100)
        Linear(0.01, 1.0, 30) >> Cosine(1.0, 0.0, 70)

    Source: fvcore/common/param_scheduler.py of fvcore 0.1.5 (2022).
    """
    return read(config, Run.of("from_fvcore", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a scheduler of fvcore's."""
    steps = run.steps("the progress of the run")
    name, rates = made(config, run, steps)
    return ToolSchedule(name=name, rates=rates, total_steps=steps)
