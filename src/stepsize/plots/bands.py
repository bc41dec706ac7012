"""Many traces as one: their mean in a band from the lowest to the highest, with few enough points for a page."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.plots.curves import FAR
from stepsize.plots.traces import Floats, Trace

FINEST = 2**16
"""The most steps at which traces that share few steps are compared."""
BINS = 60


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
        >>> from stepsize.plots.bands import band
        >>> from stepsize.plots.traces import Trace
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
