"""What shows the progress of runs: plain lines, or what suits the place."""

import sys
from pathlib import Path

from rich.console import Console

from stepsize.lab.displays.notebook import NotebookDisplay
from stepsize.lab.displays.terminal import TerminalDisplay
from stepsize.lab.table import STOPPING, closing_line
from stepsize.lab.watching import Display, Standings
from stepsize.records.run import Epoch, Point, Run


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


class PlainDisplay:
    """A line when the runs begin, and one as each ends."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        self._number_of_runs = len(standings.plans)
        self._ended = sum(map(standings.is_complete, range(self._number_of_runs)))
        print(source)
        print(
            f"Runs: {self._number_of_runs}, each of {standings.plans[0].steps} steps; results go to {directory}",
            flush=True,
        )

    def logged(self, number: int, record: Point | Epoch) -> None:
        pass

    def ended(self, number: int, run: Run) -> None:
        self._ended += 1
        print(f"[{self._ended}/{self._number_of_runs}] {closing_line(run)}", flush=True)

    def stopping(self) -> None:
        print(STOPPING, flush=True)

    def close(self) -> None:
        pass
