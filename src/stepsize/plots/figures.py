"""Figures: how they are made, how high they are, and how they are saved."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from stepsize.errors import ArgumentError, OutputError
from stepsize.files import write_whole

# Inches: the width of a figure, its height until the legend is laid out, and the margin.
WIDTH, HIGH, PADDING = 7.0, 40.0, 0.1
Tiers = tuple[tuple[tuple[float, ...], int], ...]
"""Sizes of the letters of a legend in points, and how many lines a label may take, in order of preference."""
TIERS: Tiers = (((9.0, 8.0, 7.0), 2), ((6.0, 5.0), 2), ((6.0, 5.0), 1))
Place = Axes | Figure | None
Places = Sequence[Axes] | NDArray[np.object_] | Figure | None
PICTURES = ("png", "svg", "pdf", "jpg", "webp")


@contextmanager
def without_glyph_warnings() -> Iterator[None]:
    """Ignore matplotlib's warning for every character that its font lacks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        yield


class Picture(Figure):
    """An empty figure to draw on, for files and programs: pyplot does not know it, and a notebook shows it.

    Every `plot_*` function takes one in place of axes and makes it as high as its panels and its legend need.

    Example:
        >>> from stepsize import Cosine
        >>> from stepsize.plots import Picture, plot_schedules
        >>> plot_schedules([Cosine(0.1, 0.0, 1000)], Picture()).get_xlabel()
        'step'
    """

    legend_tiers = TIERS

    def __init__(self, **options: Any) -> None:
        layout = ConstrainedLayoutEngine(w_pad=PADDING, h_pad=PADDING)
        super().__init__(**{**options, "figsize": (WIDTH, HIGH), "layout": layout})

    def fit(self, panel_height: float, texts: float) -> None:
        """Take the height of all panels and of texts, in inches; a plot function calls it at its end."""
        self.set_figheight(panel_height * len(self.axes) + texts)

    def _repr_png_(self) -> bytes:
        return _content(self, format="png")


def axes_on(owner: str, place: Place | Places, *panels: str) -> NDArray[np.object_]:
    """One axes for each panel, from top to bottom: those given, or new ones on the figure, or on one of pyplot's."""
    if place is None:
        from matplotlib import pyplot

        place = pyplot.figure(FigureClass=Picture)
    if isinstance(place, Figure):
        axes: NDArray[np.object_] = place.subplots(len(panels), squeeze=False, sharex=True)[:, 0]
        return axes
    axes = np.ravel(np.asarray(place, dtype=object))
    if len(axes) != len(panels):
        name = "axes" if len(panels) > 1 else "ax"
        raise ArgumentError(owner, name, f"{len(panels)} axes ({', '.join(panels)}) or a figure", place)
    return axes


def fit(ax: Axes, panel_height: float) -> None:
    """Give a `Picture` the height for panels of this height in inches and the legend below the last, `ax`."""
    figure = ax.figure
    if isinstance(figure, Picture):
        legend = ax.get_legend()
        with without_glyph_warnings():
            below = legend.get_window_extent().height / figure.dpi if legend else 0.0
        figure.fit(panel_height, below)


def save_figure(picture: Figure | Axes | Sequence[Axes] | NDArray[np.object_], path: str | os.PathLike[str]) -> Path:
    """Write a picture to a file of the kind that its name ends in, whole or not at all, and return the path.

    Args:
        picture: what a `plot_*` function returned, or a figure.
        path: ends in .png, .svg, .pdf, .jpg or .webp.

    Raises:
        OutputError: the name ends in something else, or the file cannot be written; an existing file is then kept.
    """
    figure = picture if isinstance(picture, Figure) else np.ravel(np.asarray(picture, dtype=object))[0].figure
    target = Path(path)
    write_whole(target, _content(figure, format=picture_kind(target), dpi=150))
    return target


def picture_kind(path: Path) -> str:
    """The kind of picture that a file's name ends in; OutputError if it is none of PICTURES."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in PICTURES:
        raise OutputError(f"cannot write a picture to {path}", f"end its name in {listed_kinds(PICTURES)}")
    return kind


def listed_kinds(kinds: Sequence[str]) -> str:
    """The kinds of files, as advice."""
    return f"one of {', '.join(f'.{kind}' for kind in kinds)}"


def _content(figure: Figure, **options: Any) -> bytes:
    content = BytesIO()
    with without_glyph_warnings(), rc_context({"pdf.fonttype": 42}):  # TrueType: many journals refuse Type 3
        figure.savefig(content, **options)
    return content.getvalue()
