"""The terminal: its size, colours and characters; and tables."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

NARROWEST = 78  # columns of a table; in a narrower terminal its lines wrap, and no column is squeezed or dropped


def form_here(around: int) -> dict[str, Any]:
    """The keywords of the functions of `stepsize.plots` for terminals, with `around` lines left for the rest."""
    size = shutil.get_terminal_size()
    return {
        "width": size.columns,
        "height": max(8, min(20, size.lines - around)),
        "colour": sys.stdout.isatty() and "NO_COLOR" not in os.environ,
        "ascii_only": not can_encode("▀│"),
    }


def can_encode(characters: str) -> bool:
    """Whether the standard output has these characters."""
    try:
        characters.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = ()) -> None:
    """Print a table; columns are aligned to the right but for those whose index is in `left`."""
    table = Table(box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            Text(column), justify="left" if index in left else "right", no_wrap=index not in left, overflow="fold"
        )
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=max(Console().width, NARROWEST)).print(table)
