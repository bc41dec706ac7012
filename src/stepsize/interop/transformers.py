"""transformers' schedulers, as `TrainingArguments` sets them for its Trainer."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from stepsize.arguments import MaybeNonNegative, NonNegative, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, settings_of
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.interop.transformers_schedulers import SCHEDULERS, Lengths
from stepsize.schedules import Plan, Schedule

OWNER = "TrainingArguments"


def from_transformers(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that `TrainingArguments` sets, as transformers' Trainer follows it.

    Three of its cosines rise again after the last update, warmup_stable_decay starts at its minimum instead of 0, and
    cosine_warmup_with_min_lr is one update ahead of the others.

    Args:
        config: the `TrainingArguments`, a mapping of them, or an argument list.
        horizon: the run, if the config does not set `max_steps`: a Horizon or a number of updates.
        base_lr: the optimizer's rate; the config's `learning_rate` if None.

    Raises:
        ArgumentError: the scheduler follows a metric, or settings are missing, unknown or not allowed.

    Example:
        >>> config = {"lr_scheduler_type": "linear", "learning_rate": 0.3, "warmup_steps": 10, "max_steps": 100}
        >>> from_transformers(config)
        Linear(0.0, 0.3, 10) >> Linear(0.3, 0.0, 90)

    Source: optimization.py and training_args.py of transformers 5.23 (2026).
    """
    return read(config, Run.of("from_transformers", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a `TrainingArguments`."""
    given = bind(OWNER, training, settings_of(run.owner, config), others=True)
    if not given:
        rule = "TrainingArguments, with lr_scheduler_type, learning_rate and the like"
        raise ArgumentError(run.owner, "config", rule, config)
    return training(run, **given)


def training(
    run: Run,
    *,
    lr_scheduler_type: Any = "linear",
    lr_scheduler_kwargs: Any = None,
    learning_rate: NonNegative = 5e-5,
    warmup_steps: NonNegative = 0.0,
    warmup_ratio: MaybeNonNegative = None,
    max_steps: Annotated[int, Whole(-1)] = -1,
) -> ToolSchedule:
    """What these arguments of `TrainingArguments` do."""
    name = chosen(OWNER, "lr_scheduler_type", lr_scheduler_type, [*SCHEDULERS, "greedy", "reduce_lr_on_plateau"])
    if name not in SCHEDULERS:
        advice = "this one follows a metric, as stepsize.pytorch.Plateau does"
        raise ArgumentError(OWNER, "lr_scheduler_type", "a scheduler that follows the step", name, advice)
    peak = learning_rate if run.base_lr is None else run.base_lr
    lengths = Lengths(run, warmup_steps or warmup_ratio or 0.0, max_steps)
    given = _kwargs(lr_scheduler_kwargs)
    scheduler = SCHEDULERS[name]
    rates, minimum = scheduler(peak, lengths, **bind(name, scheduler, given, others=name.startswith("constant")))
    return ToolSchedule(
        name=name,
        rates=rates,
        peak=peak,
        minimum=minimum or None,
        warmup_steps=0 if name == "constant" else lengths.warmup,
        total_steps=lengths.total if max_steps > 0 or run.horizon else math.inf,
        mends=_mends(name),
    )


def _kwargs(given: Any) -> dict[str, Any]:
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except json.JSONDecodeError:
        found = given
    if not isinstance(found, Mapping | None):
        raise ArgumentError(OWNER, "lr_scheduler_kwargs", "a mapping, or one as JSON", given)
    return dict(found or {})


def _mends(name: str) -> dict[str, str]:
    mends = {"warmup": '"warmup_steps": 0.1'}
    if name == "cosine":
        mends["rise"] = '"lr_scheduler_type": "cosine_with_restarts"'
    if name.startswith("cosine"):
        mends["zero"] = '"lr_scheduler_type": "cosine_warmup_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.0}'
    if name == "cosine_with_min_lr":
        mends["minimum"] = '"lr_scheduler_type": "cosine_warmup_with_min_lr"'
    return mends
