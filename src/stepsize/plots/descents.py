"""Trajectories over their surface: paths on a curve, or over contours."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stepsize.arguments import checked
from stepsize.descent import Surface, Trajectory
from stepsize.descent.surface import Box, Window
from stepsize.errors import ArgumentError
from stepsize.plots.axes import legend_below
from stepsize.plots.curves import COLOURS, one_line
from stepsize.plots.figures import blank_figure, blank_panels, pyplot_figure, settle
from stepsize.plots.landscape import draw_surface, window_of

Descents = Trajectory | Mapping[str, Trajectory]

HEIGHT, PANEL_HEIGHT = 4.2, 2.6
"""Inches: of one picture, and of one of several."""
DOTS = "osD^vPX"
MOST_MARKED = 60
"""Longer paths are lines without a dot at every step."""
MOST_BOLD = 8
"""The paths of more starts are thin lines without dots and without a ring at the start."""


@checked
def plot_descents(descents: Descents, ax: Axes | None = None, *, window: Window = None) -> Axes:
    """Draw trajectories over the surface they descended, with a legend below, and return the axes.

    In one dimension a path runs along the curve, in two over contours. It has a dot at every step while there are at
    most 60, a ring at its start and a larger dot at its end; of more than 8 starts only the ends are marked. Stars are
    known minima, crosses saddle points. A path that runs away leaves the picture, and the legend says where it
    diverged, or where it stopped for want of a gradient.

    Args:
        descents: a trajectory, or several by the words of the legend, all on one surface.
        ax: where to draw; a new figure of pyplot's if None.
        window: (low, high) for each coordinate; the surface's window, or where the paths go, if None.

    Raises:
        ArgumentError: there is none, they are on different surfaces, or the surface has more than two dimensions.
    """
    named = named_descents("plot_descents", descents)
    if ax is not None:
        draw_descents(ax, named, window)
        return ax
    figure, axes = pyplot_figure()
    draw_descents(axes[0], named, window)
    settle(figure, HEIGHT)
    return axes[0]  # type: ignore[no-any-return]


@checked
def descents_figure(descents: Descents, *, window: Window = None) -> Figure:
    """The picture of `plot_descents` as a figure that pyplot does not know of: for files and programs."""
    named = named_descents("descents_figure", descents)
    figure, axes = blank_figure()
    draw_descents(axes[0], named, window)
    settle(figure, HEIGHT)
    return figure


def descent_panels(panels: Mapping[str, Descents], *, columns: int = 2) -> Figure:
    """Several pictures side by side, each under its title, as a figure that pyplot does not know of.

    Args:
        panels: title to trajectories. Where a panel has several, they are named in one legend below all.
        columns: how many stand in a row.

    Raises:
        ArgumentError: there is none, or one of them cannot be drawn.
    """
    named = {title: named_descents("descent_panels", descents) for title, descents in panels.items()}
    return panel_grid(named, columns, draw_paths)


def panel_grid(
    panels: Mapping[str, Mapping[str, Trajectory]],
    columns: int,
    draw: Callable[[Axes, Mapping[str, Trajectory]], object],
) -> Figure:
    """A panel for each title, drawn by `draw`, with one legend below all where a panel has several trajectories.

    Raises:
        ArgumentError: there is no panel.
    """
    if not panels:
        raise ArgumentError("descent_panels needs at least one panel")
    columns = min(columns, len(panels))
    height = HEIGHT if columns == 1 else PANEL_HEIGHT
    figure, axes = blank_panels(math.ceil(len(panels) / columns), columns, height)
    for ax, (title, each) in zip(axes, panels.items(), strict=False):
        draw(ax, each)
        ax.set_title(one_line(title), fontsize=9.5)
        ax.tick_params(labelsize=8)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    labels = dict.fromkeys(label for each in panels.values() if len(each) > 1 for label in each)
    if labels:
        handles = [sample(index) for index in range(len(labels))]
        figure.legend(handles, list(labels), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def named_descents(owner: str, descents: Descents) -> dict[str, Trajectory]:
    """Trajectories by name: their own, or that of the optimizer; errors speak of `owner`.

    Raises:
        ArgumentError: there is none, something is no trajectory, or they are on different surfaces.
    """
    named = {str(descents.optimizer): descents} if isinstance(descents, Trajectory) else descents
    if not isinstance(named, Mapping):
        raise ArgumentError(owner, "descents", "a trajectory, or a mapping of names to trajectories", descents)
    for name, each in named.items():
        if not isinstance(each, Trajectory):
            raise ArgumentError(owner, f"descents[{name!r}]", "a trajectory", each, "descend() makes one")
    surfaces = list(dict.fromkeys(each.surface for each in named.values()))
    if not surfaces:
        raise ArgumentError(f"{owner} needs at least one trajectory")
    if len(surfaces) > 1:
        raise ArgumentError(f"{owner} draws on one surface, got {' and '.join(each.text for each in surfaces[:2])}")
    return dict(named)


def draw_descents(ax: Axes, named: Mapping[str, Trajectory], window: Box | None) -> None:
    """Paths, and their legend below."""
    handles = draw_paths(ax, named, window)
    legend_below(ax, handles, [_told(name, each) for name, each in named.items()])


def draw_paths(ax: Axes, named: Mapping[str, Trajectory], window: Box | None = None) -> list[Line2D]:
    """The surface and the paths on it; a line for each name, for a legend."""
    draw_ground(ax, named, window)
    for index, trajectory in enumerate(named.values()):
        style = path_style(index)
        paths = list(trajectory.paths())
        few = len(paths) <= MOST_BOLD
        dots = style if few and trajectory.steps <= MOST_MARKED else {"color": style["color"]}
        line: dict[str, Any] = {"linewidth": 1.4} if few else {"linewidth": 0.7, "alpha": 0.5}
        end = style | {"markersize": 6.5 if few else 3.0, "markeredgecolor": "white", "zorder": 3.6}
        for path, away in zip(paths, trajectory.diverged.flat, strict=True):
            across, up = on_picture(trajectory.surface, path)
            ax.plot(across, up, zorder=3, **dots, **line)
            if not away:
                ax.plot(across[-1:], up[-1:], linestyle="none", **end)
    return [sample(index) for index in range(len(named))]


def draw_ground(ax: Axes, named: Mapping[str, Trajectory], window: Box | None = None) -> None:
    """What does not move: the surface, and a ring where each descent begins, unless there are many."""
    trajectories = list(named.values())
    surface = trajectories[0].surface
    seen = window_of(surface, trajectories)
    if window is not None and len(window) != len(seen):
        raise ArgumentError(f"a window is (low, high) for each coordinate, {len(seen)} here, got {window}")
    draw_surface(ax, surface, window or seen)
    for index, trajectory in enumerate(trajectories):
        if trajectory.lasted.size <= MOST_BOLD:
            across, up = on_picture(surface, trajectory.points[0].reshape(-1, surface.dimensions))
            ring = path_style(index) | {"marker": "o", "markersize": 6, "markerfacecolor": "white"}
            ax.plot(across, up, linestyle="none", zorder=3.5, **ring)


def sample(index: int) -> Line2D:
    """What the path of this index looks like, for a legend."""
    return Line2D([], [], **path_style(index))


def path_style(index: int) -> dict[str, Any]:
    """The colour of the path of this index, and the dots at its steps, which differ as well."""
    return {"color": COLOURS[index % len(COLOURS)], "marker": DOTS[index % len(DOTS)], "markersize": 3.6}


def on_picture(surface: Surface, path: np.ndarray) -> Sequence[np.ndarray]:
    """Where a path is drawn: across and up."""
    return (path[:, 0], surface(path)) if surface.dimensions == 1 else (path[:, 0], path[:, 1])


def _told(name: str, trajectory: Trajectory) -> str:
    """The name, and what became of a descent that did not hold."""
    diverged, stopped = trajectory.diverged, trajectory.stopped
    if diverged.size > 1:
        counts = {"diverged": int(diverged.sum()), "stopped": int(stopped.sum())}
        told = ", ".join(f"{count:,} of {diverged.size:,} starts {word}" for word, count in counts.items() if count)
        return f"{name} ({told})" if told else name
    if stopped.any():
        return f"{name} (stopped after {int(trajectory.lasted.flat[0]):,} steps: no gradient there)"
    return f"{name} (diverged at step {int(trajectory.lasted.flat[0]) + 1:,})" if diverged.any() else name
