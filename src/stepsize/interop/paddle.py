"""PaddlePaddle's schedulers of `paddle.optimizer.lr`."""

import math
from inspect import signature
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.horizon import Horizon
from stepsize.interop.config import bind, chosen, settings_of
from stepsize.interop.paddle_cycles import refuse_late_restarts
from stepsize.interop.paddle_schedulers import SCHEDULERS
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Plan, Schedule

ATTRIBUTES = {"learning_rate": "base_lr", "base_learning_rate": "base_lr", "max_learning_rate": "max_lr"}
"""Attributes that have other names than the arguments."""


def from_paddle(config: Any, *, horizon: Horizon | int | None = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule of one of PaddlePaddle's schedulers, if its `step` is called after each update.

    CosineAnnealingDecay rises again after T_max. The scheduler inside a LinearWarmup begins at the end of the warmup,
    on a clock of its own. OneCycleLR takes one step beyond its end, up again or below zero.

    Args:
        config: a mapping with `name`, the class, and the scheduler's arguments; or a scheduler.
        horizon: the run, for a PolynomialDecay with cycles.
        base_lr: not needed; every scheduler has its rate.

    Raises:
        ArgumentError: the scheduler is unknown or follows a metric or a function, or settings are missing, unknown or
            not allowed.

    Example:
        >>> wave = {"name": "CosineAnnealingDecay", "learning_rate": 0.3, "T_max": 90}
        >>> ramp = {"name": "LinearWarmup", "warmup_steps": 10, "start_lr": 0.0, "end_lr": 0.3}
        >>> from_paddle({**ramp, "learning_rate": wave})
        Linear(0.0, 0.3, 10) >> (Cosine(0.3, 0.0, 90) >> Cosine(0.0, 0.3, 90)).repeat(inf)

    Source: python/paddle/optimizer/lr.py of PaddlePaddle 3.3.1 (2026).
    """
    return read(config, Run("from_paddle", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a scheduler of PaddlePaddle's."""
    name, settings, rates = _made(config, run)

    def named(*arguments: str) -> Any:
        return next((settings[each] for each in arguments if isinstance(settings.get(each), int | float)), None)

    return ToolSchedule(
        tool="PaddlePaddle",
        name=name,
        rates=rates,
        peak=named("max_learning_rate", *(["end_lr"] if name == "LinearWarmup" else []), "learning_rate"),
        minimum=named("eta_min", "end_learning_rate", *(["end_lr"] if name == "PolynomialDecay" else [])),
        warmup_steps=named("warmup_steps") or 0,
        total_steps=named("T_max", "total_steps", "decay_steps") or math.inf,
    )


def _made(config: Any, run: Run) -> tuple[str, dict[str, Any], Schedule]:
    """The name of a scheduler, its settings, and what it does."""
    if type(config).__name__ in SCHEDULERS:
        name, kept = type(config).__name__, vars(config)
        names = list(signature(SCHEDULERS[name]).parameters)[1:]
        settings = {each: kept[ATTRIBUTES.get(each, each) if each not in kept else each] for each in names}
    else:
        settings = settings_of(run.owner, config)
        if "name" not in settings:
            raise ArgumentError(run.owner, "config", 'a scheduler, or a mapping with its "name"', config)
        if settings["name"] in ("LambdaDecay", "MultiplicativeDecay", "ReduceOnPlateau"):
            rule = "a scheduler that follows neither a function nor a metric"
            raise ArgumentError(run.owner, "name", rule, settings["name"])
        name = chosen(run.owner, "name", settings.pop("name"), SCHEDULERS)
    if name == "LinearWarmup" and not isinstance(settings.get("learning_rate"), int | float | None):
        inside, its_settings, settings["learning_rate"] = _made(settings["learning_rate"], run)
        if inside == "CosineAnnealingWarmRestarts":
            refuse_late_restarts(run, its_settings["T_0"], its_settings.get("T_mult", 1))
    settings = bind(name, SCHEDULERS[name], settings)
    return name, settings, SCHEDULERS[name](run, **settings)
