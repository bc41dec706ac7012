"""Differences to a baseline with their intervals: a row for each, and a line at zero."""

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from stepsize.plots.curves import colour, printable
from stepsize.plots.figures import Picture, Place, axes_on

ROW, EDGES = 1.2, 4.2  # times a line of text: the space around a name, and the height of the axis and its label
LINE = 1.2  # times the size of the letters: the height of a line
LETTERS = 20  # of a name on a line
FAR = 4  # times the median: an interval that reaches farther ends in an arrow at the edge


class Interval(Protocol):
    """A mean difference and its interval, whose ends are NaN if there is none."""

    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def plot_differences(intervals: Mapping[str, Interval], ax: Place = None, *, label: str = "difference") -> Axes:
    """Draw a dot for each difference, a bar for its interval, and a line at zero; return the axes.

    The colours are those of the same schedules in `plot_comparison`. A difference that would make all others hard to
    see leaves the view; an arrow at the edge points to it.

    Args:
        intervals: by name, from top to bottom: anything with `mean`, `low` and `high`, such as the `difference` of a
            `Finding`.
        ax: the axes, an empty figure, or None for a new figure of pyplot's.
        label: what the differences are, below the axis.

    Example:
        >>> from stepsize.lab.statistics.differences import paired_difference
        >>> from stepsize.plots import Picture, plot_differences
        >>> flat, cosine = {0: 0.80, 1: 0.82, 2: 0.81}, {0: 0.84, 1: 0.86, 2: 0.86}
        >>> ax = plot_differences({"cosine": paired_difference(cosine, flat)}, Picture(), label="test accuracy")
        >>> ax.get_xlabel()
        'test accuracy'
    """
    axes: Axes = axes_on("plot_differences", ax, "differences")[0]
    view = _view(intervals.values())
    axes.axvline(0.0, color="0.5", linewidth=1.2)
    for row, each in enumerate(intervals.values()):
        style: dict[str, Any] = {"color": colour(row), "clip_on": False}
        low, high = (each.mean, each.mean) if math.isnan(each.low) else (each.low, each.high)
        inside = np.clip([low, high], -view, view)
        axes.plot(inside, [row, row], linewidth=2.4, solid_capstyle="butt", **style)
        if abs(each.mean) <= view:
            axes.plot(each.mean, row, "o", markersize=6, **style)
        for end, mark in ((low, "<"), (high, ">")):
            if abs(end) > view and (end < 0) == (mark == "<"):
                axes.plot(math.copysign(view, end), row, mark, markersize=8, **style)
    names = [*map(_wrapped, intervals)]
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.margins(x=0.08)
    axes.grid(visible=True, axis="x", alpha=0.25, linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if isinstance(axes.figure, Picture):
        lines = len(names) * (ROW + max((name.count("\n") + 1 for name in names), default=0)) + EDGES
        axes.figure.fit(0.0, lines * LINE * float(axes.xaxis.label.get_fontsize()) / 72)
    return axes


def _view(intervals: Iterable[Interval]) -> float:
    """How far from zero the view reaches."""
    ends = np.abs([[each.mean, each.low, each.high] for each in intervals])
    reach = np.nanmax(ends, axis=1, initial=0.0)
    reach = reach[reach > 0]  # without the baseline
    return float(min(reach.max(), FAR * np.median(reach))) if reach.size else 1.0


def _wrapped(name: str) -> str:
    lines = textwrap.wrap(printable(name), LETTERS) or [""]
    return "\n".join(lines if len(lines) <= 2 else [lines[0], f"{lines[1][: LETTERS - 4]} ..."])
