"""DeepSpeed's schedulers, as its config's `scheduler` names them. DeepSpeed's first update comes before its clock."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from stepsize.arguments import Choice, Count, Real, Steps
from stepsize.errors import ArgumentError
from stepsize.horizon import Horizon
from stepsize.interop.config import bind, chosen, settings_of
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, Linear, Plan, Schedule

WarmupType = Annotated[str, Choice(("log", "linear"))]


def from_deepspeed(
    config: Any, *, horizon: Horizon | int | None = None, base_lr: float | None = None
) -> Schedule | Plan:
    """The schedule that a DeepSpeed config sets, as DeepSpeed follows it.

    Args:
        config: the whole config, its `scheduler`, or a mapping with `type` and `params`.
        horizon: the run, if the config leaves its length open: a Horizon or a number of updates.
        base_lr: the optimizer's rate for a WarmupCosineLR, which multiplies it; that of the config's optimizer if None.

    Raises:
        ArgumentError: the config has no scheduler of DeepSpeed's, or settings are missing, unknown or not allowed.

    Example:
        >>> params = {"total_num_steps": 100, "warmup_num_steps": 10, "warmup_type": "linear"}
        >>> from_deepspeed({"type": "WarmupCosineLR", "params": params}, base_lr=0.3)(2)
        0.03

    Source: deepspeed/runtime/lr_schedules.py of DeepSpeed 0.19.8 (2026).
    """
    return read(config, Run("from_deepspeed", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a DeepSpeed config."""
    settings = settings_of(run.owner, config)
    scheduler = settings_of(run.owner, settings.get("scheduler", settings))
    if "type" not in scheduler:
        raise ArgumentError(run.owner, "config", 'a config with a "scheduler"', config)
    if run.base_lr is None:
        run = replace(run, base_lr=settings.get("optimizer", {}).get("params", {}).get("lr"))
    name = chosen(run.owner, "type", scheduler["type"], SCHEDULERS)
    return SCHEDULERS[name](name, run, **bind(name, SCHEDULERS[name], scheduler.get("params", {})))


def _warmup_cosine(
    name: str,
    run: Run,
    *,
    total_num_steps: Steps,
    warmup_min_ratio: Real = 0.0,
    warmup_num_steps: Count = 1000,
    cos_min_ratio: Real = 0.0001,
    warmup_type: WarmupType = "log",
) -> ToolSchedule:
    if warmup_type == "log":
        raise NotImplementedError
    warmup_steps = max(2, warmup_num_steps)
    peak, start, end = (run.unit * factor for factor in (1.0, warmup_min_ratio, cos_min_ratio))
    up = Linear(start, peak, warmup_steps)
    down = Cosine(peak, end, total_num_steps - warmup_steps).tail(1)
    return ToolSchedule(
        tool="DeepSpeed",
        name=name,
        rates=Constant(0.0, 1) >> up >> down,
        peak=peak,
        minimum=end,
        warmup_steps=warmup_steps,
        total_steps=total_num_steps,
        relative=run.base_lr is None,
    )


SCHEDULERS: dict[str, Callable[..., ToolSchedule]] = {"WarmupCosineLR": _warmup_cosine}
