"""A picture that keeps up with the runs, drawn often enough and never at their expense."""

import threading
import time
from contextlib import suppress
from pathlib import Path

from stepsize import plots  # which loads matplotlib only when it draws: workers need not wait for it
from stepsize.errors import MissingExtraError, OutputError
from stepsize.lab.watching import Standings

_LEAST_WAIT = 3.0  # seconds between two drawings
_SHARE = 0.03  # of the time, at most, is spent on drawing


class LivePicture:
    """The runs as far as they have come, in a file that is rewritten while they go on."""

    def __init__(self, standings: Standings, path: Path) -> None:
        self._standings = standings
        self._path = path
        self._next = time.monotonic() + _LEAST_WAIT
        # Loaded by another thread: Ctrl-C goes to the main one, and would leave half of matplotlib behind.
        threading.Thread(target=_load_matplotlib, daemon=True).start()

    def refresh(self) -> None:
        """Draw anew, unless that was done a short while ago."""
        begun = time.monotonic()
        if begun < self._next:
            return
        with suppress(OutputError):  # a picture is not worth a run; the last one is drawn at the end
            self.write(self._path)
        ended = time.monotonic()
        self._next = ended + max(_LEAST_WAIT, (ended - begun) / _SHARE)

    def write(self, path: Path) -> None:
        """Draw now, to a file of the kind that its name says."""
        runs, judged_on = self._standings.runs, self._standings.judged_on
        plots.save_figure(plots.plot_comparison(runs, plots.Picture(), judged_on=judged_on), path)


def _load_matplotlib() -> None:
    with suppress(MissingExtraError):  # which the first drawing will say
        _ = plots.plot_comparison, plots.save_figure
