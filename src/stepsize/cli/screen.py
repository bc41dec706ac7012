"""What the terminal can show: its size, colours and characters."""

import os
import shutil
import sys
from typing import Any

from stepsize.cli.options import can_encode


def form_here(around: int) -> dict[str, Any]:
    """The keywords of the functions of `stepsize.plots` for terminals, with `around` lines left for the rest."""
    size = shutil.get_terminal_size()
    return {
        "width": size.columns,
        "height": max(8, min(20, size.lines - around)),
        "colour": sys.stdout.isatty() and "NO_COLOR" not in os.environ,
        "ascii_only": not can_encode("▀│"),
    }
