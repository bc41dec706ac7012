"""Composer's schedulers, in its time strings; the trainer steps them before it counts the batch."""

from typing import Any

from stepsize.arguments import Number
from stepsize.errors import ArgumentError
from stepsize.interop.composer_clock import Clock
from stepsize.interop.composer_schedulers import SCHEDULERS
from stepsize.interop.config import bind, chosen, section, settings_of
from stepsize.interop.phases import times
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Plan, Schedule

OF_LLM_FOUNDRY = {
    "constant_with_warmup": "ConstantWithWarmupScheduler",
    "cosine_with_warmup": "CosineAnnealingWithWarmupScheduler",
    "linear_decay_with_warmup": "LinearWithWarmupScheduler",
}


def from_composer(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that a Composer config sets, as its trainer follows it.

    The trainer steps the scheduler before it counts the batch: the first two updates have the same rate, and all
    others come one update late. Of several schedulers, the last one counts. A constant scheduler returns to the
    optimizer's rate at its end.

    Args:
        config: a scheduler of Composer, its mapping with `name`, or a config with `scheduler` and `max_duration`.
        horizon: the run, if the config does not set `max_duration`, counts epochs, samples or tokens.
        base_lr: the optimizer's rate; that of the config's `optimizer` if None.

    Raises:
        ArgumentError: a time is not one of Composer's, units differ, or settings are missing, unknown or not allowed.

    Example:
        >>> config = {"name": "cosine_with_warmup", "t_warmup": "10ba", "alpha_f": 0.1}
        >>> from_composer(config, horizon=100, base_lr=0.3)
        (Linear(0.0, 0.3, 10) >> Cosine(0.3, 0.03, 90)).shift(1)

    Source: composer/optim/scheduler.py and composer/trainer/trainer.py of Composer 0.32.1 (2025).
    """
    return read(config, Run.of("from_composer", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a Composer config."""
    settings = {} if isinstance(config, list | tuple) else settings_of(run.owner, config)
    found = settings.get("schedulers", settings.get("scheduler", config))
    if isinstance(found, list | tuple) and found:
        found = found[-1]  # each sets the rate, and none multiplies it
    run = run.with_lr(section(run.owner, settings, "optimizer").get("lr"))
    scheduler = settings_of(run.owner, found)
    kind = scheduler.pop("name", type(found).__name__)
    if kind == "dict":
        raise ArgumentError(run.owner, "config", 'a scheduler with "name", or a config with one', config)
    name = chosen(run.owner, "name", OF_LLM_FOUNDRY.get(str(kind), kind), [*SCHEDULERS, *OF_LLM_FOUNDRY])
    clock = Clock(
        run,
        settings.get("max_duration"),
        Number(above=0.0, most=1e6)(run.owner, "scale_schedule_ratio", settings.get("scale_schedule_ratio", 1.0)),
    )
    is_object = type(found).__name__ == name  # which has attributes of its own
    given = bind(name, SCHEDULERS[name], scheduler, others=is_object)
    rates = SCHEDULERS[name](run.unit, clock, **given)
    is_own = "alpha" in given or "alpha_i" in given  # a height that is not the optimizer's rate
    warmup = given["warmup"].steps(clock) if "warmup" in given else 0
    batch = clock.batch(clock.unit)
    total, unit = clock.duration()
    if batch > 1:
        rates = rates.reclock(batch)
    return ToolSchedule(
        name=name,
        rates=rates if isinstance(rates, Constant) else rates.shift(1),
        peak=None if is_own else run.unit,
        minimum=None if is_own else times(run.unit, given.get("alpha_f", 0.0)) or None,
        warmup_steps=warmup / batch,
        total_steps=total / clock.batch(unit),
        relative=run.base_lr is None,
        mends={"warmup": "t_warmup: 0.1dur"},
    )
