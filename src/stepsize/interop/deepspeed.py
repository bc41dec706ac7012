"""DeepSpeed's schedulers, as its config's `scheduler` names them. DeepSpeed's first update comes before its clock."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from stepsize.arguments import Choice, Count, Maybe, MaybeReal, NonNegative, Real, Steps
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, section, settings_of
from stepsize.interop.deepspeed_cycles import one_cycle, range_test
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, Linear, Logarithmic, Plan, Schedule

WITHOUT_BETAS = ("sgd", "adagrad", "rmsprop")


def from_deepspeed(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that a DeepSpeed config sets, as DeepSpeed follows it.

    The warmups come one update late, and their default is a logarithm, not a line. WarmupCosineLR with a linear warmup
    never reaches its peak. OneCycle also cycles betas, unless the config's optimizer has none.

    Args:
        config: the whole config, its `scheduler`, or a mapping with `type` and `params`.
        horizon: not needed; a DeepSpeed config has all lengths.
        base_lr: the optimizer's rate, which WarmupCosineLR multiplies and which is the peak of a WarmupLR without one;
            that of the config's optimizer if None.

    Raises:
        ArgumentError: the config has no scheduler of DeepSpeed's, or settings are missing, unknown or not allowed.

    Example:
        >>> params = {"total_num_steps": 100, "warmup_num_steps": 10, "warmup_type": "linear"}
        >>> from_deepspeed({"type": "WarmupCosineLR", "params": params}, base_lr=0.3)(2)
        0.03

    Source: deepspeed/runtime/lr_schedules.py of DeepSpeed 0.19.8 (2026).
    """
    return read(config, Run.of("from_deepspeed", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a DeepSpeed config."""
    settings = settings_of(run.owner, config)
    scheduler = settings_of(run.owner, settings.get("scheduler", settings))
    if "type" not in scheduler:
        advice = "without one, the rate is constant, or the program has a scheduler of its own"
        raise ArgumentError(run.owner, "config", 'a config with a "scheduler"', config, advice)
    optimizer = section(run.owner, settings, "optimizer")
    lr = section("optimizer", optimizer, "params").get("lr")
    run = run.with_lr(None if lr == "auto" else lr)
    name = chosen(run.owner, "type", scheduler["type"], SCHEDULERS)
    found = SCHEDULERS[name](run, **bind(name, SCHEDULERS[name], section("scheduler", scheduler, "params")))
    if str(optimizer.get("type")).lower() in WITHOUT_BETAS:
        found = replace(found, others={})
    if name in ("WarmupLR", "WarmupDecayLR") and run.base_lr not in (None, found.peak):
        mends = {**found.mends, "unused": f'"warmup_max_lr": {run.base_lr}'}
        found = replace(found, unused_lr=run.base_lr, mends=mends)
    return found


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """The settings of a warmup, which has at least 2 updates, and whose form None has not been chosen."""

    warmup_num_steps: Count = 1000
    warmup_type: Annotated[str | None, Maybe(Choice(("log", "linear")))] = None

    @property
    def steps(self) -> int:
        return max(2, self.warmup_num_steps)

    def to(self, peak: float, first: float, start: float) -> Schedule:
        """The first update and the warmup; a logarithm is at the peak a step before a line."""
        line = Linear(start, peak, self.steps)
        return Constant(first, 1) >> (
            line if self.warmup_type == "linear" else Logarithmic(start, peak, self.steps - 1)
        )

    def mends(self, total: float, **others: str) -> dict[str, str]:
        """How to mend a warmup that is too long or steep, after other ways to mend a schedule."""
        long = {"warmup": f'"warmup_num_steps": {max(2, total // 10)}'} if 2 < total < math.inf else {}
        return others | long | ({} if self.warmup_type else {"steep": '"warmup_type": "linear"'})


def _warmup(run: Run, *, warmup: Warmup, warmup_min_lr: Real = 0.0, warmup_max_lr: MaybeReal = None) -> ToolSchedule:
    is_relative = warmup_max_lr is None and run.base_lr is None
    if is_relative and warmup_min_lr:
        raise ArgumentError(run.owner, "base_lr", "given: warmup_max_lr is the optimizer's rate", None)
    peak = run.unit if warmup_max_lr is None else warmup_max_lr
    rates = warmup.to(peak, warmup_min_lr, warmup_min_lr)
    mends = warmup.mends(math.inf, zero=f'"warmup_min_lr": {peak / warmup.steps:.3g}')
    return ToolSchedule("WarmupLR", rates, peak, None, warmup.steps, relative=is_relative, mends=mends)


def _warmup_decay(
    run: Run, *, total_num_steps: Steps, warmup: Warmup, warmup_min_lr: Real = 0.0, warmup_max_lr: Real = 0.001
) -> ToolSchedule:
    low, peak, total, steps = warmup_min_lr, warmup_max_lr, total_num_steps, warmup.steps
    rates = warmup.to(peak, low, low)
    if warmup.warmup_type != "linear":
        rates = rates >> Constant(peak, 1)
    rates = rates >> (Linear(peak, low, total - steps) if total > steps else Constant(low))
    zero, minimum = f'"warmup_min_lr": {peak / steps:.3g}', f'"total_num_steps": {total - 2}'
    mends = warmup.mends(total, zero=zero, minimum=minimum)
    return ToolSchedule("WarmupDecayLR", rates, peak, low, steps, total, mends=mends)


def _warmup_cosine(
    run: Run,
    *,
    total_num_steps: Steps,
    warmup: Warmup,
    warmup_min_ratio: Real = 0.0,
    cos_min_ratio: NonNegative = 0.0001,
) -> ToolSchedule:
    total, steps = total_num_steps, warmup.steps
    peak, start, end = (run.unit * factor for factor in (1.0, warmup_min_ratio, cos_min_ratio))
    down: Schedule = Cosine(peak, end, max(1, total - steps))
    if warmup.warmup_type == "linear":
        down = down.tail(1) if down.steps > 1 else Constant(end)
    rates = warmup.to(peak, 0.0, start) >> down
    mends = warmup.mends(total, peak='"warmup_type": "log"', minimum=f'"total_num_steps": {total - 1}')
    return ToolSchedule("WarmupCosineLR", rates, peak, end, steps, total, run.base_lr is None, mends=mends)


SCHEDULERS: dict[str, Callable[..., ToolSchedule]] = {
    "LRRangeTest": range_test,
    "OneCycle": one_cycle,
    "WarmupCosineLR": _warmup_cosine,
    "WarmupDecayLR": _warmup_decay,
    "WarmupLR": _warmup,
}
