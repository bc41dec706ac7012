"""Descents: paths on a curve or over contours, and losses over time."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stepsize.checked_calls import checked
from stepsize.descent import Surface, Trajectory
from stepsize.descent.least_squares import TimedDescent
from stepsize.descent.surface import Box, Window
from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below, value_axis
from stepsize.plots.curves import Floats, colour, line_style, printable
from stepsize.plots.figures import WIDTH, Picture, Place, axes_on
from stepsize.plots.surfaces import draw_surface, window_of

Descents = Trajectory | Mapping[str, Trajectory]

HEIGHT, PANEL_HEIGHT, RATES_HEIGHT = 4.2, 2.6, 0.75  # inches: of one picture, of one of several, of rates above it
DOTS = "osD^vPX"
MOST_MARKED = 60  # a longer path has no dot at every step, and fades towards its start
FAINTEST = 0.15  # how opaque the first line of a fading path is
MOST_BOLD = 8  # with more starts, the paths are thin lines without dots and rings


@checked
def plot_descents(descents: Descents, ax: Place = None, *, window: Window = None) -> Axes:
    """Draw trajectories over the surface that they descend, with a legend below, and return the axes.

    In one dimension a path runs along the curve, in two over contours. It has a ring at its start, a larger dot at its
    end, and a dot at every step if there are at most 60; a longer path fades towards its start. With more than 8 starts
    only the ends are marked. Stars are known minima, crosses saddle points, and the numbers on contours are heights. A
    path that diverges leaves the picture, and the legend says at which step; it also says where a descent stopped for
    lack of a gradient.

    Args:
        descents: a trajectory, or several by their labels in the legend, all on one surface.
        ax: axes, or an empty figure; None: a new figure of pyplot's.
        window: (low, high) for each coordinate; if None, the window of the surface, or the region of the paths.

    Raises:
        ArgumentError: there is no trajectory, their surfaces differ, or the surface has more than two dimensions.
    """
    named = named_descents("plot_descents", "descents", descents)
    (axes,) = axes_on("plot_descents", ax, "surface")
    draw_paths(axes, named, window)
    legend_below(axes, _handles(len(named)), [_label(name, each) for name, each in named.items()], HEIGHT)
    return axes  # type: ignore[no-any-return]


def descent_panels(panels: Mapping[str, Descents], *, columns: int = 2, rates: bool = False) -> Figure:
    """Draw several pictures side by side on a `Picture`, each below its title, and return it.

    Args:
        panels: title to trajectories. If a panel has several, one legend below all panels names them.
        columns: panels in a row.
        rates: draw the rates over the steps above each panel.

    Raises:
        ArgumentError: there is no panel, or one of them cannot be drawn.
    """
    return panel_grid(named_panels("descent_panels", "panels", panels), columns, draw_paths, rates=rates)


def panel_grid(
    panels: Mapping[str, Mapping[str, Trajectory]],
    columns: int,
    draw: Callable[[Axes, Mapping[str, Trajectory]], object],
    *,
    rates: bool = False,
) -> Figure:
    """A panel for each title, drawn by `draw`, with one legend below all if a panel has several trajectories."""
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    heights = [RATES_HEIGHT] * rates + [HEIGHT if columns == 1 else PANEL_HEIGHT]
    figure = Picture()
    figure.set_size_inches(WIDTH, rows * sum(heights))
    lines = figure.subplots(rows * len(heights), columns, squeeze=False, height_ratios=heights * rows)
    # Each column of `cells` is a panel, from top to bottom.
    cells = lines.reshape(rows, len(heights), columns).swapaxes(0, 1).reshape(len(heights), -1)
    for cell, (title, each) in zip(cells.T, panels.items(), strict=False):
        draw(cell[-1], each)
        if rates:
            _draw_rates(cell[0], each)
        cell[0].set_title(printable(title), fontsize=9.5)
        for ax in cell:
            ax.tick_params(labelsize=8)
    for ax in cells[:, len(panels) :].flat:
        ax.set_visible(False)
    labels = labels_of(panels)
    if labels:
        figure.legend(_handles(len(labels)), labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _draw_rates(ax: Axes, named: Mapping[str, Trajectory]) -> None:
    for index, each in enumerate(named.values()):
        ax.plot(each.rates, color=colour(index), linewidth=1.4)
    ax.set_ylim(bottom=0)
    ax.set_xlim(0, max(each.steps for each in named.values()))
    ax.set_ylabel("rate", fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def labels_of(panels: Mapping[str, Mapping[str, Trajectory]]) -> list[str]:
    """The names in panels with several trajectories, each once."""
    return list(dict.fromkeys(label for each in panels.values() if len(each) > 1 for label in each))


def named_panels(owner: str, argument: str, panels: Mapping[str, Descents]) -> dict[str, dict[str, Trajectory]]:
    """The trajectories of each panel by name, as by `named_descents`."""
    if not panels:
        raise ArgumentError(owner, argument, "at least one panel", panels)
    return {title: named_descents(owner, f"{argument}[{title!r}]", each) for title, each in panels.items()}


def named_descents(owner: str, argument: str, descents: Descents) -> dict[str, Trajectory]:
    """Trajectories by name; a single one has the name of its optimizer. Errors name this argument of `owner`."""
    named = {str(descents.optimizer): descents} if isinstance(descents, Trajectory) else descents
    if not isinstance(named, Mapping):
        raise ArgumentError(owner, argument, "a trajectory, or a mapping of names to trajectories", descents)
    for name, each in named.items():
        if not isinstance(each, Trajectory):
            raise ArgumentError(owner, f"{argument}[{name!r}]", "a trajectory", each, "descend() makes one")
    surfaces = list(dict.fromkeys(each.surface for each in named.values()))
    if len(surfaces) != 1:
        rule = "on one surface" if surfaces else "at least one trajectory"
        raise ArgumentError(owner, argument, rule, tuple(each.text for each in surfaces[:2]))
    return dict(named)


def draw_paths(ax: Axes, named: Mapping[str, Trajectory], window: Box | None = None) -> None:
    """Draw the surface and the paths on it."""
    draw_ground(ax, named, window)
    for index, trajectory in enumerate(named.values()):
        style = path_style(index)
        paths = list(trajectory.paths())
        few = len(paths) <= MOST_BOLD
        dots = style if few else {"color": style["color"]}
        line: dict[str, Any] = {"linewidth": 1.4} if few else {"linewidth": 0.7, "alpha": 0.5}
        end = style | {"markersize": 6.5 if few else 3.0, "markeredgecolor": "white", "zorder": 3.6}
        for path, away in zip(paths, trajectory.diverged.flat, strict=True):
            across, up = on_picture(trajectory.surface, path)
            if few and len(path) > MOST_MARKED:
                ax.add_collection(_fading(across, up, style["color"]), autolim=False)
            else:
                ax.plot(across, up, zorder=3, **dots, **line)
            if not away:
                ax.plot(across[-1:], up[-1:], linestyle="none", **end)


def _fading(across: Floats, up: Floats, colour: str) -> LineCollection:
    """A path as a line for each step, ever more opaque."""
    points = np.column_stack([across, up])
    opaque = np.linspace(FAINTEST, 1.0, len(points) - 1)
    colours = [(*to_rgba(colour)[:3], each) for each in opaque.tolist()]
    return LineCollection([*np.stack([points[:-1], points[1:]], axis=1)], colors=colours, linewidths=1.4, zorder=3)


def draw_ground(ax: Axes, named: Mapping[str, Trajectory], window: Box | None = None) -> None:
    """Draw the surface, and a ring at the start of each descent unless there are many."""
    trajectories = list(named.values())
    surface = trajectories[0].surface
    default = window_of(surface, trajectories)
    if window is not None and len(window) != len(default):
        rule = f"(low, high) for each coordinate, {len(default)} here"
        raise ArgumentError("plot_descents", "window", rule, window)
    draw_surface(ax, surface, window or default)
    for index, trajectory in enumerate(trajectories):
        if trajectory.lasted.size <= MOST_BOLD:
            across, up = on_picture(surface, trajectory.points[0].reshape(-1, surface.dimensions))
            ring = path_style(index) | {"marker": "o", "markersize": 6, "markerfacecolor": "white"}
            ax.plot(across, up, linestyle="none", zorder=3.5, **ring)


def path_style(index: int) -> dict[str, Any]:
    """The colour of the path of this index and the shape of its dots, as keywords of `Axes.plot`."""
    return {"color": colour(index), "marker": DOTS[index % len(DOTS)], "markersize": 3.6}


def on_picture(surface: Surface, path: Floats) -> tuple[Floats, Floats]:
    """Where a path is drawn: across and up."""
    return path[:, 0], surface(path) if surface.dimensions == 1 else path[:, 1]


def _handles(count: int) -> list[Line2D]:
    return [Line2D([], [], **path_style(index)) for index in range(count)]


def _label(name: str, trajectory: Trajectory) -> str:
    """The name, with what ended the descent early if anything did."""
    diverged, stopped = trajectory.diverged, trajectory.stopped
    if diverged.size > 1:
        counts = {"diverged": int(diverged.sum()), "stopped": int(stopped.sum())}
        ends = ", ".join(f"{count:,} of {diverged.size:,} starts {word}" for word, count in counts.items() if count)
        return f"{name} ({ends})" if ends else name
    lasted = int(trajectory.lasted.flat[0])
    if stopped.any():
        return f"{name} (stopped after {lasted:,} step{'s'[: lasted != 1]}: gradient undefined)"
    return f"{name} (diverged at step {lasted + 1:,})" if diverged.any() else name


def plot_batches(descents: Mapping[str, TimedDescent], ax: Place = None, *, lowest: float | None = None) -> Axes:
    """Draw losses over seconds, on a log axis, and return the axes.

    A descent that diverged leaves the picture, and the legend says after how many updates.

    Args:
        descents: results of `descend_in_batches`, by their labels in the legend.
        ax: axes, or an empty figure; None: a new figure of pyplot's.
        lowest: the lowest possible loss, drawn as a dotted line.

    Raises:
        ArgumentError: there is nothing to draw.
    """
    if not descents:
        raise ArgumentError("plot_batches", "descents", "at least one descent", descents)
    (axes,) = axes_on("plot_batches", ax, "loss")
    handles: list[Artist] = []
    labels, heights = [], []
    for index, (name, each) in enumerate(descents.items()):
        handles += axes.plot(each.seconds[1:], each.losses[1:], **line_style(index))  # a log axis has no time 0
        labels.append(f"{name} (diverged after {each.lasted:,} updates)" if each.diverged else name)
        heights.append((each.losses.min(), each.losses[: 1 if each.diverged else None].max()))
    value_axis(axes, "loss over all samples")
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    if any(each.diverged for each in descents.values()):
        low, high = min(low for low, _ in heights), max(high for _, high in heights)
        pad = 0.05 * (high - low) or 0.05 * high
        axes.set_ylim(low - pad, high + pad)
    if lowest is not None:
        axes.axhline(lowest, color="#7f7f7f", linestyle=":", linewidth=1.2)
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes.annotate("lowest", (0.0, lowest), (4, 3), fontsize=8, **place)
    legend_below(axes, handles, labels)
    return axes  # type: ignore[no-any-return]
