"""Schedules written for another tool: candidates are read back, and the first that gives every rate is taken."""

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from stepsize.errors import ArgumentError, StepError, distinct_texts
from stepsize.interop.code import to_code
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.interop.writers.pieces import corners
from stepsize.schedules import Constant, Schedule
from stepsize.schedules.clock import Chain
from stepsize.schedules.formulas import Between

TOLERANCE = 1e-9  # of the highest rate
_ALL = 100_000  # updates of which every one is compared
_FAR = 2**24  # how far endless schedules are compared

Config = TypeVar("Config")
Whole = np.ndarray[Any, np.dtype[np.int64]]


def first_exact(
    given: Schedule | str,
    run: Run,
    candidates: Callable[[Schedule, Run], Iterable[Config]],
    read: Callable[[Config, Run], ToolSchedule],
    tool: str,
    instead: str,
) -> Config:
    """The first config that the tool reads as this schedule: at every update of the run, or for ever without one.

    Raises:
        ArgumentError: there is none; the error says where the nearest differs, and what to use `instead`. `{form}`
            in it stands for the writer of code.
    """
    schedule = run.schedule(given)
    nearest, longest = "", -1
    own = compared(schedule, run)
    for config in candidates(schedule, run):
        with suppress(ArgumentError, StepError):  # the tool refuses the config, or grows beyond all bounds
            found = read(config, run)
            step = _first_difference(schedule, found.rates, own)
            if step is None:
                step = _first_difference(schedule, found.rates, compared(found.rates, run))
            if step is None:
                return config
            if step > longest:
                longest = step
                theirs, ours = distinct_texts(found.rates(step), schedule(step))
                nearest = f"its {found.name} gives {theirs} at update {step:,}, not {ours}; "
    rule, end = f"one that {tool} has a setting for", schedule.steps
    if end <= longest and run.horizon is None:
        advice = f"{nearest}if the run ends before, write {{horizon}}; else {instead}"
        raise ArgumentError(run.owner, "schedule", rule, schedule, advice, horizon=int(end), form=to_code)
    raise ArgumentError(run.owner, "schedule", rule, schedule, nearest + instead, form=to_code)


def _first_difference(schedule: Schedule, other: Schedule, steps: Whole) -> int | None:
    ours = schedule(steps)
    differs = ~(np.abs(other(steps) - ours) <= TOLERANCE * np.abs(ours).max())
    return int(steps[differs.argmax()]) if differs.any() else None


def compared(schedule: Schedule, run: Run) -> Whole:
    """All updates to three times the last corner, or those near corners if there are too many; those of a run."""
    near = {max(0, corner + k) for corner in corners(schedule) for k in (-2, -1, 0, 1, 2)}
    last = 3 * max(near) + 10
    every = range(last if last < _ALL else 0)
    far = (2**k for k in range(_FAR.bit_length()))
    steps = np.array(sorted(near.union(every, far)))
    try:
        schedule(steps)
    except StepError:  # it grows beyond all bounds
        steps = steps[steps < last]
    return steps if run.horizon is None else steps[steps < run.steps("schedule")]


@dataclass(frozen=True)
class Outline:
    """Warmup, stable phase and decay, which most configs consist of; the form of the ways is left open."""

    first: float
    peak: float
    final: float
    warmup: int
    stable: int
    decay: int

    @property
    def total(self) -> int:
        return self.warmup + self.stable + self.decay


def outlines_of(schedule: Schedule) -> list[Outline]:
    """The phases between the corners of a schedule: up to the highest rate, while it is held, and the rest.

    The phases as they are written are another outline: its peak may be a rate that is not reached, or reached again.
    """
    places = corners(schedule)
    values = [schedule(each) for each in places]
    held = [place for place, value in zip(places, values, strict=True) if value == max(values)]
    found = [Outline(values[0], max(values), values[-1], held[0], held[-1] - held[0], places[-1] - held[-1])]
    up, *rest = schedule.parts if isinstance(schedule, Chain) else (schedule,)
    way = up if isinstance(up, Between) and rest else None
    warmup, level = (way.steps, rest[0]) if way else (0, up)
    stable = int(level.steps) if rest and isinstance(level, Constant) and level.steps < math.inf else 0
    peak = way.end if way else values[0]
    found.append(Outline(values[0], peak, values[-1], warmup, stable, places[-1] - warmup - stable))
    return found


def ratio(part: float, whole: float) -> float:
    """The shortest number that gives `part` if it is multiplied by `whole`."""
    if whole == 0.0:
        return 0.0
    for digits in range(1, 17):
        short = float(f"{part / whole:.{digits}g}")
        if whole * short == part:
            return short
    return part / whole
