"""A legend below the axes: as wide as they are, wrapped, and never over a curve."""

import functools
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.transforms import ScaledTranslation

HANDLE, GAP = 34.0, 16.0
"""Points: the piece of line before a label, and what separates two columns."""
SIZES = (9.0, 8.0, 7.0, 6.0, 5.0)
MOST_COLUMNS = 4


@dataclass(frozen=True)
class _Layout:
    labels: tuple[str, ...]
    columns: int
    size: float

    @property
    def height(self) -> float:
        """In points."""
        rows = -(-len(self.labels) // self.columns)
        by_column = [self.labels[i * rows : (i + 1) * rows] for i in range(self.columns)]
        return 8 + max(sum(1.4 * self.size * (1 + label.count("\n")) for label in column) for column in by_column)


def legend_below(ax: Axes, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Put a legend under the label of the x axis.

    Long labels are wrapped to two lines and then cut; many are set in columns and, at last, in smaller letters. A
    figure with a layout engine makes room for it; in one without, the axes give up the lower part of their place.
    """
    figure = ax.figure
    place = ax.get_window_extent()
    width, height = (length * 72 / figure.dpi for length in (place.width, place.height))
    layout = _layout(labels, width, height / 2)
    drop = 2.6 * float(ax.xaxis.label.get_fontsize()) + 10  # the numbers and the label of the axis
    legend = ax.legend(
        handles,
        [str(i) for i in range(len(labels))],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -drop / 72, figure.dpi_scale_trans),
        ncols=layout.columns,
        fontsize=layout.size,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        handlelength=(HANDLE - 8) / layout.size,
        handletextpad=8 / layout.size,
        columnspacing=GAP / layout.size,
        labelspacing=0.3,
    )
    for text, label in zip(legend.get_texts(), layout.labels, strict=True):
        text.set_text(label)  # here, because a label that starts with "_" would be left out above
        text.set_parse_math(False)
    if figure.get_layout_engine() is None:
        box = ax.get_position(original=True)  # where they stood before an earlier legend
        share = layout.height / 72 * figure.dpi / figure.bbox.height
        ax.set_position((box.x0, box.y0 + share, box.width, box.height - share), which="active")


def _layout(labels: Sequence[str], width: float, height: float) -> _Layout:
    """The first of ever denser layouts that is at most `height` points high, or the lowest of all."""
    seen = []
    for layout in _layouts(labels, width):
        if layout.height <= height:
            return layout
        seen.append(layout)
    return min(seen, key=lambda each: each.height)


def _layouts(labels: Sequence[str], width: float) -> Iterator[_Layout]:
    """Columns as long as no label need be broken for them; then smaller letters, broken and in ever more columns."""
    widest = max(_width(label, SIZES[0]) for label in labels)
    unbroken = max(1, min(len(labels), MOST_COLUMNS, int((width + GAP) // (widest + HANDLE + GAP))))
    for size in SIZES:
        for columns in range(unbroken, max(unbroken, min(len(labels), MOST_COLUMNS)) + 1):
            column = (width - (columns - 1) * GAP) / columns - HANDLE
            if columns == unbroken or column > 8 * size:
                yield _Layout(tuple(_wrapped(label, column, size) for label in labels), columns, size)


def _wrapped(label: str, width: float, size: float) -> str:
    """The label in at most two lines, none wider than `width` points."""
    words = " ".join(label.split())
    length = min(len(words), int(width / (0.3 * size)))  # few letters are narrower
    while True:
        lines = textwrap.wrap(words, max(length, 4)) or [""]
        if len(lines) > 2:
            lines = [lines[0], f"{lines[1][: length - 4]} ..."]
        widest = max(_width(line, size) for line in lines)
        if widest <= width or length <= 4:
            return "\n".join(lines)
        length = min(length - 1, int(max(len(line) for line in lines) * width / widest))


@functools.lru_cache(maxsize=1024)
def _width(text: str, size: float) -> float:
    """In points."""
    return float(text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0])
