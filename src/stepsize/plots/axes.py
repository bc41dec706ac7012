"""Axes that pictures share: steps across, values up, and a legend below."""

import functools
import itertools
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import SubplotSpec
from matplotlib.legend import Legend
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox, ScaledTranslation

from stepsize.errors import one_line
from stepsize.plots.curves import printable
from stepsize.plots.figures import TIERS, Picture, Tiers, fit, without_glyph_warnings
from stepsize.schedules.curve import wants_log

HANDLE, GAP = 34.0, 16.0  # points: the piece of line before a label, and the space between two columns
MOST_COLUMNS = 4
LONGEST_LABEL = 40  # characters beside an axis


def step_axis(axes: Iterable[Axes], last: float) -> None:
    """Whole steps 0 .. last across, with thousands separators, and a label below the last row."""
    for ax in axes:
        ax.set_xlim(-0.02 * (last or 1), 1.02 * (last or 1))
        cell = ax.get_subplotspec()
        ax.set_xlabel("step" if cell is None or cell.is_last_row() else "")
        # As many numbers as fit beside each other.
        room = ax.get_window_extent().width / ax.figure.dpi * 72
        number = 0.62 * float(ax.xaxis.label.get_fontsize()) * (len(f"{last:,.0f}") + 1.5)
        most = max(1, min(6, int(room / number)))
        ax.xaxis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 2.5, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def value_axis(ax: Axes, label: str) -> None:
    """Values up, with grid lines."""
    ax.set_ylabel(one_line(printable(label), LONGEST_LABEL), parse_math=False)
    ax.grid(visible=True, alpha=0.25, linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)


def rate_axis(ax: Axes, ends: Iterable[float] = ()) -> None:
    """Learning rates up, for the lines that are drawn: on a log scale if the values span it, else from zero.

    `ends` are end values of schedules that are not drawn; one that is not positive rules out a log scale.
    """
    value_axis(ax, "learning rate")
    rates = [np.asarray(line.get_ydata(), dtype=np.float64) for line in ax.lines]
    values = [each for each in rates if each.size]
    if values and wants_log(values) and all(end > 0 for end in ends):
        ax.set_yscale("log")
    elif ax.get_yscale() == "linear" and all(each.min() >= 0 for each in values):
        ax.set_ylim(0, 1.05 * max((float(each.max()) for each in values), default=1.0) or 1.0)


def legend_below(ax: Axes, handles: Sequence[Artist], labels: Sequence[str], panel_height: float = 3.6) -> None:
    """Put a legend below the label of the x axis.

    Long labels are wrapped to two lines and then cut; many labels are set in columns, then in smaller letters. A
    `Picture` grows so that its panels have `panel_height` inches. Another figure with a layout engine makes room for
    the legend; without one, the axes give up the lower part of their place.
    """
    figure = ax.figure
    place = ax.get_window_extent()
    width, height = (length * 72 / figure.dpi for length in (place.width, place.height))
    with without_glyph_warnings():
        layout = legend_layout(figure, labels, width, height / 2)
    drop = 2.6 * float(ax.xaxis.label.get_fontsize()) + 10  # the numbers and the label of the axis
    layout.fill(
        ax.legend(
            handles,
            [str(i) for i in range(len(labels))],
            loc="upper left",
            bbox_to_anchor=(0, 0),
            bbox_transform=ax.transAxes + ScaledTranslation(0, -drop / 72, figure.dpi_scale_trans),
            borderaxespad=0,
            **layout.options,
        )
    )
    if figure.get_layout_engine() is None:
        ax.set_axes_locator(_Above(ax, layout.height, drop))
    fit(ax, panel_height)


