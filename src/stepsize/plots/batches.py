"""Losses over wall time, for batches of several sizes."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from stepsize.descent import TimedDescent
from stepsize.errors import ArgumentError
from stepsize.plots.axis import value_axis
from stepsize.plots.figures import pyplot_figure, settle
from stepsize.plots.legend import legend_below
from stepsize.plots.style import line_style

HEIGHT = 3.6
"""Inches."""


def plot_batches(descents: Mapping[str, TimedDescent], ax: Axes | None = None, *, lowest: float | None = None) -> Axes:
    """Draw losses over seconds, on a log axis, and return the axes.

    Args:
        descents: what `descend_in_batches` gave, by the words of the legend.
        ax: where to draw; a new figure of pyplot's if None.
        lowest: the lowest loss there is, as a dotted line.

    Raises:
        ArgumentError: there is nothing to draw.
    """
    if not descents:
        raise ArgumentError("plot_batches needs at least one descent")
    if ax is not None:
        _draw(ax, descents, lowest)
        return ax
    figure, axes = pyplot_figure()
    _draw(axes[0], descents, lowest)
    settle(figure, HEIGHT)
    return axes[0]  # type: ignore[no-any-return]


def _draw(ax: Axes, descents: Mapping[str, TimedDescent], lowest: float | None) -> None:
    handles = []
    for index, each in enumerate(descents.values()):
        handles += ax.plot(each.seconds[1:], each.losses[1:], **line_style(index))  # no time has passed at first
    value_axis(ax, "loss over all samples")
    ax.set_xscale("log")
    ax.set_xlabel("seconds")
    if lowest is not None:
        ax.axhline(lowest, color="#7f7f7f", linestyle=":", linewidth=1.2)
        ax.annotate(
            "lowest", (0.0, lowest), (4, 3), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8
        )
    legend_below(ax, handles, list(descents))
