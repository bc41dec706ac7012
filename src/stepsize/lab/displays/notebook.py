"""Progress in a notebook: one figure in the cell that grows while the runs go on."""

import time
from io import BytesIO
from pathlib import Path
from typing import Any

from stepsize import plots
from stepsize.lab.displays.lines import STOPPING, closing_line
from stepsize.lab.watching import Standings
from stepsize.store.run import Epoch, Point, Run

_BETWEEN_FIGURES = 3.0  # seconds


class NotebookDisplay:
    """What `plot_comparison` draws of all runs in the cell's figure, and a closing line for each that ended."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        from IPython.display import display  # part of every notebook, of nothing else

        self._standings = standings
        print(f"{source}\nResults go to {directory}")
        self._handle: Any = display(self._picture(), display_id=True)  # type: ignore[no-untyped-call]
        self._due = time.monotonic() + _BETWEEN_FIGURES

    def logged(self, number: int, record: Point | Epoch) -> None:
        if time.monotonic() >= self._due:
            self._draw()

    def ended(self, number: int, run: Run) -> None:
        print(closing_line(run, self._standings.judged_on))

    def stopping(self) -> None:
        print(STOPPING)

    def close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._handle.update(self._picture())
        self._due = time.monotonic() + _BETWEEN_FIGURES

    def _picture(self) -> Any:
        from IPython.display import Image

        # As bytes: how figures are shown depends on the notebook's settings, and this must not.
        content = BytesIO()
        picture = plots.Picture()
        plots.plot_comparison(self._standings.runs, picture, judged_on=self._standings.judged_on)
        picture.savefig(content, format="png", dpi=100)
        return Image(content.getvalue(), format="png")  # type: ignore[no-untyped-call]
