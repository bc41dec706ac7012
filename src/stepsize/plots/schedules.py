"""Schedules as curves, and the losses that a law predicts for them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, StepError, quoted
from stepsize.plots.axes import legend_below, rate_axis, step_axis, value_axis
from stepsize.plots.curves import LARGEST_DRAWN, Schedules, curves_of, line_style
from stepsize.plots.figures import Place, Places, axes_on
from stepsize.schedules import Plan
from stepsize.schedules.curve import shown_steps

if TYPE_CHECKING:
    from stepsize.laws import Forecast

MOST_NAMED = 8  # runs that are told apart by colour
EARLY = 0.2  # the first part of the steps, with losses so high that the rest looks flat


def plot_schedules(
    schedules: Schedules,
    ax: Place = None,
    *,
    steps: int | None = None,
    labels: Sequence[str] | None = None,
) -> Axes:
    """Draw schedules on one axes, with a legend below, and return the axes.

    Each is drawn from step 0 to its end, including the end value. Curves that the axes already have stay, also in the
    legend. The values start at zero; they are on a log scale if all are positive and the largest is more than 1,000
    times the smallest.

    Args:
        schedules: a sequence, or a mapping whose keys are the labels.
        ax: axes, or an empty figure; None: a new figure of pyplot's.
        steps: draw all of them over this many steps. If None, schedules without an end are drawn as far as the
            longest of the others. If none has an end, the picture covers at least 1,000 steps, and more if they are
            needed to show a peak, five stairs or four cycles.
        labels: of the legend; the text of each schedule if None.

    Raises:
        ArgumentError: there is nothing to draw, or the number of labels is not that of the schedules.
        StepError: a schedule has no finite value at some step, or one that is too large for an axis.
    """
    curves = curves_of("plot_schedules", schedules, steps, labels)
    for each in curves:
        furthest = float(each.y[np.abs(each.y).argmax()])
        if abs(furthest) > LARGEST_DRAWN:
            bounds = f"from {-LARGEST_DRAWN:g} to {LARGEST_DRAWN:g}"
            reason = f"{quoted(each.label)} has the value {furthest:g}, and a picture goes {bounds}"
            raise StepError(reason, "bound it with .clip(low, high)")
    (axes,) = axes_on("plot_schedules", ax, "rate")
    for index, curve in enumerate(curves, start=len(axes.lines)):
        (line,) = axes.plot(curve.x, curve.y, marker="o" if len(curve.x) == 1 else "", **line_style(index))
        line.set_label(curve.label)
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_child")]
    rate_axis(axes)
    step_axis([axes], max(float(np.max(line.get_xdata())) for line in lines))
    legend_below(axes, lines, [str(line.get_label()) for line in lines])
    return axes  # type: ignore[no-any-return]


def plot_plan(plan: Plan, axes: Places = None, *, steps: int | None = None) -> NDArray[np.object_]:
    """Draw the schedules of each hyperparameter on axes of their own, one below another, and return the axes.

    What a `ConstantProduct` ties to the rate is left out.

    Args:
        plan: the schedules.
        axes: as many axes as there are hyperparameters, cleared first, or an empty figure; None: a new figure of
            pyplot's.
        steps: draw all schedules over this many steps; if None, as far as `plot_schedules` does.

    Raises:
        ArgumentError: the number of axes is not that of the hyperparameters.
        StepError: a schedule has no finite value at some step.
    """
    named = {key: assignment.schedules() for key, assignment in plan.assignments.items()}
    keys = {name: key for key, schedules in named.items() for name in schedules}
    curves = curves_of("plot_plan", plan.schedules, shown_steps(plan.schedules.values()) if steps is None else steps)
    drawn = list(dict.fromkeys(keys.values()))
    panels = dict(zip(drawn, axes_on("plot_plan", axes, *drawn), strict=True))
    for ax in panels.values():
        ax.clear()
    handles = []
    for index, curve in enumerate(curves):
        handles += panels[keys[curve.label]].plot(curve.x, curve.y, **line_style(index))
    for key, ax in panels.items():
        rate_axis(ax)
        ax.set_ylabel(key)
    step_axis(panels.values(), max(float(curve.x[-1]) for curve in curves))
    last = panels[drawn[-1]]
    legend_below(last, handles, [f"{curve.label}: {plan.schedules[curve.label]}" for curve in curves], panel_height=2.0)
    return np.array(list(panels.values()), dtype=np.object_)


def plot_forecasts(
    forecasts: "Mapping[str, Forecast]", runs: Sequence[LossCurve] = (), axes: Places = None
) -> NDArray[np.object_]:
    """Draw the rates and the predicted losses of schedules, with their bands, and return the two axes.

    The measured losses of `runs` are drawn thinner, and those of many in grey. Predictions are drawn from the first
    measured loss on: a law says nothing about earlier ones. Losses that are beyond all those after the first fifth of
    the steps are out of view.

    Args:
        forecasts: by their labels in the legend, which is below the last axes.
        runs: those that the law was fitted to or is compared with; runs with the same name are numbered.
        axes: two axes, cleared first, or an empty figure; None: a new figure of pyplot's.

    Raises:
        ArgumentError: there is no forecast, or not two axes.
    """
    if not forecasts:
        raise ArgumentError("plot_forecasts", "forecasts", "at least one forecast", forecasts)
    panels = rate, loss = axes_on("plot_forecasts", axes, "rate", "loss")
    for ax in panels:
        ax.clear()
    last = max(int(steps[-1]) for steps in [each.steps for each in forecasts.values()] + [run.steps for run in runs])
    first = min((int(run.steps[0]) for run in runs), default=0)
    handles, labels, lows, highs = [], [], [], []
    for index, (label, forecast) in enumerate(forecasts.items()):
        style = line_style(index)
        rate.plot(forecast.steps, forecast.rates, **style)
        after = forecast.steps >= min(first, forecast.steps[-1])
        loss.plot(forecast.steps[after], forecast.losses[after], **style)
        band = forecast.low[after], forecast.high[after]
        loss.fill_between(forecast.steps[after], *band, color=style["color"], alpha=0.18, linewidth=0)
        late = forecast.steps >= EARLY * last
        lows.append(float(forecast.low[late].min(initial=forecast.low[-1])))
        highs.append(float(forecast.high[late].max(initial=forecast.high[-1])))
        handles.append(Line2D([], [], **style))
        labels.append(f"{label} (predicted)")
    many = len(runs) > MOST_NAMED
    for index, (name, run) in enumerate(zip(_numbered(runs), runs, strict=True), start=len(forecasts)):
        style = line_style(index) | {"linestyle": "solid", "linewidth": 1.0, "alpha": 0.6}
        if many:
            style |= {"color": "0.6", "linewidth": 0.5, "zorder": 1.5}
        used = np.arange(run.steps[-1] + 1)
        rate.plot(used, run.rates[: used.size], **style)
        loss.plot(run.steps, run.losses, **style)
        lows.append(float(run.losses.min()))
        highs.append(float(run.losses[run.steps >= EARLY * last].max(initial=run.losses[-1])))
        if not many or index == len(forecasts):
            handles.append(Line2D([], [], **style))
            labels.append(f"{len(runs)} runs (measured)" if many else f"{name} (measured)")
    rate_axis(rate, ends=[0.0])  # a linear axis: a rate that ends at zero is sampled only just above it
    value_axis(loss, "loss")
    room = 0.05 * (max(highs) - min(lows))
    loss.set_ylim(min(lows) - room, max(highs) + room)
    step_axis(panels, last)
    legend_below(loss, handles, labels, panel_height=2.7)
    return panels


def _numbered(runs: Sequence[LossCurve]) -> list[str]:
    """The names of the runs; those with the same name have a number each."""
    times, numbers = Counter(run.name for run in runs), defaultdict[str, Iterator[int]](lambda: count(1))
    return [f"{run.name}, {next(numbers[run.name])}" if times[run.name] > 1 else run.name for run in runs]
