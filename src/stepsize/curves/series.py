"""Metrics that a tracker keeps apart, each with steps of its own, as the rows of one table."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stepsize.curves.conventions import KEPT, convention_of
from stepsize.curves.table import Table

Series = Sequence[tuple[float, float]]
"""Steps and values in the order of the log."""


def table_of(place: Path, name: str, series: dict[str, Series], axis: str = "step", notes: Sequence[str] = ()) -> Table:
    """The table with a row for each step, in rising order; the last value of a step counts.

    The column of the steps is called `axis`. An empty cell is NaN, so a NaN that was logged becomes infinite.
    """
    metrics = {
        name: {step: math.inf if math.isnan(value) else value for step, value in points}
        for name, points in series.items()
        if name != axis
    }
    steps = sorted(set().union(*metrics.values()))
    columns = {axis: np.array(steps, dtype=np.float64)}
    for metric, values in metrics.items():
        columns[metric] = np.array([values.get(step, math.nan) for step in steps])
    kind = convention_of([columns], KEPT)
    return Table(str(place), name, columns, kind.steps_done, kind.means, step=axis, notes=tuple(notes))


def last_attempt(attempts: Sequence[Series]) -> tuple[Series, int]:
    """The points of a metric after a run was resumed, and how many earlier points were left out.

    An attempt replaces what those before it logged from its first step on.
    """
    kept = list[tuple[float, float]]()
    left_out = 0
    for points in attempts:
        if points:
            begin = min(step for step, _ in points)
            before = [point for point in kept if point[0] < begin]
            left_out += len(kept) - len(before)
            kept = [*before, *points]
    return kept, left_out
