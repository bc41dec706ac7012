"""What was logged of a run, and the loss curve that it makes with the rate of every update."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Length, nearest
from stepsize.curves.loss_curve import MOST_UPDATES, Floats, LossCurve
from stepsize.errors import ArgumentError, DataError, ParseError, quoted, shown
from stepsize.schedules import Schedule, parse

AGREEMENT = 0.01
"""A logged rate may differ by this part from its schedule's: logs round."""
JUMP = 0.05
"""A rate that changes by a smaller part of itself between two rows has not jumped."""
LATE = 4
"""A log of means lacks its beginning if its first step is later than this many times the largest step between rows."""

Rows = tuple[NDArray[np.int64], Floats]
"""Steps, and what was logged there."""
Schedules = Schedule | Mapping[str, Schedule] | None
"""Of every run, or by the runs' names."""


@dataclass(frozen=True)
class Log:
    """The rows of one run as they were read: losses at some steps, rates at some, and where they come from."""

    source: str
    name: str
    steps: NDArray[np.int64]
    losses: Floats
    logged: Rows | None = None
    """Of the rate; None where the log has none."""
    no_rates: str = "has no learning rate; read a log that has it"
    """What to say where they are needed."""
    schedule: Schedule | None = None
    """Where the log has that of the run."""

    def of_means(self) -> "Log":
        """The log of a run whose rows were written when `steps` updates were done, with means since the row before.

        A mean stands at the middle of its updates; the rate is that of the last of them.

        Raises:
            DataError: a row stands before the first update.
        """
        done = self.steps
        for each in (done, *(self.logged or ())[:1]):
            if each.size and not each[0]:
                raise DataError(
                    f"{self.source} has a row at step 0, when no update was done: its losses are no means since the "
                    "row before; read it with means=False"
                )
        if not done.size:
            return self
        largest = int(np.diff(done).max(initial=1)) if done.size > 1 else int(done[0])
        begin = 0 if done[0] <= LATE * largest else done[0] - largest
        before = np.concatenate([[begin], done[:-1]])
        logged = None if self.logged is None else (self.logged[0] - 1, self.logged[1])
        return replace(self, steps=(before + done - 1) // 2, logged=logged)


def schedule_of(text: str) -> Schedule | None:
    """The schedule of a run whose text was kept; None for a function of the user's own."""
    try:
        return parse(text)
    except ParseError:
        return None


_ALIKE = {"step": ("step", "update"), "lr": ("lr", "rate"), "loss": ("loss",)}


def lacking(kind: str, name: str, known: Sequence[str], word: str) -> str:
    """`has no column "loss"; it has "step", "lr", "ce"; name it with loss="..."`: what stands for `word` is missing."""
    alike = [each for each in known if any(part in each.lower() for part in _ALIKE[word])]
    (best,) = alike[:1] or get_close_matches(name, known, 1) or ["..."]
    return f'has no {kind} {quoted(name)}; it has {listed(known)}; name it with {word}="{best}"'


def listed(names: Sequence[str]) -> str:
    """The names in quotes, the first twelve of many."""
    few = ", ".join(map(quoted, names[:12])) or "none"
    return f"{few} and {len(names) - 12} more" if len(names) > 12 else few


@dataclass(frozen=True)
class Filling:
    """What is known of the rates beside the logs.

    Args:
        schedules: the schedule of the runs, or of those with these names; logged rates are then only compared with it.
        warmup_steps: before its first row the rate rose in a straight line from 0, over so many steps, and was then
            held; 0: it was held from the start. Needed where a log does not say.
        jumps: the steps from which on the rate was suddenly another; between any other rows it went straight. In a
            log where the rows on both sides have about the same rate there was no jump.
    """

    schedules: Schedules = None
    warmup_steps: int | None = None
    jumps: Sequence[int] = ()

    def __post_init__(self) -> None:
        given = self.schedules.values() if isinstance(self.schedules, Mapping) else [self.schedules]
        for schedule in given:
            if not isinstance(schedule, Schedule | None):
                raise ArgumentError("read_curves", "schedule", "a schedule", schedule, "parse() makes one of a text")
        if self.warmup_steps is not None:
            object.__setattr__(self, "warmup_steps", Length(0)("read_curves", "warmup_steps", self.warmup_steps))
        if not isinstance(self.jumps, Iterable):
            raise ArgumentError(
                "read_curves", "jumps", "a sequence of steps", self.jumps, f"write [{shown(self.jumps)}]"
            )
        jumps = tuple(sorted({int(Length(1)("read_curves", "jumps", step)) for step in self.jumps}))
        object.__setattr__(self, "jumps", jumps)

    def schedule(self, log: Log) -> Schedule | None:
        """That of the log's run, if it is known: by its name, from the log itself, or as that of every run."""
        if isinstance(self.schedules, Mapping):
            return self.schedules.get(log.name, log.schedule)
        return log.schedule or self.schedules


def curves_of(logs: Sequence[Log], filling: Filling) -> tuple[LossCurve, ...]:
    """The loss curves of what was read.

    Raises:
        DataError: a log has no rates and no schedule was given, the two disagree, or the first rates are not known;
            a jump fits none of the logs.
        ArgumentError: a schedule is of a run that is not there.
    """
    names = [log.name for log in logs]
    for name in filling.schedules if isinstance(filling.schedules, Mapping) else ():
        if name not in names:
            advice = nearest(name, names) or f"there are {listed(names)}"
            raise ArgumentError(f"a schedule is given for run {quoted(name)}, and there is none of that name; {advice}")
    curves = tuple(_curve_of(log, filling) for log in logs)
    fitting = {jump for log in logs if log.logged for jump, _ in _jumps(log.logged, filling)}
    for jump in filling.jumps:
        if jump not in fitting:
            raise DataError(
                f"in no log does the rate jump at step {jump}: it is about the same in the rows on both sides, or "
                f"there are none{_largest_change(logs)}"
            )
    return curves


def _curve_of(log: Log, filling: Filling) -> LossCurve:
    if not log.steps.size:
        raise DataError(f"{log.source} has no rows with a loss; is the run's log empty?")
    last = int(log.steps[-1])
    if last > MOST_UPDATES:
        raise DataError(
            f"{log.source} has a row at step {last}, which is more updates than a run makes; if these are tokens or "
            'samples, name the column of the updates with step="..."'
        )
    schedule = filling.schedule(log)
    if schedule is not None:
        rates = schedule.sample(last + 1)
        if log.logged is not None:
            _must_agree(log.source, *log.logged, schedule, rates)
    elif log.logged is None or not log.logged[0].size:
        raise DataError(f"{log.source} {log.no_rates}, or give the run's schedule (schedule=...)")
    else:
        rates = _between(log.source, *log.logged, last, filling)
    return LossCurve(log.name, log.steps, log.losses, rates)


def _between(source: str, steps: NDArray[np.int64], logged: Floats, last: int, filling: Filling) -> Floats:
    found = _jumps((steps, logged), filling)
    for (jump, after), (other, same) in pairwise(found):
        if after == same:
            raise DataError(
                f"{source} has no row between the jumps at {jump} and {other}, so that the rate between them is not "
                "known; name the jumps of each run apart, or give its schedule"
            )
    begin = _beginning(source, steps, logged, filling.warmup_steps)
    x = [*(place for place, _ in begin), *steps.tolist()]
    y = [*(rate for _, rate in begin), *logged.tolist()]
    for jump, after in found:
        x += [jump - 1, jump]
        y += [float(logged[after - 1]), float(logged[after])]
    # A row that stands where a jump does is there twice, with the same value.
    places, which = np.unique(x, return_index=True)
    return np.asarray(np.interp(np.arange(last + 1), places, np.array(y)[which]))


def _beginning(source: str, steps: NDArray[np.int64], logged: Floats, warmup: int | None) -> list[tuple[int, float]]:
    """The steps and rates before the first row that make the rates whole, straight between them and held before."""
    first, rate = int(steps[0]), float(logged[0])
    if first <= 1:
        return []
    if steps.size > 1:
        slope = (float(logged[1]) - rate) / int(steps[1] - steps[0])
        origin = rate - slope * first
        # The first rows are of a warmup themselves: logs differ in what they call a step, and round.
        if slope > 0 and abs(origin) <= 2 * slope + AGREEMENT * rate:
            return [(0, max(origin, 0.0))]
    if warmup is None:
        raise DataError(
            f"{source} begins at step {first} and does not say what the rates were before; give the length of the "
            "warmup (warmup_steps=..., 0 if there was none) or the run's schedule (schedule=...)"
        )
    if warmup > first:
        raise DataError(
            f"{source} has rates from step {first} on, which is within a warmup of {warmup} steps, and they do not "
            "rise from 0 in a straight line; give the run's schedule (schedule=...)"
        )
    return [(0, 0.0), (warmup, rate)] if warmup else []


def _jumps(rows: Rows, filling: Filling) -> list[tuple[int, int]]:
    """The jumps that a log has, each with the place of the row after it."""
    steps, logged = rows
    found = []
    for jump in filling.jumps:
        after = int(np.searchsorted(steps, jump))
        if 0 < after < steps.size and _changes(logged[after - 1 : after + 1])[0] > JUMP:
            found.append((jump, after))
    return found


def _changes(logged: Floats) -> Floats:
    """Of the rate from row to row, as parts of it."""
    higher = np.maximum(logged[1:], logged[:-1])
    return np.abs(np.diff(logged)) / np.where(higher > 0, higher, 1.0)


def _largest_change(logs: Sequence[Log]) -> str:
    """Where the rate changes most, in words; nothing where it hardly does."""
    places = []
    for log in logs:
        if log.logged is not None and log.logged[0].size > 1:
            changes = _changes(log.logged[1])
            at = int(changes.argmax())
            places.append((float(changes[at]), log.name, *log.logged[0][at : at + 2].tolist()))
    if not places or max(places)[0] <= JUMP:
        return ""
    _, name, before, after = max(places)
    return f"; it changes most between steps {before} and {after} of run {quoted(name)}"


def _must_agree(source: str, steps: NDArray[np.int64], logged: Floats, schedule: Schedule, rates: Floats) -> None:
    """A logged rate must be one of those that the schedule has within a step: logs differ in what they call a step."""
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
            f"is {logged[wrong[0]]:g}, and {shown(schedule)} has {rates[step]:g}; leave the schedule out to go by the "
            "log, or give the one that was run"
        )
