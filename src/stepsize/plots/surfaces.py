"""Surfaces: a curve or contours with known minima, the part that is shown, and chords that refute convexity."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap

from stepsize.checked_calls import checked
from stepsize.descent import Surface, Trajectory
from stepsize.descent.convexity import Convexity, Domain
from stepsize.descent.sources import Source, surface_of
from stepsize.descent.surface import Box
from stepsize.errors import ArgumentError
from stepsize.plots.curves import COLOURS, Floats
from stepsize.plots.figures import Place, axes_on, fit

INK, SHADE, CHORD, AGREES = "#3b4652", "#93a4b5", COLOURS[1], COLOURS[2]
VALLEYS = LinearSegmentedColormap.from_list("valleys", ["#b9cce0", "#fbfcfe"])
MARK: dict[str, Any] = {"color": "#111418", "markeredgecolor": "white", "markeredgewidth": 0.8, "linestyle": "none"}
MINIMUM, SADDLE = MARK | {"marker": "*", "markersize": 12}, MARK | {"marker": "X", "markersize": 8}
FINENESS = {1: 801, 2: 181}  # points along each axis, by dimensions
LEVELS, LABELLED = 16, 4  # contours, and of how many of the higher ones one has its height written on it
# Of a surface without a window: the margin around what is shown, and its shortest side, as parts of the longest side.
MARGIN, NARROWEST = 0.2, 0.35
STILL_STEEP = 0.5  # the part of its first slope that a path has at its end if it is still on its way
REACH = 0.6  # how far paths may widen the window on each side, as a part of its width


def grid_of(surface: Surface, window: Box, fineness: int) -> tuple[list[Floats], Floats, Floats]:
    """Coordinates along each axis of the window, the points of the grid that they form, and the values there."""
    axes = [np.linspace(low, high, fineness) for low, high in window]
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    return axes, grid, surface(grid)


def height_of(values: Floats) -> tuple[float, float]:
    """The lowest and the highest of the finite values, with a margin."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.08 * (high - low) or 1.0
    return low - pad, high + pad


def contour_levels(values: Floats) -> list[float]:
    """Rising values to draw contours at, about as far apart as contours of a bowl at even distances."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return []
    parts = np.linspace(0.0, 1.0, LEVELS + 1)[1:-1] ** 2
    return np.unique(np.quantile(finite, parts)).tolist()  # type: ignore[no-any-return]


def lines_of(surface: Surface, window: Box, fineness: int) -> tuple[Box, list[Floats]]:
    """What a picture shows across and up, and the curve or the contours in it, each of shape (points, 2)."""
    from contourpy import contour_generator  # late: pictures of matplotlib draw their own

    axes, grid, values = grid_of(surface, window, fineness)
    if surface.dimensions == 1:
        return (*window, height_of(values)), [np.stack([grid[:, 0], values], axis=-1)]
    generator = contour_generator(x=axes[0], y=axes[1], z=np.ma.masked_invalid(values))
    return window, [np.asarray(line) for level in contour_levels(values) for line in generator.lines(level)]


def draw_surface(ax: Axes, surface: Surface, window: Box) -> None:
    """Draw the surface within the window, its known minima as stars and its saddle points as crosses."""
    axes, _, values = grid_of(surface, window, FINENESS[surface.dimensions])
    if surface.dimensions == 1:
        ax.plot(axes[0], values, color=INK, linewidth=1.5, zorder=1)
        ax.set_ylabel("f(x)")
        ax.grid(visible=True, alpha=0.25, linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_ylim(*height_of(values))
    else:
        levels = contour_levels(values)
        if len(levels) > 1:
            ax.contourf(*axes, values, levels=levels, cmap=VALLEYS, extend="both", zorder=0)
            lines = ax.contour(
                *axes, values, levels=levels, colors=SHADE, linewidths=0.6, linestyles="solid", zorder=0.5
            )
            ax.clabel(lines, levels[LABELLED + 1 :: LABELLED], fmt=_height, fontsize=6, zorder=0.6)
        ax.set_ylim(*window[1])
        ax.set_ylabel("y")
    ax.set_xlim(*window[0])
    ax.set_xlabel("x")
    for points, style in ((surface.minima, MINIMUM), (surface.saddles, SADDLE)):
        for point in points:
            height = (float(surface(point)),) if surface.dimensions == 1 else ()
            ax.plot(*point, *height, zorder=2.9, **style)


def _height(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def window_of(surface: Surface, trajectories: Sequence[Trajectory] = ()) -> Box:
    """(low, high) for each coordinate: the surface's window, widened for paths that leave it but stay near.

    If a surface has no window, this is the region where the paths lie below their starts.
    """
    if surface.dimensions > 2:
        raise ArgumentError(
            f"the surface of a picture, {surface.text},", "", "of 1 or 2 dimensions", surface.dimensions
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


def _around(surface: Surface, paths: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The corners of the box around known minima and the parts of the paths below their starts, or around zero."""
    below = [path[surface(path) <= surface(path[0])] for path in paths]
    known = np.array(surface.minima).reshape(-1, surface.dimensions)
    far = [_as_far_as_zero(path[0]) for path in paths if len(path) > 1 and not _arrived(surface, path)]
    points = np.concatenate(
        [known, *below, *far, *([] if below or len(known) else [np.zeros((1, surface.dimensions))])]
    )
    low, high = points.min(axis=0), points.max(axis=0)
    width = high - low
    if not width.any():  # no point was lower than the start
        width = np.full(surface.dimensions, max(1.0, float(np.abs(low).max())))
    width = np.maximum(width, NARROWEST * width.max())
    middle = (low + high) / 2
    half = (0.5 + MARGIN) * width
    return middle - half, middle + half


