"""Losses over wall time, for batches of several sizes."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from stepsize.descent import TimedDescent
from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below, value_axis
from stepsize.plots.curves import line_style
from stepsize.plots.figures import pyplot_figure, settle

HEIGHT = 3.6
"""Inches."""


def plot_batches(descents: Mapping[str, TimedDescent], ax: Axes | None = None, *, lowest: float | None = None) -> Axes:
    """Draw losses over seconds, on a log axis, and return the axes.

    A descent that diverged leaves the picture, and the legend says after how many updates.

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
    if any(each.diverged for each in descents.values()):
        ax.set_ylim(*_in_view(list(descents.values())))
    if lowest is not None:
        ax.axhline(lowest, color="#7f7f7f", linestyle=":", linewidth=1.2)
        ax.annotate(
            "lowest", (0.0, lowest), (4, 3), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8
        )
    legend_below(ax, handles, [_told(name, each) for name, each in descents.items()])


def _in_view(descents: Sequence[TimedDescent]) -> tuple[float, float]:
    """From the lowest loss to the highest of those that held, and of where each began."""
    low = min(float(each.losses.min()) for each in descents)
    high = max(float(each.losses[: 1 if each.diverged else None].max()) for each in descents)
    pad = 0.05 * (high - low) or 0.05 * high
    return low - pad, high + pad


def _told(name: str, down: TimedDescent) -> str:
    """The name, and what became of a descent that did not hold."""
    return f"{name} (diverged after {down.lasted:,} updates)" if down.diverged else name
