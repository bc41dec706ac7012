"""Training runs side by side over steps, and the differences of their results to a baseline, with intervals."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from stepsize.errors import first_few, one_line
from stepsize.plots.axes import legend_below, step_axis, value_axis
from stepsize.plots.curves import (
    Trace,
    band,
    below,
    colour,
    line_style,
    loss_trace,
    metric_trace,
    printable,
    rate_ends,
    rate_trace,
    runs_by_rates,
)
from stepsize.plots.figures import Picture, Place, Places, axes_on
from stepsize.plots.scales import metric_extents, metric_scale, number, rate_extents, rate_scale
from stepsize.store.run import Logged

DOT = {"marker": "o", "markersize": 4}
MOST_NAMED, LONGEST = 2, 30  # schedules out of view that are named, and their letters
MOST_DOTS = 100  # of a curve; more would hide it
TRAIN: dict[str, Any] = {"marker": "o", "markersize": 3, "markerfacecolor": "none", "linewidth": 0.9, "alpha": 0.8}
# Of the picture of differences.
ROW, EDGES = 1.2, 4.2  # times a line of text: the space around a name, and the height of the axis and its label
LINE = 1.2  # times the size of the letters: the height of a line
LETTERS = 20  # of a name on a line
_LONGEST_INTERVAL = 4  # times the median: an interval that reaches farther ends in an arrow at the edge


def plot_comparison(
    runs: Sequence[Logged], axes: Places = None, *, judged_on: str = "test", metric: str | None = None
) -> NDArray[np.object_]:
    """Draw the rate, the train loss and the test accuracy of runs over steps, and return the three axes.

    The train accuracy of each epoch is a thin line beside the test accuracy, so that overfitting is seen. If no run has
    an accuracy but some have a test loss, the test loss takes its place. Runs of one name share a colour in all three
    panels. Several seeds are drawn as their mean, each as far as it has come, within a band from the lowest to the
    highest. A diverged run is left out of the mean and drawn by itself, with a cross at its end. A loss has a
    logarithmic scale if its values span a factor of ten. Runs that diverged, or whose loss hardly falls, do not stretch
    an axis far; a schedule out of view is named above it. Runs may be unfinished or empty. What finished runs have not
    logged is called so in its panel.

    Args:
        runs: in the order of the legend, which is below the last axes.
        axes: three axes, cleared first, or an empty figure; None: a new figure of pyplot's.
        judged_on: the samples that the runs were judged on: "test" or "held-out".
        metric: the name of the metric of the third panel, such as "test_loss" or one of the user's.

    Raises:
        ArgumentError: there are not three axes.
    """
    panels = rate, loss, test = axes_on("plot_comparison", axes, "rate", "train loss", "test accuracy or loss")
    for ax in panels:
        ax.clear()
    groups: dict[str, list[Logged]] = {}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    names, grouped = list(groups), list(groups.values())
    if metric is None:
        metric = "test_loss" if _have(runs, "test_loss") and not _have(runs, "test_accuracy") else "test_accuracy"
    accurate = metric == "test_accuracy"
    test_trace, train_trace = (partial(metric_trace, name=name) for name in (metric, "train_accuracy"))
    extents = (
        rate_extents(grouped),
        metric_extents(grouped, loss_trace),
        metric_extents(grouped, test_trace, *([train_trace] if accurate else [])),
    )
    scales = (
        rate_scale(extents[0], rate_ends(runs)),
        metric_scale(extents[1], "train_loss"),
        metric_scale(extents[2], metric),
    )
    rate_top, top, test_top = (scale.ends[1] for scale in scales)
    dots = DOT if all(test_trace(run).x.size <= MOST_DOTS for run in runs) else {}
    for index, named in enumerate(grouped):
        style = line_style(index)
        kept = [run for run in named if run.status != "diverged"]
        _draw_mean(rate, [rate_trace(run) for run in runs_by_rates(named)], style)
        _draw_mean(loss, [loss_trace(run) for run in kept], style)
        _draw_mean(test, [test_trace(run) for run in kept], style | dots)
        if accurate and (train := band([train_trace(run) for run in kept])):
            test.plot(train.x, train.mean, **(style | TRAIN))
        for run in (run for run in named if run.status == "diverged"):
            losses, tests = below(top, loss_trace(run)), below(test_top, test_trace(run))
            loss.plot(losses.x, losses.y, **style)
            test.plot(tests.x, tests.y, **style, **dots)
            if not losses.x.size and _last_step(run):  # it has no finite loss: mark where it ended
                losses = Trace(run.column("step")[-1:], np.array([top]))
            for ax, trace in ((rate, below(rate_top, rate_trace(run))), (loss, losses), (test, tests)):
                _cross(ax, trace, style["color"])
    labels = (
        "learning rate",
        "train loss",
        f"{judged_on} {metric[5:]}" if metric.startswith("test_") else metric,
    )
    for ax, label, scale, held in zip(panels, labels, scales, extents, strict=True):
        value_axis(ax, label)
        ax.set_yscale("log" if scale.log else "linear")
        ax.set_ylim(*scale.ends)
        if scale.log:
            ax.set_yticks(scale.numbers(), map(number, scale.numbers()))
            ax.minorticks_off()
        beyond = [name for name, each in zip(names, held, strict=True) if each and scale.leaves(each)]
        if beyond:
            text = first_few([one_line(printable(name), LONGEST) for name in beyond], MOST_NAMED)
            ax.set_title(f"out of view: {text}", loc="right", fontsize="small", color="0.35", parse_math=False)
        if not ax.lines and any(run.status == "finished" for run in runs):
            ax.set_yticks([])
            ax.text(0.5, 0.5, "not logged", transform=ax.transAxes, ha="center", va="center", color="0.35")
    step_axis(panels, max([1, *map(_last_step, runs)]))
    handles = [Line2D([], [], **line_style(index)) for index in range(len(names))]
    if accurate and _have(runs, "train_accuracy"):
        handles.append(Line2D([], [], color="grey", **TRAIN))
        names.append("train accuracy")
    legend_below(test, handles, names, panel_height=2.3)
    return panels


def _have(runs: Sequence[Logged], metric: str) -> bool:
    return any(metric_trace(run, metric).x.size for run in runs)


def _last_step(run: Logged) -> int:
    steps = run.column("step")
    return int(steps[-1]) if steps.size else 0


def _draw_mean(ax: Axes, traces: Sequence[Trace], style: dict[str, Any]) -> None:
    seeds = band(traces)
    if seeds is None:
        return
    ax.plot(seeds.x, seeds.mean, **(style | DOT if seeds.x.size == 1 else style))
    if seeds.count > 1:
        ax.fill_between(seeds.x, seeds.low, seeds.high, color=style["color"], alpha=0.18, linewidth=0)


def _cross(ax: Axes, trace: Trace, colour: str) -> None:
    """Mark the end of a diverged run, even at the edge of the view."""
    if trace.x.size:  # an unclipped mark without a place upsets the layout
        ax.plot(trace.x[-1:], trace.y[-1:], "x", color=colour, markersize=9, markeredgewidth=2.5, clip_on=False)


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
    return float(min(reach.max(), _LONGEST_INTERVAL * np.median(reach))) if reach.size else 1.0


def _wrapped(name: str) -> str:
    lines = textwrap.wrap(printable(name), LETTERS) or [""]
    return "\n".join(lines if len(lines) <= 2 else [lines[0], f"{lines[1][: LETTERS - 4]} ..."])