def _arrived(surface: Surface, path: Floats) -> bool:
    """Whether the slope has fallen: a picture of a path that is still on its way shows the way before it."""
    first, last = np.linalg.norm(surface.gradient(path[[0, -1]]), axis=-1)
    return not last > STILL_STEEP * first


def _as_far_as_zero(start: Floats) -> Floats:
    """The corners of the box around a point that reaches to zero, or by 1 from there."""
    reach = np.where(start == 0, 1.0, np.abs(start))
    return np.stack([start - reach, start + reach])


@checked
def plot_convexity(subject: Source, domain: Domain, answer: Convexity, ax: Place = None) -> Axes:
    """Draw a function of one variable, or a set in the plane, with the chord that refutes its convexity.

    If none does, one of the chords that do not is drawn in green.

    Args:
        subject: the function that `is_convex` was given; or, with a domain of two coordinates, the membership function
            that `is_convex_set` was given, which must take arrays.
        domain: (low, high) for each coordinate, or (low, high) in one dimension.
        answer: what `is_convex` or `is_convex_set` returned.
        ax: axes, or an empty figure; None: a new figure of pyplot's.

    Raises:
        ArgumentError: the function has more than one variable, or the set is not in the plane.
    """
    if isinstance(subject, str) or len(domain) == 1:
        subject = surface_of(subject, 1)
    if isinstance(subject, Surface) and subject.dimensions != 1:
        raise ArgumentError("plot_convexity", "subject", "a function of one variable", subject.text)
    if not isinstance(subject, Surface) and len(domain) != 2:
        raise ArgumentError("plot_convexity", "domain", "(low, high) for each of 2 coordinates of a set", domain)
    (axes,) = axes_on("plot_convexity", ax, "surface")
    if isinstance(subject, Surface):
        draw_surface(axes, subject, domain)
    else:
        _draw_set(axes, subject, domain)
    if answer.chord is None:
        ends = _chord(subject, domain) if isinstance(subject, Surface) else _chord_of_set(subject, domain)
        axes.plot(*ends.T, "o-", color=AGREES, linewidth=2, markersize=5, zorder=3)
    else:
        points = np.array([answer.chord.start, answer.chord.end, answer.chord.at])
        if isinstance(subject, Surface):
            points = np.column_stack([points[:, 0], subject(points)])
            x, top = points[2]
            gap: dict[str, Any] = {"color": CHORD, "linestyle": (0, (2, 1.5)), "linewidth": 1.5}
            axes.plot([x, x], [top, top - answer.chord.excess], **gap)
        axes.plot(*points[:2].T, "o-", color=CHORD, linewidth=2, markersize=5, zorder=3)
        axes.plot(*points[2], "X", color=CHORD, markersize=9, markeredgecolor="white", zorder=4)
    fit(axes, 4.2)
    return axes  # type: ignore[no-any-return]


def _chord(function: Surface, domain: Domain) -> Floats:
    """Both ends of the chord over the middle of the domain, shape (2, 2)."""
    ((low, high),) = np.reshape(domain, (1, 2))
    x = np.array([[0.8 * low + 0.2 * high], [0.2 * low + 0.8 * high]])
    return np.column_stack([x[:, 0], function(x)])


def _chord_of_set(contains: Callable[..., Any], domain: Domain) -> Floats:
    """The lowest and the highest of the points of a set on a grid, shape (2, 2)."""
    _, grid, inside = grid_of(Surface("set", "a set", contains, contains, 2), domain, 241)
    found: Floats = grid[inside.astype(bool)]
    return found[[found.sum(axis=-1).argmin(), found.sum(axis=-1).argmax()]] if len(found) else found[:0]


def _draw_set(ax: Axes, contains: Callable[..., Any], window: Box) -> None:
    axes, _, inside = grid_of(Surface("set", "a set", contains, contains, 2), window, 241)
    ax.contourf(*axes, inside, levels=[0.5, 1.5], cmap=ListedColormap(["#cfdcea"]))
    ax.contour(*axes, inside, levels=[0.5], colors=INK, linewidths=1.5)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
