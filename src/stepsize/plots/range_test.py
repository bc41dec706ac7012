"""A range test: the loss over the rate, and the rates that it speaks for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import Suggestions
from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below, value_axis
from stepsize.plots.curves import COLOURS, line_style
from stepsize.plots.figures import blank_figure, pyplot_figure, settle
from stepsize.plots.traces import losses_in_view, rule_labels
from stepsize.schedules import Linear

Trained = Mapping[float, Sequence[float]]
PANEL_HEIGHT = 3.4
"""Inches."""
RAW: dict[str, Any] = {"color": "#7f7f7f", "linewidth": 0.9, "alpha": 0.75}
CROSS: dict[str, Any] = {"color": RAW["color"], "marker": "x", "linestyle": "none", "markeredgewidth": 2}
END = {"end": "out of view", "diverged": "diverged", "not finite": "no finite number next"}
"""What the cross says, by why the test stopped."""


def plot_range_test(test: RangeTest, found: Suggestions | None = None, ax: Axes | None = None) -> Axes:
    """Draw the loss over the rate, with the suggestions marked on it, and return the axes.

    The losses of the updates are grey, with a band from the lowest to the highest where there are several runs; the
    smoothed loss is blue, as far as it goes. A cross marks where the loss left the view for good. The legend below has
    each suggestion's rate, or says why there is none.

    Args:
        test: what the range test saw.
        found: what `test.suggest()` answered; None to mark nothing.
        ax: where to draw; a new figure of pyplot's if None.
    """
    if ax is not None:
        legend_below(ax, *_draw(ax, test, found))
        return ax
    figure, axes = pyplot_figure()
    legend_below(axes[0], *_draw(axes[0], test, found))
    settle(figure, PANEL_HEIGHT)
    return axes[0]  # type: ignore[no-any-return]


def range_test_figure(test: RangeTest, found: Suggestions | None = None, trained: Trained | None = None) -> Figure:
    """The picture of `plot_range_test` as a figure that pyplot does not know of: for files and programs.

    Args:
        test: what the range test saw.
        found: what `test.suggest()` answered; None to mark nothing.
        trained: rates to the losses after training at them, one for each seed, NaN where it diverged; they are drawn
            below over the same rates.

    Raises:
        ArgumentError: `trained` is empty.
    """
    if trained is not None and not any(map(len, trained.values())):
        raise ArgumentError(
            "range_test_figure(trained=...) must have a rate with a loss at least; leave it out if none"
        )
    figure, axes = blank_figure(1 if trained is None else 2)
    handles, labels = _draw(axes[0], test, found)
    if trained is not None:
        _draw_trained(axes[1], trained, test, found)
        axes[0].set_xlabel("")
    legend_below(axes[-1], handles, labels)
    settle(figure, PANEL_HEIGHT if trained is None else 0.8 * PANEL_HEIGHT)
    return figure


def _draw(ax: Axes, test: RangeTest, found: Suggestions | None) -> tuple[list[Artist], list[str]]:
    """Everything but the legend; what belongs into it."""
    rates, losses, smooth = test.rates, test.losses, test.smoothed
    low, high = losses_in_view(test)
    (raw,) = ax.plot(rates, np.clip(losses, None, 2 * high - low), **RAW)
    handles: list[Artist] = [raw]
    labels = ["loss of each update" if len(test.runs) == 1 else f"mean of {len(test.runs)} runs"]
    if len(test.runs) > 1:
        ax.fill_between(rates, *np.clip(test.band, None, 2 * high - low), color=RAW["color"], alpha=0.18, linewidth=0)
    (line,) = ax.plot(rates[: len(smooth)], smooth, **line_style(0))
    handles, labels = [*handles, line], [*labels, "smoothed"]
    if rates.size and (len(smooth) < len(rates) or test.stopped != "end"):
        ax.plot(rates[-1:], [high], markersize=8, clip_on=False, zorder=3, **CROSS)
        handles.append(Line2D([], [], markersize=6, **CROSS))
        labels.append(END[test.stopped])
    for index, (rate, label) in enumerate(rule_labels(found), start=1):
        at = float(np.interp(np.log(rate), np.log(rates[: len(smooth)]), smooth))
        style = {"color": COLOURS[index], "marker": "osD^"[index - 1], "linestyle": line_style(index)["linestyle"]}
        ax.axvline(rate, color=style["color"], linestyle=style["linestyle"], linewidth=1.0, alpha=0.7)
        ax.plot([rate], [at], markersize=7, **style)
        handles.append(Line2D([], [], markersize=6, **style))
        labels.append(label)
    if found is not None and found.reason:
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(f"No suggestion: {found.reason}")
    value_axis(ax, "validation loss" if test.runs[0].validation_losses else "loss")
    ax.set_ylim(low, high)
    _rates_across(ax, test)
    return handles, labels


def _draw_trained(ax: Axes, trained: Trained, test: RangeTest, found: Suggestions | None) -> None:
    """The losses after training, seed by seed, and their means; a cross at the top for what diverged."""
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
        ax.axvline(rate, color=COLOURS[index], linestyle=line_style(index)["linestyle"], linewidth=1.0, alpha=0.7)
    value_axis(ax, "loss after training")
    _rates_across(ax, test)


def _rates_across(ax: Axes, test: RangeTest) -> None:
    if not isinstance(test.schedule, Linear):
        ax.set_xscale("log")
    if len(test.rates) < 2:  # a scale cannot be made of that
        ax.set_xlim(test.schedule(0), test.schedule(test.schedule.steps))
    ax.set_xlabel("learning rate")
