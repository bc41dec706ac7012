"""What a picture of runs shows: one column of a run over steps, and the spread over several seeds."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import StepsizeError
from stepsize.plots.curves import FAR
from stepsize.records.run import Logged
from stepsize.schedules import parse
from stepsize.schedules.curve import curve

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Values over steps."""

    x: Floats
    y: Floats


@dataclass(frozen=True)
class Spread:
    """Mean, lowest and highest of several traces at the steps of any of them."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


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


def spread(traces: Sequence[Trace]) -> Spread | None:
    """The spread over traces, each between its own first and last step; None where all are empty."""
    held = [trace for trace in traces if trace.x.size]
    if not held:
        return None
    x = np.unique(np.concatenate([trace.x for trace in held]))
    values = np.stack([np.interp(x, trace.x, trace.y, left=np.nan, right=np.nan) for trace in held])
    return Spread(x, np.nanmean(values, axis=0), np.nanmin(values, axis=0), np.nanmax(values, axis=0))


def highest_loss_in_view(runs: Sequence[Logged]) -> float:
    """The top of a picture of losses: that of the runs that held, and of where each began."""
    losses = [loss_trace(run).y[: 1 if run.status == "diverged" else None] for run in runs]
    return 1.05 * max((float(values.max()) for values in losses if values.size), default=1.0) or 1.0


def _finite(x: Floats, y: Floats) -> Trace:
    finite = np.isfinite(y)
    return Trace(x[finite], y[finite])
