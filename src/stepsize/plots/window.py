"""What part of a surface a picture shows."""

from collections.abc import Sequence

import numpy as np

from stepsize.arguments import quoted
from stepsize.descent import Surface, Trajectory
from stepsize.descent.surface import Box
from stepsize.errors import ArgumentError

MARGIN = 0.2
"""Around what is shown of a surface that has no window of its own, as a part of its width."""
NARROWEST = 0.35
"""No side of such a picture is shorter than this part of the longest."""
REACH = 0.6
"""How far a path may widen the window on each side, as a part of the width; the rest of it leaves the picture."""


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
