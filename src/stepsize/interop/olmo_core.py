"""OLMo-core's schedulers. Its trainer counts an update before it makes it."""

from collections.abc import Mapping
from typing import Any

from stepsize.arguments import Maybe, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import section, settings_of
from stepsize.interop.olmo_core_schedulers import scheduler
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Plan, Schedule


def from_olmo_core(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that an OLMo-core config sets, as its trainer follows it.

    The trainer counts an update before it makes it: the first update is at step 1 of the scheduler, and the last has
    the final rate. A WSD-S period reaches its minimum, and the next one begins a step after its start.

    Args:
        config: a scheduler of OLMo-core, its mapping with `_CLASS_` or `type`, or the whole config of an experiment.
        horizon: the run, if `trainer.max_duration` is not set in steps or tokens: a Horizon or a number of updates.
        base_lr: the optimizer's rate; that of the config's `train_module.optim` if None.

    Raises:
        ArgumentError: OLMo-core refuses the config or divides by 0, or settings are missing, unknown or not allowed.

    Example:
        >>> from_olmo_core({"type": "cos_with_warmup", "warmup": 10}, horizon=100, base_lr=0.3)
        (Linear(0.0, 0.3, 10) >> Cosine(0.3, 0.03, 90)).tail(1)

    Source: olmo_core/optim/scheduler.py of OLMo-core 3.0.0 (2026).
    """
    return read(config, Run.of("from_olmo_core", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of an OLMo-core config."""
    owner = run.owner
    settings = {} if config is None else settings_of(owner, config)
    module, trainer, loader = (section(owner, settings, name) for name in ("train_module", "trainer", "data_loader"))
    found = module.get("scheduler") or settings.get("scheduler") or config
    if isinstance(found, Mapping) and not {"type", "_CLASS_"} & found.keys():
        raise ArgumentError(owner, "config", 'a scheduler with "type" or "_CLASS_", or a config with one', config)
    own = settings_of(owner, found)
    run = run.with_lr(section(owner, module, "optim").get("lr"))
    for each, value in own.items() if run.base_lr is None else ():
        if value and (each.endswith("_lr") or each == "lr_min"):
            raise ArgumentError(owner, "base_lr", f"given: {each} is a rate, not a factor", None)
    unit = str(own.get("units", "steps")).rpartition(".")[2]
    tokens = Maybe(Whole(1))(owner, "data_loader.global_batch_size", loader.get("global_batch_size"))  # of an update
    batch = tokens if unit == "tokens" else 1
    if batch is None:
        raise ArgumentError(owner, "data_loader.global_batch_size", "given: the units are tokens", None)
    duration = section(owner, trainer, "max_duration")
    value = Maybe(Whole(1))(owner, "trainer.max_duration.value", duration.get("value"))
    duration_unit = str(duration.get("unit")).rpartition(".")[2] if value else ""
    if duration_unit == unit:
        total: int = value
    elif duration_unit == "tokens" and tokens:
        total = -(-value // tokens)
    else:
        total = run.steps("trainer.max_duration") * batch
    name, rates, minimum, warmup_steps = scheduler(owner, found, run.unit, total)
    rates = rates if batch == 1 else rates.reclock(batch)
    return ToolSchedule(
        name=name,
        rates=rates if isinstance(rates, Constant) else rates.tail(1),
        peak=None if name in ("composable", "sequential") else run.unit,
        minimum=minimum or None,
        warmup_steps=warmup_steps / batch,
        total_steps=total / batch,
        relative=run.base_lr is None,
        mends={"warmup": f'"warmup": {total // 10}'},
    )
