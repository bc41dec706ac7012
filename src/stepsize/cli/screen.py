"""The terminal: its size, colours and characters; and tables."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from stepsize.errors import visible

WIDEST_HEAD = 24
NARROWEST = 78  # columns of a table; in a narrower terminal its lines wrap, and no column is squeezed or dropped


def form_here(around: int) -> dict[str, Any]:
    """The keywords of the functions of `stepsize.plots` for terminals, with `around` lines left for the rest."""
    from stepsize.plots.terminal import has_colours  # late: it loads uniplot

    size = shutil.get_terminal_size()
    return {
        "width": size.columns,
        "height": max(8, min(20, size.lines - around)),
        "colour": has_colours(Console()),
        "ascii_only": b"?" in "▀│".encode(sys.stdout.encoding, "replace"),
    }


def print_sketch(sketch: str) -> None:
    """Print a picture made of characters, in those of the terminal's colours that are nearest to its own."""
    Console(soft_wrap=True).print(Text.from_ansi(sketch))


def progress(*columns: Any) -> Progress:
    """A progress bar on stderr, if that is a terminal."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = ()) -> None:
    """Print a table; columns are aligned to the right but for those whose index is in `left`.

    Long cells of the left ones wrap, and so do long heads, which may have the name of a run.
    """
    table = Table(box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            Text("\n".join(textwrap.wrap(visible(column), WIDEST_HEAD))),
            justify="left" if index in left else "right",
            no_wrap=index not in left,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    Console(width=max(Console().width, NARROWEST)).print(table)
