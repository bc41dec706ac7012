"""pytorch_optimizer's schedulers, by the names of `load_lr_scheduler`."""

from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, settings_for, settings_of
from stepsize.interop.pytorch_optimizer_schedulers import SCHEDULERS
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Plan, Schedule

OF_PYTORCH = (
    *("constant", "cosine_annealing", "cosine_annealing_with_warm_restart", "cyclic", "multi_step"),
    *("multiplicative", "one_cycle", "step"),
)
CLASSES = {
    "CosineAnnealingWarmupRestarts": "cosine_annealing_with_warmup",
    "CosineScheduler": "cosine",
    "LinearScheduler": "linear",
    "PolyScheduler": "poly",
    "REXScheduler": "rex",
}
ATTRIBUTES = {"t_max": "total_steps", "max_lr": "base_max_lr"}
"""Attributes that have other names than the arguments."""


def from_pytorch_optimizer(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that one of pytorch_optimizer's schedulers gives.

    The first update has the minimum rate, and the warmup begins with the second. After `t_max`, the cosine rises again,
    the line goes below zero, and the polynomial grows from the warmup on.

    Args:
        config: a mapping with `name`, as for `load_lr_scheduler`, and the scheduler's arguments; or a scheduler.
        horizon: the run: for cycles of different lengths, and for the length of an epoch of chebyshev's.
        base_lr: the optimizer's rate, which warmup_stable_decay and chebyshev multiply.

    Raises:
        ArgumentError: the scheduler is unknown or one of PyTorch's, or settings are missing, unknown or not allowed.

    Example:
        >>> settings = {"t_max": 10, "max_lr": 1.0, "min_lr": 0.1, "warmup_steps": 4}
        >>> from_pytorch_optimizer({"name": "cosine", **settings})([0, 1, 2, 5, 11, 17])
        array([0.1 , 0.  , 0.25, 1.  , 0.1 , 1.  ])

    Source: pytorch_optimizer/lr_scheduler of pytorch_optimizer 4.1.0 (2026).
    """
    return read(config, Run.of("from_pytorch_optimizer", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a scheduler of pytorch_optimizer's."""
    if type(config).__name__ in CLASSES:
        name, kept = CLASSES[type(config).__name__], vars(config)
        names = [each.name for each in settings_for(SCHEDULERS[name])]
        settings = {each: kept.get(ATTRIBUTES.get(each, each), kept.get(each)) for each in names}
    else:
        settings = settings_of(run.owner, config)
        if "name" not in settings:
            raise ArgumentError(run.owner, "config", 'a scheduler, or a mapping with its "name"', config)
        if settings["name"] in OF_PYTORCH:
            rule, advice = "one of pytorch_optimizer's own", "read PyTorch's with stepsize.pytorch.from_torch"
            raise ArgumentError(run.owner, "name", rule, settings["name"], advice)
        name = chosen(run.owner, "name", settings.pop("name"), SCHEDULERS)
    return SCHEDULERS[name](run, **bind(name, SCHEDULERS[name], settings))
