"""Schedules as MMEngine's config has them: the optimizer's rate, and a list of schedulers."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.calls import Call, source_of
from stepsize.interop.mmengine import read
from stepsize.interop.phases import times
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run
from stepsize.interop.writers.exact import first_exact
from stepsize.interop.writers.mmengine_windows import INSTEAD, Part, parts_of, windows_of
from stepsize.interop.writers.pieces import corners
from stepsize.schedules import Constant, Cosine, Knots, Linear, Schedule
from stepsize.schedules.arithmetic import Product
from stepsize.schedules.clock import Head, Repeat
from stepsize.schedules.shape import all_of


@checked
def to_mmengine(schedule: AnySchedule, horizon: AnyHorizon = None) -> dict[str, Any]:
    """The `param_scheduler` of an MMEngine config, with the optimizer's rate in `optim_wrapper`.

    A LinearLR cannot start at 0: a warmup from 0 is a PolyLR up from a rate of 0. Groups that have an `lr_mult` lose
    it at an `eta_min`, which is a rate.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open.

    Raises:
        ArgumentError: MMEngine has no scheduler for a part of the schedule.

    Example:
        >>> for each in to_mmengine("Linear(0.03, 0.3, 10) >> Cosine(0.3, 0.03, 90)")["param_scheduler"]:
        ...     print(each)
        {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 11}
        {'type': 'CosineAnnealingLR', 'T_max': 90, 'eta_min': 0.03, 'by_epoch': False, 'begin': 10, 'end': 101}
    """
    return first_exact(schedule, Run.of("to_mmengine", horizon), _candidates, read, "MMEngine", INSTEAD)


def source(schedule: Schedule, horizon: AnyHorizon = None) -> str:
    """What `to_mmengine` returns, as the lines of a config."""
    found = to_mmengine(schedule, horizon)
    rate = Call("dict", (), {"optimizer": Call("dict", (), found["optim_wrapper"]["optimizer"])})
    schedulers = [Call("dict", (), each) for each in found["param_scheduler"]]
    return f"optim_wrapper = {rate}\n{source_of(schedulers, label='param_scheduler = ')}"


def _candidates(schedule: Schedule, run: Run) -> Iterator[dict[str, Any]]:
    for knots in all_of(Knots, schedule):
        yield from _one_cycle(knots, [each.n for each in all_of(Head, schedule)])
    factors = schedule.operands if isinstance(schedule, Product) else ()
    multiplied = [each for each in factors if isinstance(each, Schedule)]
    if len(multiplied) < 2:
        parts = parts_of(schedule, run)
        for rate in _base_rates(schedule, parts):
            yield _config(rate, windows_of(parts, rate, run))
    else:
        lr, windows = math.prod(each for each in factors if isinstance(each, float)), []
        for each in multiplied:
            parts = parts_of(each, run)
            rate, *_ = _base_rates(each, parts)
            lr = times(lr, rate)
            windows += windows_of(parts, rate, run)
        yield _config(lr, windows)


def _config(lr: float, windows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"optim_wrapper": {"optimizer": {"lr": lr}}, "param_scheduler": windows}


def _one_cycle(knots: Knots, ends: Sequence[int]) -> Iterator[dict[str, Any]]:
    if len(knots.points) not in (3, 4):
        return
    (_, first), (top, high), *_, (last, low) = knots.points
    if min(first, low) > 0.0:
        total = int(last) + 1
        settings: dict[str, Any] = {"eta_max": high, "total_steps": total, "pct_start": (top + 1) / total}
        settings |= {"anneal_strategy": "cos" if knots.shape == "cosine" else "linear"}
        settings |= {"div_factor": high / first, "final_div_factor": first / low, "three_phase": len(knots.points) == 4}
        for end in (total, *(n + 1 for n in ends)):
            yield _config(high, [{"type": "OneCycleLR", **settings, "by_epoch": False, "begin": 0, "end": end}])


def _base_rates(schedule: Schedule, parts: Sequence[Part]) -> list[float]:
    """Rates that the optimizer may have: the natural one first; those to which restarts and waves return."""
    match parts:
        case [Part(shape=Linear(start, end)), *_] if start > 0.0:
            natural = max(start, end)
        case [Part(shape=Constant(low)), Part(first=high), *_] if high > low > 0.0:
            natural = high
        case _:
            natural = parts[0].first
    tops = [max(each.start, each.end) for wave in all_of(Repeat, schedule) for each in all_of(Cosine, wave)]
    highest = max(schedule(each) for each in corners(schedule))
    return list(dict.fromkeys([natural, *tops, highest]))
