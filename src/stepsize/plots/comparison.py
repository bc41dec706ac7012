"""Training runs side by side: rate, train loss and test accuracy, or test loss, over steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below, rate_axis, step_axis, value_axis
from stepsize.plots.curves import line_style
from stepsize.plots.figures import blank_figure, pyplot_figure, settle
from stepsize.plots.traces import (
    Trace,
    accuracy_trace,
    band,
    below,
    highest_loss_in_view,
    highest_rate_in_view,
    loss_trace,
    rate_ends,
    rate_trace,
    test_loss_trace,
)
from stepsize.store.run import Logged

PANEL_HEIGHT = 2.3
"""Inches."""
DOT = {"marker": "o", "markersize": 4}


def plot_comparison(runs: Sequence[Logged], axes: Sequence[Axes] | None = None) -> NDArray[np.object_]:
    """Draw the rate, the train loss and the test accuracy of runs over steps, and return the three axes.

    Where no run has an accuracy but some have a test loss, this is drawn in its place.
    Runs of one name share a colour in all three. Several seeds of it are drawn as their mean, each as far as it has
    come, within a band from the lowest to the highest. A diverged run is left out of the mean and drawn by itself,
    with a cross where it ended; a loss that shot up leaves the view. Runs may be unfinished or empty.

    Args:
        runs: in the order of the legend, which is below the last axes.
        axes: three to draw on, cleared first; a new figure of pyplot's if None.

    Raises:
        ArgumentError: `axes` are not three.
    """
    if axes is None:
        figure, made = pyplot_figure(rows=3)
        _draw(runs, made)
        settle(figure, PANEL_HEIGHT)
        return made
    given = np.asarray(axes, dtype=object)
    if given.shape != (3,):
        raise ArgumentError("plot_comparison", "axes", "three axes: rate, train loss, test accuracy or loss", axes)
    for ax in given:
        ax.clear()
    _draw(runs, given)
    return given


def comparison_figure(runs: Sequence[Logged], judged_on: str = "test") -> Figure:
    """The picture of `plot_comparison` as a figure that pyplot does not know of: for files and programs.

    `judged_on` names the samples that the runs were judged on: "test" or "held-out".
    """
    figure, axes = blank_figure(rows=3)
    _draw(runs, axes, judged_on)
    settle(figure, PANEL_HEIGHT)
    return figure


def _draw(runs: Sequence[Logged], axes: NDArray[np.object_], judged_on: str = "test") -> None:
    rate, loss, test = axes
    names = list(dict.fromkeys(run.name for run in runs))
    rate_top, top = highest_rate_in_view(runs), highest_loss_in_view(runs)
    accurate = any(accuracy_trace(run).x.size for run in runs) or not any(test_loss_trace(run).x.size for run in runs)
    test_trace = accuracy_trace if accurate else test_loss_trace
    test_top = np.inf if accurate else highest_loss_in_view(runs, test_loss_trace)
    for index, name in enumerate(names):
        style = line_style(index)
        named = [run for run in runs if run.name == name]
        kept = [run for run in named if run.status != "diverged"]
        lost = [run for run in named if run.status == "diverged"]
        longest = max(named, key=_last_step)
        _draw_mean(rate, [below(rate_top, rate_trace(longest))], style)
        _draw_mean(loss, [loss_trace(run) for run in kept], style)
        _draw_mean(test, [test_trace(run) for run in kept], style | DOT)
        for run in lost:
            rates = below(rate_top, rate_trace(run))
            losses, tests = below(top, loss_trace(run)), below(test_top, test_trace(run))
            if losses.x.size:
                loss.plot(losses.x, losses.y, **style)
            elif _last_step(run):  # it never had a loss that is a number: it left the view where it ended
                losses = Trace(run.column("step")[-1:], np.array([top]))
            if tests.x.size:
                test.plot(tests.x, tests.y, **style, **DOT)
            _cross(rate, rates, style["color"])
            _cross(loss, losses, style["color"])
            _cross(test, tests, style["color"])
    rate_axis(rate, [np.asarray(line.get_ydata(), dtype=np.float64) for line in rate.lines], rate_ends(runs))
    if any(rate_trace(run).y.max(initial=0.0) > rate_top for run in {run.name: run for run in runs}.values()):
        rate.set_ylim(top=rate_top)
    value_axis(loss, "train loss")
    loss.set_ylim(0 if top > 0 else None, top)
    value_axis(test, f"{judged_on} {'accuracy' if accurate else 'loss'}")
    if not accurate:
        test.set_ylim(0 if test_top > 0 else None, test_top)
    last = max([1, *map(_last_step, runs)])
    for ax in axes:
        step_axis(ax, last)
        cell = ax.get_subplotspec()
        if cell and not cell.is_last_row():
            ax.set_xlabel("")
    if names:
        legend_below(test, [Line2D([], [], **line_style(index)) for index in range(len(names))], names)


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
    """Mark where a diverged run ended, even at the edge of the view."""
    if trace.x.size:  # a mark without a place would upset the layout, as nothing clips it
        ax.plot(trace.x[-1:], trace.y[-1:], "x", color=colour, markersize=9, markeredgewidth=2.5, clip_on=False)
