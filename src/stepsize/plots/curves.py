"""Curves: of schedules, of runs, and the band of several seeds; the colours and line styles that tell them apart."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Instance, Length, Many
from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import DEFAULT, Suggestions
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.schedules import Schedule
from stepsize.schedules.curve import curve, drawn_places, shown_steps
from stepsize.schedules.plan_text import parse_rate
from stepsize.store.run import Logged

Floats = NDArray[np.float64]
Schedules = Sequence[Schedule] | Mapping[str, Schedule]
LARGEST_DRAWN = 1e300  # beyond it, distances on a linear axis overflow
MOST_STEPS = 2**16  # at which traces with few common steps are compared
BINS = 60  # stretches of a band, of which each keeps its extremes
# Okabe and Ito's, without yellow and black, which vanish on light and on dark paper, plus grey.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
# Their number shares no divisor with that of the colours, so that 42 curves differ.
_LINES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.5)),
    (0, (7, 1.5, 1.5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (9, 1.5, 1, 1.5, 1, 1.5)),
    (0, (2.5, 1)),
)


def colour(index: int) -> str:
    """The colour of the curve of this index."""
    return COLOURS[index % len(COLOURS)]


def line_style(index: int) -> dict[str, Any]:
    """The colour and line style of the curve of this index, as keywords of `Axes.plot`."""
    return {"color": colour(index), "linestyle": _LINES[index % len(_LINES)], "linewidth": 1.8}


@dataclass(frozen=True)
class Curve:
    """Values over steps, with a label."""

    label: str
    x: Floats
    y: Floats


def printable(label: str) -> str:
    """A label with single blanks in place of line ends and characters that cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in label).split())


def curves_of(owner: str, schedules: Schedules, steps: int | None, labels: Sequence[str] | None = None) -> list[Curve]:
    """A curve for every schedule: over `steps` if given, else to its end, or as far as the longest of the others.

    The label is the one given, the mapping's key, or the schedule's text. Errors name arguments of `owner`.
    """
    if not isinstance(schedules, Iterable):
        advice = "write [schedule]" if isinstance(schedules, Schedule) else _advice_for(schedules)
        raise ArgumentError(owner, "schedules", "a sequence or a mapping of schedules", schedules, advice)
    values = Many(_schedule)(owner, "schedules", schedules.values() if isinstance(schedules, Mapping) else schedules)
    if labels is None:
        labels = list(schedules) if isinstance(schedules, Mapping) else [str(schedule) for schedule in values]
    elif isinstance(labels, str) or len(labels) != len(values):
        raise ArgumentError(owner, "labels", f"a sequence of {len(values)} texts, one for each schedule", labels)
    lengths = [shown_steps(values) if schedule.steps == np.inf else int(schedule.steps) for schedule in values]
    if steps is not None:
        lengths = [int(Length(1)(owner, "steps", steps))] * len(values)
    return [
        Curve(str(label), *curve(schedule, length))
        for label, schedule, length in zip(labels, values, lengths, strict=True)
    ]


def _schedule(owner: str, name: str, value: Any) -> Schedule:
    return Instance(Schedule, "a schedule", _advice_for(value))(owner, name, value)  # type: ignore[no-any-return]


def _advice_for(value: object) -> str:
    """What to write in place of something that is not a schedule."""
    if hasattr(value, "schedules"):
        return "a scheduler has scheduler.schedules"
    if hasattr(value, "get_last_lr"):
        return "write from_torch(scheduler), of stepsize.pytorch"
    return "write Function(f)" if callable(value) else "parse() makes one from a text"


@dataclass(frozen=True)
class Trace:
    """Values over rising steps."""

    x: Floats
    y: Floats


def rate_trace(run: Logged) -> Trace:
    """The rate up to the run's last update: from its schedule if that is a text, else as logged."""
    used_at = run.column("step") - 1  # a point is logged after an update, with the rate of that update
    text, _, feedback = run.schedule.partition(" with ")
    if used_at.size:
        with suppress(StepsizeError):  # a user's function, or a text of another program
            schedule = parse_rate(text)
            x, y = curve(schedule, max(int(used_at[-1]), 0))
            if feedback:
                x, y = _multiplied(schedule, x, used_at, run.column("lr"))
            return Trace(x, np.clip(y, -LARGEST_DRAWN, LARGEST_DRAWN))
    return _finite(used_at, run.column("lr"))


def runs_by_rates(runs: Sequence[Logged]) -> Sequence[Logged]:
    """Of runs of one name, those whose rates are drawn: the longest, or all if feedback changes them."""
    if " with " in runs[0].schedule:
        return runs
    return [max(runs, key=lambda run: run.column("step").max(initial=0))]


