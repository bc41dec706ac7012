"""Displays of the progress of runs: plain lines, a notebook's cell, or the terminal."""

import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from rich.console import Console

from stepsize import plots
from stepsize.lab.report.summary_table import result_line
from stepsize.lab.standings import Display, Standings
from stepsize.lab.terminal_display import STOPPING, TerminalDisplay
from stepsize.store import Run
from stepsize.store.run import Epoch, Point

_BETWEEN_FIGURES = 3.0  # seconds


def display_here() -> Display:
    """A notebook's cell, a terminal, or plain lines for a file or a pipe."""
    ipython = sys.modules.get("IPython")  # imported elsewhere too, but only a notebook has a kernel
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return NotebookDisplay()
    console = Console()
    return TerminalDisplay(console) if console.is_terminal else PlainDisplay()


class PlainDisplay:
    """Print a line when the runs begin, and one as each ends."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        specs = standings.specs
        self._standings = standings
        self._ended = sum(map(standings.is_complete, range(len(specs))))
        print(source)
        print(f"Runs: {len(specs)}, each of {specs[0].steps} steps; results go to {directory}", flush=True)

    def logged(self, number: int, record: Point | Epoch) -> None:
        pass

    def ended(self, number: int, run: Run) -> None:
        self._ended += 1
        line = result_line(run, self._standings.judged_on)
        print(f"[{self._ended}/{len(self._standings.specs)}] {line}", flush=True)

    def stopping(self) -> None:
        print(STOPPING, flush=True)

    def close(self) -> None:
        pass


class NotebookDisplay(PlainDisplay):
    """The same, with one figure of all runs that is redrawn in the cell."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        from IPython.display import display  # every notebook has it, and nothing else needs it

        super().begin(standings, source, directory)
        self._handle: Any = display(self._picture(), display_id=True)  # type: ignore[no-untyped-call]
        self._due = time.monotonic() + _BETWEEN_FIGURES

    def logged(self, number: int, record: Point | Epoch) -> None:
        if time.monotonic() >= self._due:
            self._draw()

    def close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._handle.update(self._picture())
        self._due = time.monotonic() + _BETWEEN_FIGURES

    def _picture(self) -> Any:
        from IPython.display import Image

        content = BytesIO()  # not a figure, whose appearance depends on the notebook's settings
        picture = plots.Picture()
        plots.plot_comparison(self._standings.runs, picture, judged_on=self._standings.judged_on)
        picture.savefig(content, format="png", dpi=100)
        return Image(content.getvalue(), format="png")  # type: ignore[no-untyped-call]