@dataclass(frozen=True)
class _Above:
    """A locator of axes without a layout engine: their own place without the part that the legend takes.

    It computes at every drawing, so that the place itself stays unchanged if a legend is made again.
    """

    ax: Axes
    height: float
    drop: float

    def __call__(self, ax: object, renderer: object) -> Bbox:
        x, y, width, height = self.ax.get_position(original=True).bounds
        page = self.ax.figure.bbox.height / self.ax.figure.dpi * 72
        # The margin of a small figure may be too low for the numbers and the label between the axes and the legend.
        share = (self.height + max(0.0, self.drop - y * page)) / page
        return Bbox.from_bounds(x, y + share, width, height - share)

    def get_subplotspec(self) -> SubplotSpec | None:  # which `Figure.tight_layout` asks for
        return self.ax.get_subplotspec()


@dataclass(frozen=True)
class LegendLayout:
    """The labels of a legend with their line breaks, the number of columns, and the size of the letters in points."""

    labels: tuple[str, ...]
    columns: int
    size: float

    @property
    def options(self) -> dict[str, Any]:
        return {
            "ncols": self.columns,
            "fontsize": self.size,
            "frameon": False,
            "borderpad": 0,
            "handlelength": (HANDLE - 8) / self.size,
            "handletextpad": 8 / self.size,
            "columnspacing": GAP / self.size,
            "labelspacing": 0.3,
        }

    def fill(self, legend: Legend) -> None:
        """Write the labels into a legend; matplotlib would leave out one that starts with "_" and read "$" as math."""
        for text, label in zip(legend.get_texts(), self.labels, strict=True):
            text.set_text(label)
            text.set_parse_math(False)

    @property
    def height(self) -> float:
        """In points."""
        rows = -(-len(self.labels) // self.columns)
        columns = [self.labels[i * rows : (i + 1) * rows] for i in range(self.columns)]
        return 8 + max(sum(1.4 * self.size * (1 + label.count("\n")) for label in column) for column in columns)


def legend_layout(figure: object, labels: Sequence[str], width: float, height: float) -> LegendLayout:
    """The first layout in `width` points that is at most `height` points high, or the lowest of all."""
    tiers = figure.legend_tiers if isinstance(figure, Picture) else TIERS
    seen = []
    for layout in _layouts([printable(label) for label in labels], width, tiers):
        if layout.height <= height:
            return layout
        seen.append(layout)
    return min(seen, key=lambda each: each.height)


def _layouts(labels: Sequence[str], width: float, tiers: Tiers) -> Iterator[LegendLayout]:
    """As many columns as need no wrapped label, in ever smaller letters; then more columns; then the next tier."""
    widest = max((_width(label, tiers[0][0][0]) for label in labels), default=0.0)
    unbroken = max(1, min(len(labels), MOST_COLUMNS, int((width + GAP) // (widest + HANDLE + GAP))))
    for (sizes, most), columns in itertools.product(tiers, range(unbroken, MOST_COLUMNS + 1)):
        column = (width - (columns - 1) * GAP) / columns - HANDLE
        for size in sizes:
            if columns == unbroken or column > 8 * size:
                yield LegendLayout(tuple(_wrapped(label, column, size, most) for label in labels), columns, size)


def _wrapped(label: str, width: float, size: float, most: int) -> str:
    """The label in at most `most` lines of at most `width` points; the rest is cut off."""
    length = min(len(label), int(width / (0.3 * size)))  # few letters are narrower
    while True:
        lines = textwrap.wrap(label, max(length, 4)) or [""]
        if len(lines) > most:
            rest = " ".join(lines[most - 1 :])
            lines = [*lines[: most - 1], f"{rest[: max(length - 4, 1)]} ..."]
        widest = max(_width(line, size) for line in lines)
        if widest <= width or length <= 4:
            return "\n".join(lines)
        length = min(length - 1, int(max(len(line) for line in lines) * width / widest))


def _width(text: str, size: float) -> float:
    """In points, in the font of the style in use."""
    return _width_in(text, size, tuple(rcParams["font.family"]))


@functools.lru_cache(maxsize=1024)
def _width_in(text: str, size: float, family: tuple[str, ...]) -> float:
    font = FontProperties(family=family, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])
