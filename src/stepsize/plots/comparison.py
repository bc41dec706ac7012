"""Training runs side by side: rate, train loss and test accuracy, or test loss, over steps."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from stepsize.plots.axes import legend_below, rate_axis, step_axis, value_axis
from stepsize.plots.curves import line_style
from stepsize.plots.figures import Places, axes_on
from stepsize.plots.traces import (
    Trace,
    accuracy_trace,
    band,
    below,
    highest_loss_in_view,
    highest_rate_in_view,
    loss_trace,
    metric_trace,
    rate_ends,
    rate_trace,
    runs_by_rates,
    test_loss_trace,
    train_accuracy_trace,
)
from stepsize.store.run import Logged

DOT = {"marker": "o", "markersize": 4}
MOST_DOTS = 100  # of a curve; more would hide it
TRAIN: dict[str, Any] = {"marker": "o", "markersize": 3, "markerfacecolor": "none", "linewidth": 0.9, "alpha": 0.8}


def plot_comparison(
    runs: Sequence[Logged], axes: Places = None, *, judged_on: str = "test", metric: str | None = None
) -> NDArray[np.object_]:
    """Draw the rate, the train loss and the test accuracy of runs over steps, and return the three axes.

    The train accuracy of each epoch is a thin line beside the test accuracy, so that overfitting is seen. If no run has
    an accuracy but some have a test loss, the test loss takes its place. Runs of one name share a colour in all three
    panels. Several seeds are drawn as their mean, each as far as it has come, within a band from the lowest to the
    highest. A diverged run is left out of the mean and drawn by itself, with a cross at its end; a loss that shot up
    leaves the view. Runs may be unfinished or empty.

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
    names = list(dict.fromkeys(run.name for run in runs))
    rate_top, top = highest_rate_in_view(runs), highest_loss_in_view(runs)
    accurate = any(accuracy_trace(run).x.size for run in runs) or not any(test_loss_trace(run).x.size for run in runs)
    metric = metric or ("test_accuracy" if accurate else "test_loss")
    accurate = metric == "test_accuracy"
    test_trace, is_loss = partial(metric_trace, name=metric), metric in ("test_loss", "train_loss")
    dots = DOT if all(test_trace(run).x.size <= MOST_DOTS for run in runs) else {}
    test_top = highest_loss_in_view(runs, test_trace) if is_loss else np.inf
    for index, name in enumerate(names):
        style = line_style(index)
        named = [run for run in runs if run.name == name]
        kept = [run for run in named if run.status != "diverged"]
        _draw_mean(rate, [below(rate_top, rate_trace(run)) for run in runs_by_rates(named)], style)
        _draw_mean(loss, [loss_trace(run) for run in kept], style)
        _draw_mean(test, [test_trace(run) for run in kept], style | dots)
        if accurate and (train := band([train_accuracy_trace(run) for run in kept])):
            test.plot(train.x, train.mean, **(style | TRAIN))
        for run in (run for run in named if run.status == "diverged"):
            losses, tests = below(top, loss_trace(run)), below(test_top, test_trace(run))
            loss.plot(losses.x, losses.y, **style)
            test.plot(tests.x, tests.y, **style, **dots)
            if not losses.x.size and _last_step(run):  # it has no finite loss: mark where it ended
                losses = Trace(run.column("step")[-1:], np.array([top]))
            for ax, trace in ((rate, below(rate_top, rate_trace(run))), (loss, losses), (test, tests)):
                _cross(ax, trace, style["color"])
    rate_axis(rate, rate_ends(runs))
    if any(rate_trace(run).y.max(initial=0.0) > rate_top for run in {run.name: run for run in runs}.values()):
        rate.set_ylim(top=rate_top)
    value_axis(loss, "train loss")
    loss.set_ylim(0 if top > 0 else None, top)
    value_axis(test, f"{judged_on} {metric[5:]}" if metric.startswith("test_") else metric)
    if is_loss:
        test.set_ylim(0 if test_top > 0 else None, test_top)
    step_axis(panels, max([1, *map(_last_step, runs)]))
    handles = [Line2D([], [], **line_style(index)) for index in range(len(names))]
    if accurate and any(train_accuracy_trace(run).x.size for run in runs):
        handles.append(Line2D([], [], color="grey", **TRAIN))
        names.append("train accuracy")
    legend_below(test, handles, names, panel_height=2.3)
    return panels


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
