"""What a run logged, and the loss curve that this makes with the rate of every update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Length, Many, Maybe, apply_rules, nearest
from stepsize.curves.loss_curve import MOST_UPDATES, Floats, LossCurve
from stepsize.errors import (
    ArgumentError,
    DataError,
    StepsizeError,
    first_few,
    gathered,
    quoted,
    raise_together,
    shown,
)
from stepsize.schedules import Schedule
from stepsize.schedules.plan_text import parse_rate

AGREEMENT = 0.01  # logged rates are rounded, and may differ from the schedule by this fraction
JUMP = 0.05  # a rate that changes by a smaller fraction of itself between two rows has not jumped
LATE = 4  # the beginning of a log of means is missing if its first step exceeds this many times its largest interval

Rows = tuple[NDArray[np.int64], Floats]
"""Steps, and the values logged there."""
Schedules = Schedule | Mapping[str, Schedule] | None
"""The schedule of every run, or schedules by the names of runs."""


def _schedules(owner: str, name: str, value: Any) -> Any:
    for schedule in value.values() if isinstance(value, Mapping) else [value]:
        if not isinstance(schedule, Schedule | None):
            raise ArgumentError(owner, name, "a schedule", schedule, "parse() makes one from a text")
    return value


@dataclass(frozen=True)
class ReadOptions:
    """How to read logs, and what is known about the rates besides them.

    Args:
        step: the name of the column of steps, `lr` of rates, `loss` of losses; None: the default of each format.
        means: see `read_csv`; None: the default of each format.
        schedule: of the runs without one of their own, or by names of runs; logged rates must agree with it.
        warmup_steps: see `read_csv`.
        jumps: see `read_csv`; a log without a jump at one of these steps is left as it is.
        rates: the file with the rates of Weights & Biases panels.
        reader: the function that was called, for errors.
    """

    step: str | None = None
    lr: str | None = None
    loss: str | None = None
    means: bool | None = None
    schedule: Annotated[Schedules, _schedules] = None
    warmup_steps: Annotated[int | None, Maybe(Length(0))] = None
    jumps: Annotated[Sequence[int], Many(Length(1), empty=True)] = ()
    rates: Path | str | None = None
    reader: str = "read_curves"

    def __post_init__(self) -> None:
        for name, value in apply_rules(self.reader, ReadOptions, vars(self)).items():
            object.__setattr__(self, name, value)

    def schedule_of(self, log: "Log") -> Schedule | None:
        """The schedule of a run; its own comes before one that is given for every run."""
        if isinstance(self.schedule, Mapping):
            return self.schedule.get(log.name, log.schedule)
        return log.schedule or self.schedule


@dataclass(frozen=True)
class Log:
    """The rows of one run as they were read: losses at some steps, `logged` rates at some, and the `source`.

    `schedule` is that of the run if the log has it. `no_rates` is raised if the rates are missing and needed.
    """

    source: str
    name: str
    steps: NDArray[np.int64]
    losses: Floats
    logged: Rows | None = None
    no_rates: DataError | None = None
    schedule: Schedule | None = None

    def of_means(self) -> "Log":
        """The same log, if its rows were written when `steps` updates were done, with means since the row before.

        A mean is placed at the middle of its updates; the rate is that of the last of them.
        """
        done = self.steps
        for each in (done, *(self.logged or ())[:1]):
            if each.size and not each[0]:
                raise DataError(
                    f"{self.source} has a row at step 0, before any update, so its losses are not means since the row "
                    "before",
                    "read it with {means}",
                    means=False,
                )
        if not done.size:
            return self
        largest = int(np.diff(done).max(initial=1)) if done.size > 1 else int(done[0])
        begin = 0 if done[0] <= LATE * largest else done[0] - largest
        before = np.concatenate([[begin], done[:-1]])
        logged = None if self.logged is None else (self.logged[0] - 1, self.logged[1])
        return replace(self, steps=(before + done - 1) // 2, logged=logged)


def schedule_of_text(text: str) -> Schedule | None:
    """The schedule of a run whose text was kept; None if the text names a function of the user."""
    try:
        return parse_rate(text)
    except StepsizeError:
        return None


_ALIKE = {"step": ("step", "update"), "lr": ("lr", "rate"), "loss": ("loss",)}


def missing(source: str, kind: str, word: str, name: str, known: Sequence[str]) -> DataError:
    """The error for a column (or metric, or scalar) that a log does not have; `word` is "step", "lr" or "loss"."""
    alike = [each for each in known if any(part in each.lower() for part in _ALIKE[word])]
    settings: dict[str, Any] = {word: next(iter(alike or get_close_matches(name, known, 1)), ...)}
    advice = f"name it with {{{word}}}"
    if word == "lr":
        settings["schedule"] = ...
        advice += ", or give the run's schedule with {schedule}"
    return DataError(f"{source} has no {kind} {quoted(name)}; it has {quoted_list(known)}", advice, **settings)


def quoted_list(names: Sequence[str]) -> str:
    """The names in quotes, the first twelve of many."""
    return first_few([*map(quoted, names)], 12) or "none"


def curves_of(logs: Sequence[Log], options: ReadOptions, unread: Sequence[StepsizeError] = ()) -> tuple[LossCurve, ...]:
    """The loss curves of logs, with the rate of every update; `unread` are the errors of logs that cannot be read."""
    errors, curves = [*unread], list[LossCurve]()
    names = [log.name for log in logs]
    for name in options.schedule if isinstance(options.schedule, Mapping) and not unread else ():
        if name not in names:
            advice = nearest(name, names) or f"the runs are {quoted_list(names)}"
            errors.append(ArgumentError(options.reader, "schedule", "given for runs of the logs", name, advice))
    for log in logs:
        with gathered(errors):
            curves.append(_curve_of(log, options))
    raise_together(errors)
    found = {jump for log in logs if log.logged for jump, _ in _jumps(log.logged, options)}
    for jump in options.jumps:
        if jump not in found:
            reason = "the rows on both sides have about the same rate, or one side has no rows"
            raise DataError(f"the rate does not jump at step {jump} in any log: {reason}", _largest_change(logs))
    return tuple(curves)


def _curve_of(log: Log, options: ReadOptions) -> LossCurve:
    if not log.steps.size:
        raise DataError(f"{log.source} has no rows with a loss")
    last = int(log.steps[-1])
    if last > MOST_UPDATES:
        raise DataError(
            f"{log.source} has a row at step {last}, which is more updates than a run makes",
            "if it counts tokens or samples, name the column of the updates with {step}",
            step=...,
        )
    schedule = options.schedule_of(log)
    if schedule is not None:
        rates = schedule.sample(last + 1)
        if log.logged is not None:
            _check_agreement(log.source, *log.logged, schedule, rates)
    elif log.logged is None or not log.logged[0].size:
        raise log.no_rates or DataError(
            f"{log.source} has no learning rates", "give the run's schedule with {schedule}", schedule=...
        )
    else:
        rates = _interpolated(log.source, *log.logged, last, options)
    return LossCurve(log.name, log.steps, log.losses, rates)


def _interpolated(source: str, steps: NDArray[np.int64], logged: Floats, last: int, options: ReadOptions) -> Floats:
    """The rate of every update: straight lines between the rows, except at jumps."""
    jumps = _jumps((steps, logged), options)
    for (jump, after), (other, same) in pairwise(jumps):
        if after == same:
            raise DataError(
                f"{source} has no row between the jumps at {jump} and {other}, so the rate between them is unknown",
                "read the runs separately with their own jumps, or give the run's schedule with {schedule}",
                schedule=...,
            )
    begin = _beginning(source, steps, logged, options.warmup_steps)
    x = [*(step for step, _ in begin), *steps.tolist()]
    y = [*(rate for _, rate in begin), *logged.tolist()]
    for jump, after in jumps:
        x += [jump - 1, jump]
        y += [float(logged[after - 1]), float(logged[after])]
    # A row at the step of a jump is there twice, with the same value.
    places, which = np.unique(x, return_index=True)
    return np.asarray(np.interp(np.arange(last + 1), places, np.array(y)[which]))


def _beginning(source: str, steps: NDArray[np.int64], logged: Floats, warmup: int | None) -> list[tuple[int, float]]:
    """Points before the first row: the rate is a straight line between them, and constant before the first."""
    first, rate = int(steps[0]), float(logged[0])
    if first <= 1:
        return []
    if steps.size > 1:
        slope = (float(logged[1]) - rate) / int(steps[1] - steps[0])
        origin = rate - slope * first
        # The first rows are part of the warmup. Logs round, and differ in how they count steps.
        if slope > 0 and abs(origin) <= 2 * slope + AGREEMENT * rate:
            return [(0, max(origin, 0.0))]
    if warmup is None:
        raise DataError(
            f"{source} begins at step {first} and does not say what the rates were before",
            "give the length of the warmup with {warmup_steps} (0 if there was none), or the run's schedule with "
            "{schedule}",
            warmup_steps=...,
            schedule=...,
        )
    if warmup > first:
        raise DataError(
            f"{source} begins at step {first}, within a warmup of {warmup} steps, but its rates do not rise in a "
            "straight line from 0",
            "give the run's schedule with {schedule}",
            schedule=...,
        )
    return [(0, 0.0), (warmup, rate)] if warmup else []


def _jumps(rows: Rows, options: ReadOptions) -> list[tuple[int, int]]:
    """The jumps of a log, each with the index of the row after it."""
    steps, logged = rows
    changes = np.concatenate([[0.0], _changes(logged), [0.0]])
    rows_after = np.searchsorted(steps, options.jumps).tolist()
    return [(jump, after) for jump, after in zip(options.jumps, rows_after, strict=True) if changes[after] > JUMP]


def _changes(logged: Floats) -> Floats:
    """The relative changes of the rate from row to row."""
    higher = np.maximum(logged[1:], logged[:-1])
    return np.abs(np.diff(logged)) / np.where(higher > 0, higher, 1.0)


def _largest_change(logs: Sequence[Log]) -> str:
    """Where the rate changes most, as advice."""
    places = [
        (float(change), log.name, *log.logged[0][at : at + 2].tolist())
        for log in logs
        if log.logged is not None
        for at, change in enumerate(_changes(log.logged[1]))
    ]
    change, name, before, after = max(places, default=(0.0, "", 0, 0))
    return f"it changes most between steps {before} and {after} of run {quoted(name)}" if change > JUMP else ""


def _check_agreement(source: str, steps: NDArray[np.int64], logged: Floats, schedule: Schedule, rates: Floats) -> None:
    """Refuse a logged rate that the schedule does not have within one step: logs differ in how they count steps."""
    inside = steps < len(rates)
    steps, logged = steps[inside], logged[inside]
    near = np.stack([rates[np.clip(steps + shift, 0, len(rates) - 1)] for shift in (-1, 0, 1)])
    low, high = near.min(axis=0), near.max(axis=0)
    room = AGREEMENT * high + 1e-3 * float(rates.max())
    wrong = np.flatnonzero((logged < low - room) | (logged > high + room))
    if wrong.size:
        step = int(steps[wrong[0]])
        raise DataError(
            f"{source}: log and schedule disagree at {wrong.size} of {len(steps)} rows: at step {step} the logged rate "
            f"is {logged[wrong[0]]:g}, and {shown(schedule)} has {rates[step]:g}",
            "leave out the schedule to use the logged rates, or give the schedule of the run",
        )
