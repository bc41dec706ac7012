"""Figures that are ours: how they are made, and how they grow to hold what is below the axes."""

from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from stepsize.plots.glyphs import missing_glyphs_unsaid

WIDTH = 7.0
"""Inches."""
ROOMY = 40.0
"""Inches: as high as figures start out, so that no legend has to be cramped."""


PADDING = 0.1
"""Inches around everything."""


class _Picture(Figure):
    """A figure that a notebook shows, though pyplot does not know of it."""

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        with missing_glyphs_unsaid():
            self.savefig(picture, format="png")
        return picture.getvalue()


def blank_figure(rows: int = 1) -> tuple[Figure, NDArray[np.object_]]:
    """A figure that pyplot does not know of, and its axes from top to bottom."""
    figure = _Picture(figsize=(WIDTH, ROOMY), layout=_layout())
    return figure, figure.subplots(rows, squeeze=False, sharex=True)[:, 0]


def pyplot_figure(rows: int = 1) -> tuple[Figure, NDArray[np.object_]]:
    """A figure of pyplot's, which a notebook shows by itself, and its axes from top to bottom."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(rows, squeeze=False, sharex=True, figsize=(WIDTH, ROOMY), layout=_layout())
    return figure, axes[:, 0]


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=PADDING, h_pad=PADDING)


def settle(figure: Figure, panel_height: float) -> None:
    """Give each panel its height in inches, and let the figure be as high as the panels and the legend need."""
    axes = figure.axes
    legend = axes[-1].get_legend()
    with missing_glyphs_unsaid():
        below = legend.get_window_extent().height / figure.dpi if legend else 0.0
    figure.set_figheight(panel_height * len(axes) + below)


def blank_panels(rows: int, columns: int, panel_height: float) -> tuple[Figure, list[Axes]]:
    """A figure that pyplot does not know of, with panels of this height in inches, row by row."""
    figure = _Picture(figsize=(WIDTH, rows * panel_height), layout=_layout())
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)
