"""The rate of every update of a run, from its schedule or from the rates that it logged at some of them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from stepsize.curves.log import Log, Rows
from stepsize.curves.loss_curve import Floats
from stepsize.curves.read_options import ReadOptions
from stepsize.errors import DataError, StepsizeError, quoted, raise_together, shown
from stepsize.schedules import Schedule

AGREEMENT = 0.01  # logged rates are rounded, and may differ from the schedule by this fraction
JUMP = 0.05  # a rate that changes by a smaller fraction of itself between two rows has not jumped
SMALL = 0.01  # nor has one that changes by a smaller fraction of the peak
STEADY = 0.2  # a change does not count as a jump if the rate beside it changes at this fraction of its speed
SHORT = 1e-3  # of the run: what the rate does in so short a time does not matter
NEAR = 2  # intervals between rows, over which the slope of the first two rows leads back
MOST_QUESTIONS = 4  # about the jumps of one run
_INSTEAD = "the run's schedule with {schedule}, or the run that it goes on from with {after}"


def rates_of(log: Log, last: int, options: ReadOptions, trunk: Floats | None) -> tuple[Floats, list[str]]:
    """The rate of the updates 0 to `last`, and notes; `trunk` has the rates before the run branches from another."""
    schedule = options.schedule_of(log.name, log.schedule)
    if schedule is not None:
        rates = schedule.sample(last + 1)
        _check_agreement(log, schedule, rates)
        return rates, []
    if not log.rates.size:
        reason, advice = f"{log.source} has no learning rates", "give the run's schedule with {schedule}"
        raise log.no_rates or DataError(reason, advice, schedule=...)
    if options.lr is None and (unit := _rounded_to(log.rates.values)):
        advice = "give the run's schedule with {schedule}, or name their column with {lr} to take them as they are"
        raise DataError(f"{log.source} has rates that seem to be rounded to {unit:g}", advice, schedule=..., lr=...)
    rows = _held(log.rates, log.held)
    if trunk is None:
        points = _beginning(log.source, rows, options.warmup_steps, last)
    else:
        own = rows.from_step(trunk.size)
        rows = Rows(np.concatenate([np.arange(trunk.size), own.steps]), np.concatenate([trunk, own.values]))
        points = []
    more, notes = _at_changes(log.source, rows, last, options, branch=0 if trunk is None else trunk.size)
    points += more
    x = [*(step for step, _ in points), *rows.steps.tolist()]
    y = [*(rate for _, rate in points), *rows.values.tolist()]
    # A row at the step of a jump is there twice, with the same value.
    places, which = np.unique(x, return_index=True)
    return np.asarray(np.interp(np.arange(last + 1), places, np.array(y)[which])), notes


def _rounded_to(values: Floats) -> float:
    """The power of ten by which rates change, each time after several rows; 0 if there is none, or a small one."""
    changes = np.diff(values)
    rows = np.flatnonzero(changes)
    if rows.size < 3 or np.median(np.diff(rows)) <= 1:
        return 0.0
    sizes = np.abs(changes[rows])
    unit = 10.0 ** int(np.round(np.log10(sizes[0])))
    return unit if unit > 2 * AGREEMENT * values.max() and np.allclose(sizes, unit, rtol=1e-3, atol=0.0) else 0.0


Points = list[tuple[int, float]]
"""Steps with their rates, between which the rate is a straight line."""


def _at_changes(source: str, rows: Rows, last: int, options: ReadOptions, branch: int) -> tuple[Points, list[str]]:
    """Points where the rate changes abruptly, and notes; `branch` is the step at which the run leaves another, or 0."""
    jumps = jumps_in(rows, options.jumps)
    for (jump, after), (other, same) in pairwise(sorted(jumps)):
        if after == same:
            reason = f"{source} has no row between the jumps at {jump} and {other}, so the rate between them is unknown"
            raise DataError(reason, "give the run's schedule with {schedule}", schedule=...)
    points, notes, questions = Points(), list[str](), list[StepsizeError]()
    for row in _abrupt(rows):
        (before, after), (old, new) = rows.steps[row : row + 2].tolist(), rows.values[row : row + 2].tolist()
        change = f"the rate changes from {old:g} at step {before:,} to {new:g} at step {after:,}"
        is_warmup = before <= 1 and new > old
        if row + 1 in {place for _, place in jumps}:
            continue
        if before < branch <= after:
            jumps.append((branch, row + 1))
        elif is_warmup and options.warmup_steps is not None and options.warmup_steps <= after:
            points.append((options.warmup_steps, new))
        elif after - before <= SHORT * last:
            jumps.append((after, row + 1))
            notes.append(f"{change}: it jumps there")
        else:
            questions.append(_question(f"{source}: {change}", before, after, is_warmup))
    raise_together(questions[:MOST_QUESTIONS])
    for jump, row in jumps:
        points += [(jump - 1, float(rows.values[row - 1])), (jump, float(rows.values[row]))]
    return points, notes


def _question(change: str, before: int, after: int, is_warmup: bool) -> StepsizeError:
    if is_warmup:
        advice = "give the length of the warmup with {warmup_steps}, or the run's schedule with {schedule}"
        return DataError(change, advice, warmup_steps=..., schedule=...)
    power = 10 ** len(str(after))
    while after // power * power <= before:
        power //= 10
    advice = "if it jumps, give the first step of the new rate, such as {jumps}; else give the schedule with {schedule}"
    return DataError(change, advice, jumps=(after // power * power,), schedule=...)


def jumps_in(rows: Rows, jumps: Sequence[int]) -> list[tuple[int, int]]:
    """Those of the given jumps that a log has, each with the index of the row after it."""
    changes = np.concatenate([[0.0], _changes(rows.values), [0.0]])
    after = np.searchsorted(rows.steps, jumps).tolist()
    return [(jump, row) for jump, row in zip(jumps, after, strict=True) if changes[row] > JUMP]


def largest_change(logs: Sequence[Log]) -> str:
    """Where the rate changes most, as advice."""
    places = [
        (float(change), log.name, *log.rates.steps[at : at + 2].tolist())
        for log in logs
        for at, change in enumerate(_changes(log.rates.values))
    ]
    change, name, before, after = max(places, default=(0.0, "", 0, 0))
    return f"it changes most between steps {before} and {after} of run {quoted(name)}" if change > JUMP else ""


def _changes(values: Floats) -> Floats:
    """The relative changes from row to row."""
    higher = np.maximum(values[1:], values[:-1])
    return np.abs(np.diff(values)) / np.where(higher > 0, higher, 1.0)


def _abrupt(rows: Rows) -> list[int]:
    """The rows after which the rate changes far more than beside them, in a way that no line or power explains."""
    gaps, signs = np.diff(rows.steps), np.sign(np.diff(rows.values))
    peak = float(rows.values.max(initial=0.0))
    abrupt = (gaps > 1) & (_changes(rows.values) > JUMP) & (np.abs(np.diff(rows.values)) > SMALL * peak)
    with np.errstate(divide="ignore", invalid="ignore"):
        for values in (rows.values, np.log(rows.values)):
            speeds = np.diff(values) / gaps
            beside = np.concatenate([[0.0], speeds, [0.0]])
            fastest = np.maximum(signs * beside[:-2], signs * beside[2:])
            abrupt &= ~(fastest >= STEADY * np.abs(speeds))
    if _rises_from_zero(rows):
        abrupt[0] = False
    return np.flatnonzero(abrupt).tolist()


def _rises_from_zero(rows: Rows) -> bool:
    """Whether the first two rows lie on a straight line from 0, as parts of a warmup do, up to rounding and a step."""
    if rows.size < 2 or rows.steps[0] <= 1:
        return False
    rate = float(rows.values[0])
    slope = (float(rows.values[1]) - rate) / int(rows.steps[1] - rows.steps[0])
    return slope > 0 and abs(rate - slope * int(rows.steps[0])) <= 2 * slope + AGREEMENT * rate


def _held(rows: Rows, steps: int) -> Rows:
    """Rates that are logged at the end of each epoch, held through it."""
    if not steps:
        return rows
    begin = np.maximum(rows.steps - steps + 1, 0)
    places, which = np.unique(np.concatenate([begin, rows.steps]), return_index=True)
    return Rows(places, np.tile(rows.values, 2)[which])


def _beginning(source: str, rows: Rows, warmup: int | None, last: int) -> Points:
    """Points before the first row."""
    first, rate = int(rows.steps[0]), float(rows.values[0])
    if first <= 1 or (warmup is None and first <= SHORT * last and not _rises_from_zero(rows)):
        return []
    interval = int(rows.steps[1]) - first if rows.size > 1 else 1
    slope = (float(rows.values[1]) - rate) / interval if rows.size > 1 else 0.0
    if _rises_from_zero(rows):
        return [(0, max(rate - slope * first, 0.0))]
    if warmup is None:
        reason = f"{source} begins at step {first} and does not say what the rates were before"
        advice = f"give the length of the warmup with {{warmup_steps}} (0 if there was none), or {_INSTEAD}"
        raise DataError(reason, advice, warmup_steps=..., schedule=..., after=...)
    change = 0.0 if 0 in _abrupt(rows) else slope * (first - warmup)
    unknown = ""
    if warmup > first + 1:  # logs differ by one in how they count steps
        unknown = f"within a warmup of {warmup} steps, but its rates do not rise in a straight line from 0"
    elif change < -AGREEMENT * rate and first - warmup <= NEAR * interval:
        rate -= change  # it fell as it falls between the first two rows
    elif abs(change) > JUMP * rate:
        way = "rise" if change > 0 else "fall"
        unknown = f"after a warmup of {warmup} steps, but its rates {way} from the first row on"
    if unknown:
        raise DataError(f"{source} begins at step {first}, {unknown}", f"give {_INSTEAD}", schedule=..., after=...)
    return [(0, 0.0), (warmup, rate)] if warmup else [(0, rate)]


def _check_agreement(log: Log, schedule: Schedule, rates: Floats) -> None:
    """Refuse a logged rate that the schedule does not have within one step: logs differ in how they count steps."""
    inside = log.rates.steps < len(rates)
    steps, logged = log.rates.steps[inside], log.rates.values[inside]
    near = np.stack([rates[np.clip(steps + shift, 0, len(rates) - 1)] for shift in (-1, 0, 1)])
    low, high = near.min(axis=0), near.max(axis=0)
    room = AGREEMENT * high + 1e-3 * float(rates.max()) + _rounded_to(log.rates.values) / 2
    wrong = np.flatnonzero((logged < low - room) | (logged > high + room))
    if wrong.size:
        step = int(steps[wrong[0]])
        which = f"{log.source}: log and schedule disagree at {wrong.size} of {len(steps)} rows"
        what = f"at step {step} the logged rate is {logged[wrong[0]]:g}, and {shown(schedule)} has {rates[step]:g}"
        advice = "leave out the schedule to use the logged rates, or give the schedule of the run"
        raise DataError(f"{which}: {what}", advice)
