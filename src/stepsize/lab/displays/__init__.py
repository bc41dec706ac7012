"""What shows the progress of runs: plain lines, or what suits the place."""

import sys

from rich.console import Console

from stepsize.lab.displays.lines import PlainDisplay
from stepsize.lab.displays.notebook import NotebookDisplay
from stepsize.lab.displays.terminal import TerminalDisplay
from stepsize.lab.watching import Display


def _in_a_notebook() -> bool:
    """Whether this is a cell of a notebook; the kernel's package may be imported elsewhere too."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def display_here() -> Display:
    """A notebook's cell, a terminal, or plain lines for a file or a pipe."""
    if _in_a_notebook():
        return NotebookDisplay()
    console = Console()
    return TerminalDisplay(console) if console.is_terminal else PlainDisplay()
