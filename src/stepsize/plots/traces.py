"""What a picture of runs shows: columns of a run over steps."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import StepsizeError
from stepsize.plots.curves import FAR
from stepsize.schedules import parse
from stepsize.schedules.curve import curve
from stepsize.store.run import Logged

Floats = NDArray[np.float64]


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
