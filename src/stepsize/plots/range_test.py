"""A range test: the loss over the rate, and the suggested rates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import Suggestions
from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below, value_axis
from stepsize.plots.curves import COLOURS, line_style, losses_in_view, rule_labels
from stepsize.plots.figures import Place, Places, axes_on
from stepsize.schedules import Linear

Trained = Mapping[float, Sequence[float]]
RAW: dict[str, Any] = {"color": "#7f7f7f", "linewidth": 0.9, "alpha": 0.75}
CROSS: dict[str, Any] = {"color": RAW["color"], "marker": "x", "linestyle": "none", "markeredgewidth": 2}
# The label of the cross, by the reason why the test stopped.
END = {"end": "out of view", "diverged": "diverged", "not finite": "no finite number next"}


def plot_range_test(
    test: RangeTest,
    found: Suggestions | None = None,
    ax: Place | Places = None,
    *,
    trained: Trained | None = None,
) -> Axes:
    """Draw the loss over the rate, with the suggestions marked on it, and return the axes.

    The losses of the updates are grey, with a band from the lowest to the highest if there are several runs; the
    smoothed loss is blue. A cross marks where the loss left the view for good. The legend has the rate of each
    suggestion, or the reason why there is none.

    Args:
        test: the range test.
        found: the result of `test.suggest()`; None to mark nothing.
        ax: axes, or an empty figure; None: a new figure of pyplot's. With `trained`: two axes, or a figure.
        trained: rates to the losses after training at them, one for each seed, NaN if it diverged; they are drawn on
            a second axes below, over the same rates.

    Raises:
        ArgumentError: `trained` has no loss, or the number of axes is wrong.
    """
    if trained is not None and not any(map(len, trained.values())):
        advice = "leave it out if there is none"
        raise ArgumentError("plot_range_test", "trained", "rates with at least one loss", trained, advice)
    panels = ("loss",) if trained is None else ("loss", "loss after training")
    axes = axes_on("plot_range_test", ax, *panels)
    handles, labels = _draw(axes[0], test, found)
    if trained is not None:
        _draw_trained(axes[1], trained, found)
    for each in axes:
        if not isinstance(test.schedule, Linear):
            each.set_xscale("log")
        if len(test.rates) < 2:  # too few for a scale
            each.set_xlim(test.schedule(0), test.schedule(test.schedule.steps))
    axes[-1].set_xlabel("learning rate")
    legend_below(axes[-1], handles, labels, panel_height=3.4 if trained is None else 2.7)
    return axes[0]  # type: ignore[no-any-return]


def _draw(ax: Axes, test: RangeTest, found: Suggestions | None) -> tuple[list[Artist], list[str]]:
    """Draw the losses and the suggestions; the handles and the labels of the legend."""
    rates, losses, smooth = test.rates, test.losses, test.smoothed
    low, high = losses_in_view(test)
    (raw,) = ax.plot(rates, np.clip(losses, None, 2 * high - low), **RAW)
    handles: list[Artist] = [raw]
    labels = ["loss of each update" if len(test.runs) == 1 else f"mean of {len(test.runs)} runs"]
    if len(test.runs) > 1:
        ax.fill_between(rates, *np.clip(test.band, None, 2 * high - low), color=RAW["color"], alpha=0.18, linewidth=0)
    handles += ax.plot(rates[: len(smooth)], smooth, **line_style(0))
    labels.append("smoothed")
    if rates.size and (len(smooth) < len(rates) or test.stopped != "end"):
        ax.plot(rates[-1:], [high], markersize=8, clip_on=False, zorder=3, **CROSS)
        handles.append(Line2D([], [], markersize=6, **CROSS))
        labels.append(END[test.stopped])
    for index, (rate, label) in enumerate(rule_labels(found), start=1):
        at = float(np.interp(np.log(rate), np.log(rates[: len(smooth)]), smooth))
        style = {"color": COLOURS[index], "marker": "osD^"[index - 1], "linestyle": line_style(index)["linestyle"]}
        _mark_rate(ax, index, rate)
        ax.plot([rate], [at], markersize=7, **style)
        handles.append(Line2D([], [], markersize=6, **style))
        labels.append(label)
    if found is not None and found.reason:
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(f"No suggestion: {found.reason}")
    value_axis(ax, "validation loss" if test.runs[0].validation_losses else "loss")
    ax.set_ylim(low, high)
    return handles, labels


def _draw_trained(ax: Axes, trained: Trained, found: Suggestions | None) -> None:
    rates = sorted(trained)
    finite = {rate: [loss for loss in trained[rate] if np.isfinite(loss)] for rate in rates}
    held = [rate for rate in rates if len(finite[rate]) == len(trained[rate])]
    every = [loss for losses in finite.values() for loss in losses]
    style = line_style(0)
    if every:
        room = 0.08 * (max(every) - min(every)) or 0.1 * abs(every[0]) or 1.0
        ax.set_ylim(min(every) - room, max(every) + room)
    ax.plot(held, [float(np.mean(finite[rate])) for rate in held], **style)
    for rate in rates:
        ax.plot([rate] * len(finite[rate]), finite[rate], "o", color=style["color"], markersize=4)
        if rate not in held:
            top = ax.get_ylim()[1]
            ax.plot([rate], [top], "x", color=COLOURS[1], markersize=9, markeredgewidth=2.5, clip_on=False)
    for index, (rate, _) in enumerate(rule_labels(found), start=1):
        _mark_rate(ax, index, rate)
    value_axis(ax, "loss after training")


def _mark_rate(ax: Axes, index: int, rate: float) -> None:
    style = line_style(index) | {"linewidth": 1.0, "alpha": 0.7}
    ax.axvline(rate, **style)
