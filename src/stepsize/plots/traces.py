"""Runs as curves: columns over steps, the band of several seeds, and which losses are in view."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import DEFAULT, Suggestions
from stepsize.errors import StepsizeError
from stepsize.plots.curves import FAR, Floats
from stepsize.schedules import parse
from stepsize.schedules.curve import curve
from stepsize.store.run import Logged

FINEST = 2**16
"""The most steps at which traces that share few steps are compared."""
BINS = 60


@dataclass(frozen=True)
class Trace:
    """Values over steps, which rise."""

    x: Floats
    y: Floats


def rate_trace(run: Logged) -> Trace:
    """The rate up to the run's last update: of its schedule where that is a text, else as it was logged."""
    used_at = run.column("step") - 1  # a point is logged after an update, with the rate of that update
    if used_at.size:
        try:
            x, y = curve(parse(run.schedule), max(int(used_at[-1]), 0))
            return Trace(x, np.clip(y, -FAR, FAR))
        except StepsizeError:
            pass  # a function of the user's own, or a text of another program
    return _finite(used_at, run.column("lr"))


def rate_ends(runs: Sequence[Logged]) -> list[float]:
    """The end values of the schedules that have a text and an end: the last update has the rate of one step before."""
    ends = []
    for text in {run.schedule for run in runs}:
        with suppress(StepsizeError):
            schedule = parse(text)
            if schedule.steps != np.inf:
                ends.append(schedule(schedule.steps))
    return ends


def loss_trace(run: Logged) -> Trace:
    """The logged train losses that are finite."""
    return _finite(run.column("step"), run.column("train_loss"))


def accuracy_trace(run: Logged) -> Trace:
    """The test accuracy after every epoch."""
    return _finite(run.epoch_column("step"), run.epoch_column("test_accuracy"))


def test_loss_trace(run: Logged) -> Trace:
    """The test losses after every epoch that are finite."""
    return _finite(run.epoch_column("step"), run.epoch_column("test_loss"))


def highest_loss_in_view(runs: Sequence[Logged], trace: Callable[[Logged], Trace] = loss_trace) -> float:
    """The top of a picture of losses: that of the runs that held, and of where each began."""
    losses = [trace(run).y[: 1 if run.status == "diverged" else None] for run in runs]
    highest = max((float(values.max()) for values in losses if values.size), default=1.0)
    return highest + 0.05 * abs(highest) or 1.0


def highest_rate_in_view(runs: Iterable[Logged]) -> float:
    """The top of a picture of rates: some three times the highest at which a run held; none where none did."""
    held = {run.name: run for run in runs if run.status != "diverged"}.values()  # one of each schedule
    highest = max((float(rates.max()) for run in held if (rates := rate_trace(run).y).size), default=0.0)
    return 3.1 * highest if highest > 0.0 else np.inf  # no round number: what runs along the edge is beyond it


def below(top: float, trace: Trace) -> Trace:
    """A curve that runs along the edge of the view where it would leave it."""
    return Trace(trace.x, np.minimum(trace.y, top))


def _finite(x: Floats, y: Floats) -> Trace:
    finite = np.isfinite(y)
    return Trace(x, y) if finite.all() else Trace(x[finite], y[finite])


@dataclass(frozen=True)
class Band:
    """Mean, lowest and highest of `count` traces at some steps, all of shape `(steps,)`."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: int


def band(traces: Sequence[Trace]) -> Band | None:
    """The band of traces, each between its own first and last step; None where all are empty.

    Traces are taken in one after another, so that ten thousand need no more memory than one. At most 65,536 steps of
    those that any of them has are looked at. Where these are more than 360, each of 60 stretches keeps its start, the
    extremes of the mean, of the lowest and of the highest, and both sides of the mean's largest jump.

    Example:
        >>> import numpy as np
        >>> from stepsize.plots.traces import Trace, band
        >>> steps = np.array([0.0, 10.0])
        >>> band([Trace(steps, np.array([1.0, 3.0])), Trace(steps, np.array([2.0, 4.0]))]).mean
        array([1.5, 3.5])
    """
    held = [trace for trace in traces if trace.x.size]
    if not held:
        return None
    x = _steps([trace.x for trace in held])
    total, seen = np.zeros(x.size), np.zeros(x.size)
    low, high = np.full(x.size, np.nan), np.full(x.size, np.nan)
    for trace in held:
        at = np.interp(x, trace.x, np.clip(trace.y, -FAR, FAR), left=np.nan, right=np.nan)  # so that sums are finite
        there = ~np.isnan(at)
        total[there] += at[there]
        seen += there
        np.fmin(low, at, out=low)
        np.fmax(high, at, out=high)
    between = seen > 0
    kept = Band(x[between], total[between] / seen[between], low[between], high[between], len(held))
    return _thinned(kept)


def _steps(columns: Sequence[Floats]) -> Floats:
    """The steps of any, most often those of all; not more than `FINEST`."""
    distinct = {column.tobytes(): column for column in columns}
    steps = np.unique(np.concatenate(list(distinct.values())))
    if steps.size <= FINEST:
        return steps
    return np.asarray(steps[np.linspace(0, steps.size - 1, FINEST).round().astype(int)])


def _thinned(whole: Band) -> Band:
    if whole.x.size <= 6 * BINS:
        return whole
    bounds = np.linspace(0, whole.x.size, BINS + 1).astype(int).tolist()
    jumps = np.abs(np.diff(whole.mean))
    keep = {whole.x.size - 1}
    for start, end in itertools.pairwise(bounds):
        part = slice(start, end)
        extremes = (
            each(column[part]) for column in (whole.mean, whole.low, whole.high) for each in (np.argmin, np.argmax)
        )
        jump = start + int(jumps[part].argmax())
        keep |= {start, jump, jump + 1, *(start + int(each) for each in extremes)}
    kept = sorted(keep)
    return Band(whole.x[kept], whole.mean[kept], whole.low[kept], whole.high[kept], whole.count)


def losses_in_view(test: RangeTest) -> tuple[float, float]:
    """The lowest and the highest loss that is shown: what shot up is not."""
    losses = test.losses
    if not losses.size:
        return 0.0, 1.0
    used = losses[: max(len(test.smoothed), 1)]
    first, low = float(np.median(used[:3])), float(used.min())
    high = min(float(used.max()), first + 0.6 * (first - low))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def rule_labels(found: Suggestions | None) -> list[tuple[float, str]]:
    """Each suggested rate and what to call it; the one to take first is marked."""
    rates = {} if found is None else found.by_rule
    return [(rate, f"{rule}: {rate:.2g}{' (suggested)' if rule == DEFAULT else ''}") for rule, rate in rates.items()]
