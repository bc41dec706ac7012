"""timm's schedulers: the arguments of `create_scheduler_v2`, those of its training script, or a scheduler itself."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Annotated, Any

from stepsize.arguments import (
    Choice,
    Count,
    Many,
    Maybe,
    MaybePositive,
    NonNegative,
    Number,
    Phase,
    Positive,
    Switch,
    Whole,
)
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, settings_of
from stepsize.interop.timm_schedulers import CLASSES, SHAPES, followed
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Plan, Schedule

SCRIPT_DEFAULTS = {"epochs": 300, "decay_epochs": 90.0, "warmup_epochs": 5, "cycle_decay": 0.5}
"""The defaults of the script's command line that `create_scheduler_v2` does not have."""


def from_timm(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that timm's training script follows.

    Unless `warmup_prefix` is set, the decay runs on during the warmup and the rate jumps down at its end. A milestone
    counts an epoch early. `sched_on_updates` is off by default: then the rate only changes between epochs.

    Args:
        config: the arguments of `create_scheduler_v2` or of the training script, such as its args.yaml; or a scheduler
            of timm's.
        horizon: the run, for the length of an epoch: a Horizon.
        base_lr: the optimizer's rate; that of the config if None.

    Raises:
        ArgumentError: the scheduler is unknown, follows a metric or has noise, or settings are missing or not allowed.

    Example:
        >>> recipe = {"sched": "cosine", "epochs": 20, "warmup_epochs": 5, "warmup_lr": 0.0, "lr": 0.1}
        >>> from_timm(recipe, horizon=Horizon(samples=50_000, batch=500, epochs=20))
        (Linear(0.0, 0.1, 5) >> Cosine(0.1, 0.0, 20).tail(5)).every(100)

    Source: timm/scheduler of timm 1.0.31 (2026), and train.py of its repository.
    """
    return read(config, Run.of("from_timm", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of timm's arguments, or of a scheduler."""
    if type(config).__name__ in SHAPES:
        bases = set(config.base_values)
        if len(bases) > 1:
            raise ArgumentError(run.owner, "config", "a scheduler whose groups have one rate", sorted(bases))
        run = replace(run, base_lr=None).with_lr(bases.pop())
        return followed(run, type(config).__name__, config)
    settings = settings_of(run.owner, config)
    if not {"sched", "num_epochs"} & set(settings):
        raise ArgumentError(run.owner, "config", 'a config with "sched"', config)
    run = run.with_lr(settings.pop("lr", None))
    is_script = "num_epochs" not in settings
    if is_script:
        settings = SCRIPT_DEFAULTS | {name.removeprefix("lr_"): value for name, value in settings.items()}
        settings["num_epochs"] = settings["epochs"]
        settings["step_on_epochs"] = not settings.get("sched_on_updates", False)
    return _create_scheduler(run, **bind("create_scheduler_v2", _create_scheduler, settings, others=is_script))


def _create_scheduler(
    run: Run,
    *,
    sched: str = "cosine",
    num_epochs: Count = 300,
    decay_epochs: MaybePositive = None,
    decay_milestones: Annotated[tuple[int, ...], Many(Whole(0), rising="weakly")] = (90, 180, 270),
    cooldown_epochs: Phase = 0,
    decay_rate: NonNegative = 0.1,
    min_lr: NonNegative = 0.0,
    warmup_lr: NonNegative = 1e-5,
    warmup_epochs: Phase = 0,
    warmup_prefix: Switch = False,
    noise: Any = None,
    cycle_mul: Annotated[float, Number(least=1.0)] = 1.0,
    cycle_decay: NonNegative = 0.1,
    cycle_limit: Count = 1,
    k_decay: Positive = 1.0,
    decay_fn: Annotated[str | None, Maybe(Choice(("linear", "1-sqrt", "cosine", "power", "exp")))] = None,
    stable_timescale: MaybePositive = None,
    step_on_epochs: Switch = True,
    updates_per_epoch: Annotated[int, Whole(0)] = 0,
) -> ToolSchedule:
    name = chosen(run.owner, "sched", sched, CLASSES)
    per_epoch = 1 if step_on_epochs else updates_per_epoch or run.epoch_steps("sched_on_updates")
    s = SimpleNamespace(
        t_initial=num_epochs * per_epoch,
        t_in_epochs=step_on_epochs,
        lr_min=min_lr,
        decay_rate=1.0 if name == "constant" else decay_rate,
        power=decay_rate,
        warmup_t=warmup_epochs * per_epoch,
        warmup_lr_init=warmup_lr,
        warmup_prefix=warmup_prefix,
        noise_range_t=noise,
        cycle_mul=cycle_mul,
        cycle_decay=cycle_decay,
        cycle_limit=cycle_limit if name in ("cosine", "poly", "tanh") else 1,
        k_decay=k_decay,
        lb=-7.0,
        ub=3.0,
        decay_power=0.5,
        decay_ratio=0.1,
    )
    if name == "multistep":
        s.decay_t = [milestone * per_epoch for milestone in decay_milestones]
    elif name == "step":
        s.decay_t = (decay_epochs or 90) * per_epoch
    elif name in ("wsd", "rsqrt"):
        s.t_initial, s.warmup_prefix = s.t_initial - (0 if warmup_prefix else s.warmup_t), True
        length = decay_epochs or 0.2
        s.decay_t = round(length * (s.t_initial if length < 1 else per_epoch))
        if not 0 < s.decay_t <= s.t_initial:
            rule = "at most the epochs after the warmup"
            raise ArgumentError("create_scheduler_v2", "decay_epochs", rule, length)
        s.stable_fn = "constant" if name == "wsd" else "rsqrt"
        s.decay_fn = decay_fn or ("1-sqrt" if name == "wsd" else "linear")
        s.stable_timescale = stable_timescale * per_epoch if stable_timescale else s.warmup_t
        if name == "rsqrt" and not s.stable_timescale:
            raise ArgumentError("create_scheduler_v2", "stable_timescale", "given without a warmup", None)
    return followed(run, CLASSES[name], s)