def _multiplied(schedule: Schedule, x: Floats, used_at: Floats, rates: Floats) -> tuple[Floats, Floats]:
    """The schedule at `x` times the feedback's multiplier, and on both sides of each change of it.

    The multiplier is that of the next logged point: it changes at the end of an epoch, which has a point.
    """
    planned = schedule(used_at)
    multipliers = np.divide(rates, planned, out=np.ones_like(rates), where=planned > 0)
    changes = used_at[:-1][~np.isclose(multipliers[1:], multipliers[:-1], rtol=1e-6)] + 1
    x = np.unique(np.concatenate([x, np.nextafter(changes, 0.0), changes]))
    return x, schedule(x) * multipliers[np.searchsorted(used_at, np.floor(x))]


def rate_ends(runs: Sequence[Logged]) -> list[float]:
    """The end values of the schedules that have a text and an end; the last update is one step before the end."""
    ends = []
    for text in {run.schedule.partition(" with ")[0] for run in runs}:
        with suppress(StepsizeError):
            schedule = parse_rate(text)
            if schedule.steps != np.inf:
                ends.append(schedule(schedule.steps))
    return ends


def loss_trace(run: Logged) -> Trace:
    """The finite train losses."""
    return _finite(run.column("step"), run.column("train_loss"))


def metric_trace(run: Logged, name: str) -> Trace:
    """The finite values of a metric: a column of the points or the epochs, or one of another name."""
    if name == "train_loss":
        return loss_trace(run)
    of_epochs = name in ("train_accuracy", "test_loss", "test_accuracy")
    return _finite(run.epoch_column("step"), run.epoch_column(name)) if of_epochs else _finite(*run.metric(name))


def _finite(x: Floats, y: Floats) -> Trace:
    finite = np.isfinite(y)
    return Trace(x, y) if finite.all() else Trace(x[finite], y[finite])


def highest_loss_in_view(runs: Sequence[Logged]) -> float:
    """The top of a picture of losses: the highest of all runs; of a run that diverged, only the first loss counts."""
    losses = [loss_trace(run).y[: 1 if run.status == "diverged" else None] for run in runs]
    highest = max((float(values.max()) for values in losses if values.size), default=1.0)
    return highest + 0.05 * abs(highest) or 1.0


def below(top: float, trace: Trace) -> Trace:
    """The trace with values above the view moved to its edge."""
    return Trace(trace.x, np.minimum(trace.y, top))


@dataclass(frozen=True)
class Band:
    """Mean, lowest and highest of `count` traces, each of shape `(steps,)`."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: int


def band(traces: Sequence[Trace]) -> Band | None:
    """The band of traces, each between its own first and last step; None if all are empty.

    Traces are added one after another, so that ten thousand need no more memory than one. The band is computed at the
    steps of all traces, but at most at 65,536 of them. If there are more than 360, each of 60 stretches keeps its
    ends, the extremes of the mean, of the lowest and of the highest, and both sides of the mean's largest jump.

    Example:
        >>> import numpy as np
        >>> from stepsize.plots.curves import Trace, band
        >>> steps = np.array([0.0, 10.0])
        >>> band([Trace(steps, np.array([1.0, 3.0])), Trace(steps, np.array([2.0, 4.0]))]).mean
        array([1.5, 3.5])
    """
    held = [trace for trace in traces if trace.x.size]
    if not held:
        return None
    distinct = {trace.x.tobytes(): trace.x for trace in held}  # the traces of most runs have the same steps
    x = np.unique(np.concatenate(list(distinct.values())))
    if x.size > MOST_STEPS:
        x = x[np.linspace(0, x.size - 1, MOST_STEPS).round().astype(int)]
    total, seen = np.zeros(x.size), np.zeros(x.size)
    low, high = np.full(x.size, np.nan), np.full(x.size, np.nan)
    for trace in held:
        bounded = np.clip(trace.y, -LARGEST_DRAWN, LARGEST_DRAWN)  # for finite sums
        y = np.interp(x, trace.x, bounded, left=np.nan, right=np.nan)
        there = ~np.isnan(y)
        total[there] += y[there]
        seen += there
        np.fmin(low, y, out=low)
        np.fmax(high, y, out=high)
    there = seen > 0
    columns = [total[there] / seen[there], low[there], high[there]]
    kept = drawn_places(columns, BINS)
    mean, lowest, highest = (column[kept] for column in columns)
    return Band(x[there][kept], mean, lowest, highest, len(held))


def losses_in_view(test: RangeTest) -> tuple[float, float]:
    """The lowest and the highest loss of a range test that is shown: without losses that shot up."""
    losses = test.losses
    if not losses.size:
        return 0.0, 1.0
    used = losses[: max(len(test.smoothed), 1)]
    first, low = float(np.median(used[:3])), float(used.min())
    high = min(float(used.max()), first + 0.6 * (first - low))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def rule_labels(found: Suggestions | None) -> list[tuple[float, str]]:
    """Each suggested rate with its label; one of them is marked as the suggestion."""
    rates = {} if found is None else found.by_rule
    return [(rate, f"{rule}: {rate:.2g}{' (suggested)' if rule == DEFAULT else ''}") for rule, rate in rates.items()]
