"""Schedules as DeepSpeed's config has them."""

from collections.abc import Iterator, Sequence
from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.deepspeed import read
from stepsize.interop.phases import minus
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run
from stepsize.interop.writers.exact import first_exact, ratio
from stepsize.interop.writers.pieces import corners
from stepsize.schedules import Constant, InversePower, Linear, Logarithmic, Schedule
from stepsize.schedules.clock import Chain, Every
from stepsize.schedules.shape import all_of

INSTEAD = "use deepspeed.initialize(lr_scheduler=LambdaLR(optimizer, stepsize.pytorch.as_lambda(schedule, base_lr)))"


@checked
def to_deepspeed(schedule: AnySchedule, horizon: AnyHorizon = None) -> dict[str, Any]:
    """The entry `scheduler` of a DeepSpeed config; with the optimizer's rate in `optimizer` if it is multiplied.

    DeepSpeed's warmups are one update late, so of the usual schedules it has only a line up and a line down to where
    it began.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open.

    Raises:
        ArgumentError: no scheduler of DeepSpeed's has these rates at every update.

    Example:
        >>> to_deepspeed("Linear(0, 0.3, 10) >> Linear(0.3, 0, 90)")["scheduler"]["type"]
        'OneCycle'
    """
    return first_exact(schedule, Run.of("to_deepspeed", horizon), _candidates, read, "DeepSpeed", INSTEAD)


def _candidates(schedule: Schedule, run: Run) -> Iterator[dict[str, Any]]:
    parts = schedule.parts if isinstance(schedule, Chain) else (schedule,)
    match parts:
        case (Constant(low, 1), Linear() | Logarithmic() as up, *_):
            yield from _warmups(schedule, low, up)
    match parts[0]:
        case Constant(rate):
            yield _scheduler("WarmupLR", warmup_min_lr=rate, warmup_max_lr=rate, warmup_type="linear")
        case InversePower(low, rate):
            yield _range_test(low, rate, 1)
        case Every(InversePower(low, rate), size):
            yield _range_test(low, rate, size, stairs=True)
        case Linear(low, high, size) if low > 0.0:
            yield _range_test(low, ratio(minus(high, low), low), size)
    yield from _one_cycle(parts)


def _warmups(schedule: Schedule, low: float, up: Linear | Logarithmic) -> Iterator[dict[str, Any]]:
    peak, kind = up.end, "linear" if isinstance(up, Linear) else "log"
    steps = up.steps if kind == "linear" else up.steps + 1
    own = {"warmup_num_steps": steps, "warmup_type": kind}
    rates = {"warmup_min_lr": low, "warmup_max_lr": peak}
    yield _scheduler("WarmupLR", **rates, **own)
    end = corners(schedule)[-1]
    for total in sorted({end - 1, end, steps, steps + 1}):
        yield _scheduler("WarmupDecayLR", total_num_steps=total, **rates, **own)
        ratios = {"warmup_min_ratio": ratio(up.start, peak), "cos_min_ratio": ratio(schedule(end), peak)}
        cosine = _scheduler("WarmupCosineLR", total_num_steps=total, **ratios, **own)
        yield {"optimizer": {"params": {"lr": peak}}, **cosine}


def _range_test(low: float, rate: float, size: int, stairs: bool = False) -> dict[str, Any]:
    settings = {"min_lr": low, "step_size": size, "step_rate": rate, "staircase": stairs}
    return _scheduler("LRRangeTest", **{f"lr_range_test_{name}": value for name, value in settings.items()})


def _one_cycle(parts: Sequence[Schedule]) -> Iterator[dict[str, Any]]:
    """A line or stairs up, perhaps others down, and a decay; its betas are left alone."""
    lines = [next(all_of(Linear, part), None) for part in parts[:2]]
    if lines[0] is None:
        return
    params: dict[str, Any] = {"cycle_min_lr": lines[0].start, "cycle_max_lr": lines[0].end}
    for name, line, part in zip(("first", "second"), lines, parts, strict=False):
        params[f"cycle_{name}_step_size"] = part.steps if line else 0
        if line and line != part:
            params[f"cycle_{name}_stair_count"] = line.steps
        elif "cycle_first_stair_count" in params:
            params["cycle_second_stair_count"] = 0
    if isinstance(parts[-1], InversePower):
        params |= {"decay_lr_rate": parts[-1].rate, "decay_step_size": 1}
    yield _scheduler("OneCycle", **params, cycle_momentum=False)


def _scheduler(name: str, **params: Any) -> dict[str, Any]:
    return {"scheduler": {"type": name, "params": params}}
