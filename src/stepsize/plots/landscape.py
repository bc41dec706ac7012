"""A surface as a picture: a curve or contours with known minima, and what part of it is shown."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from stepsize.descent import Surface, Trajectory
from stepsize.descent.surface import Box
from stepsize.errors import ArgumentError, quoted

INK, SHADE = "#3b4652", "#93a4b5"
_VALLEYS = LinearSegmentedColormap.from_list("valleys", ["#cfdcea", "#fbfcfe"])
_FINENESS = {1: 801, 2: 181}
_LEVELS = 16
MINIMUM: dict[str, Any] = {
    "marker": "*",
    "markersize": 12,
    "color": "#111418",
    "markeredgecolor": "white",
    "markeredgewidth": 0.8,
}
SADDLE: dict[str, Any] = {
    "marker": "X",
    "markersize": 8,
    "color": "#111418",
    "markeredgecolor": "white",
    "markeredgewidth": 0.8,
}
MARGIN = 0.2
"""Around what is shown of a surface that has no window of its own, as a part of its width."""
NARROWEST = 0.35
"""No side of such a picture is shorter than this part of the longest."""
REACH = 0.6
"""How far a path may widen the window on each side, as a part of the width; the rest of it leaves the picture."""


def draw_surface(ax: Axes, surface: Surface, window: Box) -> None:
    """The surface within the window, its known minima as stars and its saddle points as crosses."""
    axes = [np.linspace(low, high, _FINENESS[surface.dimensions]) for low, high in window]
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    values = surface(grid)
    if surface.dimensions == 1:
        ax.plot(axes[0], values, color=INK, linewidth=1.5, zorder=1)
        ax.set_ylabel("f(x)")
        ax.grid(visible=True, alpha=0.25, linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
        _draw_height(ax, values)
    else:
        levels = contour_levels(values)
        if len(levels) > 1:
            ax.contourf(*axes, values, levels=levels, cmap=_VALLEYS, extend="both", zorder=0)
            ax.contour(*axes, values, levels=levels, colors=SHADE, linewidths=0.6, linestyles="solid", zorder=0.5)
        ax.set_ylim(*window[1])
        ax.set_ylabel("y")
    ax.set_xlim(*window[0])
    ax.set_xlabel("x")
    for points, style in ((surface.minima, MINIMUM), (surface.saddles, SADDLE)):
        for point in points:
            height = (float(surface(point)),) if surface.dimensions == 1 else ()
            ax.plot(*point, *height, linestyle="none", zorder=4, **style)


def contour_levels(values: NDArray[np.float64]) -> list[float]:
    """Rising values to draw contours at: as far apart, on the whole, as those of a bowl at even distances."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return []
    parts = np.linspace(0.0, 1.0, _LEVELS + 1)[1:-1] ** 2
    return np.unique(np.quantile(finite, parts)).tolist()  # type: ignore[no-any-return]


def _draw_height(ax: Axes, values: NDArray[np.float64]) -> None:
    """The heights of the curve fill the picture, whatever is drawn on it later."""
    finite = values[np.isfinite(values)]
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        pad = 0.08 * (high - low) or 1.0
        ax.set_ylim(low - pad, high + pad)


def window_of(surface: Surface, trajectories: Sequence[Trajectory] = ()) -> Box:
    """(low, high) for each coordinate: the surface's window, widened for paths that leave it but do not run away.

    A surface without a window is shown around what the paths have below the value they start from.

    Raises:
        ArgumentError: the surface has more than two dimensions, and no picture.
    """
    if surface.dimensions > 2:
        raise ArgumentError(
            f"a picture shows a surface of one or two dimensions, and {quoted(surface.text)} has {surface.dimensions}"
        )
    paths = [path for trajectory in trajectories for path in trajectory.paths()]
    low, high = np.array(surface.window).T if surface.window else _around(surface, paths)
    reach = REACH * (high - low)
    near = [path[((path >= low - reach) & (path <= high + reach)).all(axis=-1)] for path in paths]
    points = np.concatenate([np.stack([low, high]), *near])
    lowest, highest = points.min(axis=0), points.max(axis=0)
    pad = 0.04 * (highest - lowest)
    lowest, highest = np.where(lowest < low, lowest - pad, low), np.where(highest > high, highest + pad, high)
    return tuple(zip(lowest.tolist(), highest.tolist(), strict=True))


def _around(surface: Surface, paths: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The box around the parts of the paths that lie below their starts, around known minima, or around zero."""
    below = [path[surface(path) <= surface(path[0])] for path in paths]
    known = np.array(surface.minima).reshape(-1, surface.dimensions)
    points = np.concatenate([known, *below, *([] if below or len(known) else [np.zeros((1, surface.dimensions))])])
    low, high = points.min(axis=0), points.max(axis=0)
    width = high - low
    if not width.any():  # nothing was lower than the start
        width = np.full(surface.dimensions, max(1.0, float(np.abs(low).max())))
    width = np.maximum(width, NARROWEST * width.max())
    middle = (low + high) / 2
    half = (0.5 + MARGIN) * width
    return middle - half, middle + half
