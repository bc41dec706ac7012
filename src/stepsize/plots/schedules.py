"""Schedules as curves on one axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stepsize.errors import StepError, quoted
from stepsize.plots.axes import legend_below, rate_axis, step_axis
from stepsize.plots.curves import FAR, Curve, Schedules, curves_of, line_style
from stepsize.plots.figures import blank_figure, pyplot_figure, settle

PANEL_HEIGHT = 3.6
"""Inches."""


def plot_schedules(
    schedules: Schedules, ax: Axes | None = None, *, steps: int | None = None, labels: Sequence[str] | None = None
) -> Axes:
    """Draw schedules on one axes, with a legend below it, and return the axes.

    Each is drawn from step 0 to its end, end value included; curves that the axes hold already stay, and stay in the
    legend. The values start at zero, or are on a log scale where they are all positive and the largest is more than a
    thousand times the smallest.

    Args:
        schedules: a sequence, or a mapping whose keys are the words of the legend.
        ax: where to draw; a new figure of pyplot's if None.
        steps: draw all of them over this many steps. If None, those that never end are drawn as far as the longest
            of the others, or over 1,000 steps.
        labels: the words of the legend; the text of each schedule if None.

    Raises:
        ArgumentError: there is nothing to draw, or there are not as many labels as schedules.
        StepError: a schedule has no finite value at some step, or one that no axis can hold.
    """
    curves = curves_of("plot_schedules", schedules, steps, labels)
    if ax is not None:
        return _draw(ax, curves)
    figure, axes = pyplot_figure()
    _draw(axes[0], curves)
    settle(figure, PANEL_HEIGHT)
    return axes[0]  # type: ignore[no-any-return]


def schedules_figure(schedules: Schedules, *, steps: int | None = None, labels: Sequence[str] | None = None) -> Figure:
    """The picture of `plot_schedules` as a figure that pyplot does not know of: for files and programs."""
    curves = curves_of("schedules_figure", schedules, steps, labels)
    figure, axes = blank_figure()
    _draw(axes[0], curves)
    settle(figure, PANEL_HEIGHT)
    return figure


def _draw(ax: Axes, curves: Sequence[Curve]) -> Axes:
    for each in curves:
        furthest = float(each.y[np.abs(each.y).argmax()])
        if abs(furthest) > FAR:
            raise StepError(
                f"{quoted(each.label)} has the value {furthest:g}, and a picture goes from {-FAR:g} to {FAR:g}; "
                "bound it with .clip(low, high)"
            )
    for index, curve in enumerate(curves, start=len(ax.lines)):
        marker = "o" if len(curve.x) == 1 else ""
        (line,) = ax.plot(curve.x, curve.y, marker=marker, **line_style(index))
        line.set_label(curve.label)
    lines = [line for line in ax.lines if not str(line.get_label()).startswith("_child")]
    rate_axis(ax, [np.asarray(line.get_ydata(), dtype=np.float64) for line in lines])
    step_axis(ax, max(float(np.max(line.get_xdata())) for line in lines))
    legend_below(ax, lines, [str(line.get_label()) for line in lines])
    return ax
