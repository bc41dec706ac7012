"""Convexity as a picture: a function or a set, and the chord that refutes it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from stepsize.arguments import checked
from stepsize.descent import Convexity, Surface
from stepsize.descent.convexity import Domain
from stepsize.descent.sources import Source, surface_of
from stepsize.descent.surface import Box
from stepsize.errors import ArgumentError
from stepsize.plots.curves import COLOURS
from stepsize.plots.landscape import INK, draw_surface, window_of

AGAINST = COLOURS[1]
_FINENESS = 241


@checked
def plot_convexity(subject: Source, domain: Domain, answer: Convexity, ax: Axes | None = None) -> Axes:
    """Draw a function of one variable, or a set in the plane, with the chord that speaks against its convexity.

    Args:
        subject: what `is_convex` was asked about; or, with a domain of two coordinates, the membership function of
            `is_convex_set`, which must take arrays.
        domain: (low, high) for each coordinate; in one dimension (low, high).
        answer: what was answered.
        ax: where to draw; a new figure of pyplot's if None.

    Raises:
        ArgumentError: the function has more than one variable, or the set is not one of the plane.
    """
    if isinstance(subject, str) or len(domain) == 1:
        subject = surface_of(subject, 1)
    if isinstance(subject, Surface) and subject.dimensions != 1:
        raise ArgumentError(f"a chord is drawn below a function of one variable, and {subject.text} has more")
    if not isinstance(subject, Surface) and len(domain) != 2:
        raise ArgumentError(f"a set is drawn in the plane, got a domain of {len(domain)} coordinates")
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(layout="constrained")
    if isinstance(subject, Surface):
        draw_surface(ax, subject, domain)
    else:
        _draw_set(ax, subject, domain)
    if answer.chord is not None:
        _draw_chord(ax, subject, answer)
    return ax


def _draw_chord(ax: Axes, subject: Surface | Callable[..., Any], answer: Convexity) -> None:
    chord = answer.chord
    assert chord is not None
    points = np.array([chord.start, chord.end, chord.at])
    if isinstance(subject, Surface):
        heights = subject(points)
        points = np.column_stack([points[:, 0], heights])
        top = heights[2]
        ax.plot([points[2, 0]] * 2, [top, top - chord.excess], color=AGAINST, linestyle=(0, (2, 1.5)), linewidth=1.5)
    (a, b, at) = points
    ax.plot([a[0], b[0]], [a[1], b[1]], "o-", color=AGAINST, linewidth=2, markersize=5, zorder=3)
    ax.plot(*at, "X", color=AGAINST, markersize=9, markeredgecolor="white", zorder=4)


def _draw_set(ax: Axes, contains: Callable[..., Any], domain: Box) -> None:
    window = window_of(Surface("set", "a set", contains, contains, 2, domain))
    axes = [np.linspace(low, high, _FINENESS) for low, high in window]
    grid = np.meshgrid(*axes)
    inside = np.broadcast_to(np.asarray(contains(*grid), dtype=np.float64), grid[0].shape)
    ax.contourf(*axes, inside, levels=[0.5, 1.5], cmap=ListedColormap(["#cfdcea"]))
    ax.contour(*axes, inside, levels=[0.5], colors=INK, linewidths=1.5)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
