"""torchtitan's scheduler: warmup, stable, decay, with the first update at one step of the warmup."""

from dataclasses import replace
from typing import Annotated, Any

from stepsize.arguments import Choice, Maybe, MaybeCount, MaybeFraction, Number, Phase, Real, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, section, settings_of
from stepsize.interop.phases import divided, joined, level, minus, phase, times, wave
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, InversePower, Linear, OneMinusSqrt, Plan, Schedule

OWNER = "lr_scheduler"


def from_torchtitan(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that a torchtitan config sets, as torchtitan follows it.

    The first update has a rate of 1 / warmup_steps of the peak instead of 0, and the minimum would come one update
    after the last. Later updates go on below the minimum, and below 0; a cosine rises again.

    Args:
        config: the whole config, with its sections `lr_scheduler`, `optimizer` and `training`, or `lr_scheduler` alone.
        horizon: the run, if the config has neither `total_steps` nor `training.steps`.
        base_lr: the optimizer's rate; that of the config's optimizer if None.

    Raises:
        ArgumentError: settings are missing, unknown or not allowed.

    Example:
        >>> schedule = from_torchtitan({"warmup_steps": 10, "total_steps": 100}, base_lr=0.3)
        >>> schedule([0, 9, 10, 99])
        array([0.03      , 0.3       , 0.3       , 0.00333333])

    Source: torchtitan/components/optimizer/lr_scheduler.py of torchtitan 0.3.0 (2026).
    """
    return read(config, Run.of("from_torchtitan", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a torchtitan config."""
    settings = settings_of(run.owner, config)
    sections = {name: section(run.owner, settings, name) for name in (OWNER, "optimizer", "training")}
    own = sections[OWNER] if OWNER in settings else settings
    if run.base_lr is None:
        run = replace(run, base_lr=_lr(run.owner, sections["optimizer"]))
    return _schedule(
        run, Maybe(Whole(1))("training", "steps", sections["training"].get("steps")), **bind(OWNER, _schedule, own)
    )


def _lr(owner: str, optimizer: dict[str, Any]) -> float | None:
    groups = [settings_of(owner, each).get("optimizer_kwargs", {}) for each in optimizer.get("param_groups", [])]
    rates = {Number(least=0.0)("optimizer", "lr", each["lr"]) for each in (optimizer, *groups) if "lr" in each}
    if len(rates) > 1:
        rule = "given: the groups of the optimizer have rates of their own"
        raise ArgumentError(owner, "base_lr", rule, None)
    return rates.pop() if rates else None


def _schedule(
    run: Run,
    steps: int | None,
    *,
    warmup_steps: Phase = 200,
    total_steps: MaybeCount = None,
    decay_ratio: MaybeFraction = None,
    decay_type: Annotated[str, Choice(("linear", "sqrt", "cosine"))] = "linear",
    min_lr_factor: Real = 0.0,
) -> ToolSchedule:
    total = total_steps or steps or run.steps("training.steps")
    warmup = min(warmup_steps, total)
    decay = total - warmup if decay_ratio is None else min(round(total * decay_ratio), total - warmup)
    peak, low = run.unit, times(run.unit, min_lr_factor)
    updates = steps or (run.horizon.steps if run.horizon else total)
    rates = joined(
        phase(Linear, divided(peak, max(1, warmup)), peak, warmup - 1),
        *_after_warmup(decay_type, peak, low, total - decay - max(0, warmup - 1), decay),
    )
    return ToolSchedule(
        name=decay_type,
        rates=rates,
        peak=peak,
        minimum=low or None,
        warmup_steps=warmup_steps,
        total_steps=steps or total,
        relative=run.base_lr is None,
        mends={
            **(dict.fromkeys(("negative", "rise", "minimum"), f"total_steps = {updates}") if updates != total else {}),
            "warmup": f"warmup_steps = {total // 5}",
        },
    )


def _after_warmup(kind: str, peak: float, low: float, stable: int, steps: int) -> list[Schedule | None]:
    """The stable phase, the decay, and how its formula goes on after the end."""
    if steps == 0:
        return [Constant(peak)]
    if kind == "cosine":
        return [level(peak, stable), wave(peak, low, steps)]
    shape, power = (Linear, -1.0) if kind == "linear" else (OneMinusSqrt, -0.5)
    return [level(peak, stable), shape(peak, low, steps), peak - InversePower(minus(peak, low), 1 / steps, power)]
