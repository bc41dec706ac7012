"""What the terminal can show: its size, colours and characters."""

import os
import shutil
import sys
from typing import Any


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
