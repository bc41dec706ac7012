"""axolotl's schedulers, as its YAML config sets them; those that axolotl does not have are transformers'."""

from typing import Any

from stepsize.arguments import MaybeFraction, MaybePhase, NonNegative, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.axolotl_shapes import jags, one_cycle
from stepsize.interop.config import bind, chosen, section, settings_of
from stepsize.interop.phases import divided, joined, phase, times, wave
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.interop.transformers import training
from stepsize.interop.transformers_schedulers import SCHEDULERS
from stepsize.schedules import Constant, Cosine, Linear, Plan, Rex, Schedule

OWNER = "axolotl"


def from_axolotl(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that an axolotl config sets, as axolotl follows it.

    Without `warmup_steps` and `warmup_ratio`, the warmup is 3% of the run and at most 100 updates, and a warmup of 1
    becomes 2. rex and jagged restarts are one update ahead of the others. The cosines rise again after the end.

    Args:
        config: the whole config.
        horizon: the run, if the config does not set `max_steps`: a Horizon or a number of updates.
        base_lr: the optimizer's rate; the config's `learning_rate` if None.

    Raises:
        ArgumentError: the scheduler follows a metric, or settings are missing, unknown or not allowed.

    Example:
        >>> config = {"lr_scheduler": "rex", "learning_rate": 0.3, "warmup_steps": 10, "max_steps": 100}
        >>> from_axolotl(config)
        Linear(0.03, 0.3, 9) >> Rex(0.3, 0.0, 90, 0.9)

    Source: axolotl/utils/schedulers.py and axolotl/core/trainers/mixins/scheduler.py of axolotl 0.19.0 (2026).
    """
    return read(config, Run.of("from_axolotl", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of an axolotl config."""
    settings = {name: each for name, each in settings_of(run.owner, config).items() if each is not None}
    return _training(run, **bind(OWNER, _training, settings, others=True))


def _training(
    run: Run,
    *,
    lr_scheduler: Any = "cosine",
    lr_scheduler_kwargs: Any = None,
    learning_rate: NonNegative,
    max_steps: MaybePhase = None,
    warmup_steps: MaybePhase = None,
    warmup_ratio: MaybeFraction = None,
    cosine_min_lr_ratio: MaybeFraction = None,
    cosine_constant_lr_ratio: MaybeFraction = None,
    lr_quadratic_warmup: Switch = False,
    jagged_restart_steps: MaybePhase = None,
    jagged_restart_warmup_steps: MaybePhase = None,
    jagged_restart_anneal_steps: MaybePhase = None,
    adam_beta2: MaybeFraction = None,
) -> ToolSchedule:
    known = [*SCHEDULERS, "greedy", "one_cycle", "reduce_lr_on_plateau", "rex"]
    name = chosen(OWNER, "lr_scheduler", lr_scheduler, known)
    total = max_steps or run.steps("num_epochs")
    warmup = warmup_steps
    if warmup is None:
        warmup = min(int(0.03 * total), 100) if warmup_ratio is None else int(warmup_ratio * total)
    warmup = 2 if warmup == 1 else warmup
    peak = learning_rate if run.base_lr is None else run.base_lr
    minimum = None if cosine_min_lr_ratio is None else times(peak, cosine_min_lr_ratio)
    low, decay = minimum or 0.0, max(1, total - warmup)
    up, up_early = phase(Linear, 0.0, peak, warmup), phase(Linear, divided(peak, max(1, warmup)), peak, warmup - 1)
    others: dict[str, Any] = {}
    if name == "rex":
        if warmup > total:
            raise ArgumentError(OWNER, "warmup_steps", f"at most the {total:,} updates of the run", warmup)
        down = Rex(peak, low, decay, 0.9) if warmup < total else Constant(peak, 1) >> Constant(low)
        rates = joined(up_early, down) if warmup else down.tail(1)
    elif name == "one_cycle":
        kwargs = section(OWNER, {"lr_scheduler_kwargs": lr_scheduler_kwargs}, "lr_scheduler_kwargs")
        given = bind(name, one_cycle, kwargs)
        rates, others = one_cycle(peak, warmup, total, adam_beta2 or 0.999, **given)
    elif name == "cosine" and lr_quadratic_warmup:
        rates = joined(up and up.warp(2), wave(peak, 0.0, decay))
    elif name == "cosine" and minimum and cosine_constant_lr_ratio:
        steps = int(total * cosine_constant_lr_ratio) - warmup
        is_low = steps > 0 or steps % 2  # without a decay, the cosine ends at 0 or at a whole number of half waves
        rates = joined(up, phase(Cosine, peak, low, steps), Constant(low if is_low else peak))
    elif name == "cosine" and minimum:
        rates = joined(up, wave(peak, low, decay))
    else:
        found = training(
            run,
            lr_scheduler_type=name,
            lr_scheduler_kwargs=lr_scheduler_kwargs,
            max_steps=total,
            warmup_steps=float(warmup),
            learning_rate=peak,
        )
        rates, minimum = found.rates, found.minimum
    if jagged_restart_steps:
        ways = (jagged_restart_warmup_steps or 10, jagged_restart_anneal_steps or 1, cosine_min_lr_ratio or 0.001)
        rates = rates.tail(1) * jags(jagged_restart_steps, *ways).tail(2 if name == "rex" else 1)
    return ToolSchedule(
        name=name,
        rates=rates,
        peak=peak,
        minimum=minimum or None,
        warmup_steps=warmup,
        total_steps=total,
        others=others,
        mends=MENDS,
    )


MENDS = {
    "warmup": "warmup_ratio: 0.1",
    "rise": "cosine_min_lr_ratio: 0.1, cosine_constant_lr_ratio: 0.9",
    "minimum": "cosine_constant_lr_ratio: 0.9",
    "zero": "lr_scheduler: rex",
}
