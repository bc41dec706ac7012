"""Figures: how they are made, sized to hold the legend below their axes, and saved."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from stepsize.errors import OutputError
from stepsize.files import write_whole

WIDTH = 7.0
"""Inches."""
ROOMY = 40.0
"""Inches: as high as figures start out, so that no legend has to be cramped."""
PADDING = 0.1
"""Inches around everything."""
PICTURES = ("png", "svg", "pdf", "jpg", "webp")


@contextmanager
def missing_glyphs_unsaid() -> Iterator[None]:
    """No warning for every letter that matplotlib's font has not; any other warning is shown as ever."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        yield


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


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file of the kind that its name ends in, whole or not at all, and return the path.

    Raises:
        OutputError: the name does not end in .png, .svg, .pdf, .jpg or .webp, or the file cannot be written; one that
            was there before is left as it was.
    """
    target = Path(path)
    kind = picture_kind(target)
    picture = BytesIO()
    with missing_glyphs_unsaid():
        figure.savefig(picture, format=kind, dpi=150)
    write_whole(target, picture.getvalue())
    return target


def picture_kind(path: Path) -> str:
    """The kind of file that a picture's name ends in.

    Raises:
        OutputError: it is none of those that can be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in PICTURES:
        allowed = ", ".join(f".{each}" for each in PICTURES)
        raise OutputError(f"cannot write a picture to {path}; end its name in one of {allowed}")
    return kind
