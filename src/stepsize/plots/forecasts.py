"""Loss curves foreseen for schedules, over the runs that they were learned from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below, rate_axis, step_axis, value_axis
from stepsize.plots.curves import line_style
from stepsize.plots.figures import blank_figure, pyplot_figure, settle

if TYPE_CHECKING:
    from stepsize.laws import Forecast

PANEL_HEIGHT = 2.7
"""Inches."""
EARLY = 0.2
"""The first part of the steps, in which losses fall so far that the rest would be a line at the bottom."""
RUN = {"linestyle": "solid", "linewidth": 1.0, "alpha": 0.6}


def plot_forecasts(
    forecasts: "Mapping[str, Forecast]", runs: Sequence[LossCurve] = (), axes: Sequence[Axes] | None = None
) -> NDArray[np.object_]:
    """Draw the rates and the foreseen losses of schedules, within their bands, and return the two axes.

    The measured losses of `runs` are drawn thinner. What is higher than any loss after the first fifth of the steps
    leaves the view.

    Args:
        forecasts: by the words of the legend, which is below the last axes.
        runs: those that the law was learned from, or that it is compared with; those of one name are numbered.
        axes: two to draw on, cleared first; a new figure of pyplot's if None.

    Raises:
        ArgumentError: there is no forecast, or `axes` are not two.
    """
    if not forecasts:
        raise ArgumentError("plot_forecasts needs at least one forecast")
    if axes is None:
        figure, made = pyplot_figure(rows=2)
        _draw(forecasts, runs, made)
        settle(figure, PANEL_HEIGHT)
        return made
    given = np.asarray(axes, dtype=object)
    if given.shape != (2,):
        raise ArgumentError("plot_forecasts", "axes", "two axes: rate, loss", axes)
    for ax in given:
        ax.clear()
    _draw(forecasts, runs, given)
    return given


def forecasts_figure(forecasts: "Mapping[str, Forecast]", runs: Sequence[LossCurve] = ()) -> Figure:
    """The picture of `plot_forecasts` as a figure that pyplot does not know of: for files and programs."""
    if not forecasts:
        raise ArgumentError("forecasts_figure needs at least one forecast")
    figure, axes = blank_figure(rows=2)
    _draw(forecasts, runs, axes)
    settle(figure, PANEL_HEIGHT)
    return figure


def _draw(forecasts: "Mapping[str, Forecast]", runs: Sequence[LossCurve], axes: NDArray[np.object_]) -> None:
    rate, loss = axes
    last = max(int(steps[-1]) for steps in [each.steps for each in forecasts.values()] + [run.steps for run in runs])
    lines, labels, lows, highs = [], [], [], []
    for index, (label, forecast) in enumerate(forecasts.items()):
        style = line_style(index)
        rate.plot(forecast.steps, forecast.rates, **style)
        loss.plot(forecast.steps, forecast.losses, **style)
        loss.fill_between(forecast.steps, forecast.low, forecast.high, color=style["color"], alpha=0.18, linewidth=0)
        late = forecast.steps >= EARLY * last
        lows.append(float(forecast.low.min()))
        highs.append(float(forecast.high[late].max(initial=forecast.high[-1])))
        lines.append(Line2D([], [], **style))
        labels.append(f"{label} (foreseen)")
    for index, (name, run) in enumerate(zip(_different(runs), runs, strict=True), start=len(forecasts)):
        style = line_style(index) | RUN
        used = np.arange(run.steps[-1] + 1)
        rate.plot(used, run.rates[: used.size], **style)
        loss.plot(run.steps, run.losses, **style)
        late = run.steps >= EARLY * last
        lows.append(float(run.losses.min()))
        highs.append(float(run.losses[late].max(initial=run.losses[-1])))
        lines.append(Line2D([], [], **style))
        labels.append(f"{name} (measured)")
    rate_axis(rate, [np.asarray(line.get_ydata(), dtype=np.float64) for line in rate.lines])
    value_axis(loss, "loss")
    room = 0.05 * (max(highs) - min(lows))
    loss.set_ylim(min(lows) - room, max(highs) + room)
    for ax in axes:
        step_axis(ax, last)
        cell = ax.get_subplotspec()
        if cell and not cell.is_last_row():
            ax.set_xlabel("")
    legend_below(loss, lines, labels)


def _different(runs: Sequence[LossCurve]) -> list[str]:
    """The names of the runs, those of one name with a number each."""
    times = Counter(run.name for run in runs)
    drawn: Counter[str] = Counter()
    names = []
    for run in runs:
        drawn[run.name] += 1
        names.append(f"{run.name}, {drawn[run.name]}" if times[run.name] > 1 else run.name)
    return names
