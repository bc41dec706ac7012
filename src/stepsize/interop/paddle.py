"""PaddlePaddle's schedulers of `paddle.optimizer.lr`."""

import math
from dataclasses import replace
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, settings_for, settings_of
from stepsize.interop.paddle_cycles import refuse_late_restarts
from stepsize.interop.paddle_schedulers import SCHEDULERS
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Plan, Schedule

ATTRIBUTES = {"learning_rate": "base_lr", "base_learning_rate": "base_lr", "max_learning_rate": "max_lr"}
"""Attributes that have other names than the arguments."""


def from_paddle(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
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
    return read(config, Run.of("from_paddle", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a scheduler of PaddlePaddle's."""
    name, settings = _settings(config, run)
    inner = ToolSchedule("", Constant(0.0))
    if name == "LinearWarmup" and not isinstance(settings.get("learning_rate"), int | float | None):
        inner = read(settings["learning_rate"], run)
        if inner.name == "CosineAnnealingWarmRestarts":
            refuse_late_restarts(run, _settings(settings["learning_rate"], run)[1])
        settings["learning_rate"] = inner.rates
    settings = bind(name, SCHEDULERS[name], settings)
    ends, low = settings.get("end_lr"), settings.get("eta_min", settings.get("end_learning_rate"))
    lengths = (settings[each] for each in ("T_max", "total_steps", "decay_steps") if each in settings)
    found = ToolSchedule(
        name=name,
        rates=SCHEDULERS[name](run, **settings),
        peak=settings.get("max_learning_rate", settings.get("learning_rate")),
        minimum=ends if name == "PolynomialDecay" else low,
        total_steps=next(lengths, math.inf),
    )
    if name != "LinearWarmup":
        return found
    warmup, mends = settings["warmup_steps"], {"jump": f"learning_rate={ends}"}
    total = warmup + inner.total_steps
    return replace(found, peak=ends, minimum=inner.minimum, warmup_steps=warmup, total_steps=total, mends=mends)


def _settings(config: Any, run: Run) -> tuple[str, dict[str, Any]]:
    if type(config).__name__ in SCHEDULERS:
        name, kept = type(config).__name__, vars(config)
        if name in ("CyclicLR", "OneCycleLR"):
            rule = f'a mapping with its "name": a {name} does not keep its arguments'
            raise ArgumentError(run.owner, "config", rule, config)
        names = [each.name for each in settings_for(SCHEDULERS[name])]
        return name, {each: kept[each if each in kept else ATTRIBUTES[each]] for each in names}
    settings = settings_of(run.owner, config)
    if "name" not in settings:
        raise ArgumentError(run.owner, "config", 'a scheduler, or a mapping with its "name"', config)
    name = settings.pop("name")
    if name in ("LambdaDecay", "MultiplicativeDecay", "ReduceOnPlateau"):
        raise ArgumentError(run.owner, "name", "a scheduler that follows neither a function nor a metric", name)
    return chosen(run.owner, "name", name, sorted(SCHEDULERS)), settings
