"""A surface as a picture: a curve in one dimension, contours in two, with what is known of its minima."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from stepsize.descent import Surface
from stepsize.descent.surface import Box

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
