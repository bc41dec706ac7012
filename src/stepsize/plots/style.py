"""What curves look like: colours that colour-blind people can tell apart, and line styles besides."""

from typing import Any

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
"""Okabe and Ito's, less yellow and black, which vanish on light and on dark paper, plus grey."""

# As many as share no divisor with the number of colours, so that 42 curves differ.
_LINES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.5)),
    (0, (7, 1.5, 1.5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (9, 1.5, 1, 1.5, 1, 1.5)),
    (0, (2.5, 1)),
)


def line_style(index: int) -> dict[str, Any]:
    """The colour and line style of the curve of this index, as keywords of `Axes.plot`."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": _LINES[index % len(_LINES)], "linewidth": 1.8}
