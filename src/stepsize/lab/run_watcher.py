"""Following the runs of a comparison: show their progress, draw the live picture, and write the reports."""

import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from stepsize import plots  # loads matplotlib at the first drawing
from stepsize.errors import MissingExtraError, OutputError, StepsizeError
from stepsize.files import write_whole
from stepsize.lab.branches import Branches
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.standings import Display, Standings
from stepsize.store import load_runs
from stepsize.store.run import Record

_LEAST_WAIT = 3.0  # seconds between two drawings
_SHARE = 0.03  # of the time, at most, is spent on drawing


class RunWatcher:
    """Follows the runs of a comparison in `directory`, or of its trials; `place` is the directory of their store.

    An engine reports to it, by the number of a run.
    """

    def __init__(
        self, standings: Standings, place: ResultDirectory, displays: Sequence[Display], directory: Path
    ) -> None:
        self._standings = standings
        self._place = place
        self._results = load_runs(place.path)
        self._displays = list(displays)
        self._directory = directory
        self._resume = f"stepsize compare --resume {shlex.quote(str(directory))}"
        self._picture = LivePicture(standings, place.path / "comparison")

    @contextmanager
    def watching(self, source: str, reports: Callable[[], dict[str, str]]) -> Iterator[None]:
        """Show the progress of the runs that are trained in the block; write their reports and pictures at its end.

        An error of the block is raised even if the reports cannot be written. The errors of an interrupt and of a full
        disk say where the results are.
        """
        try:
            self._show(lambda display: display.begin(self._standings, source, self._place.path))
            try:
                yield
            except BaseException:
                with suppress(StepsizeError):
                    self._close(reports)
                raise
            self._close(reports)
        except KeyboardInterrupt as interrupt:
            kept = f"what the runs have done is kept in {self._directory}; continue with: {self._resume}"
            raise type(interrupt)(f"interrupted; {kept if self._standings.runs else 'no run had begun'}") from None
        except OutputError as error:
            advice = f"all that was logged before is kept: make room, and continue with: {self._resume}"
            raise OutputError(error.reason, advice) from error

    def branching(self, branches: Branches) -> None:
        """These runs are going to branch from others."""
        self._standings.branching(branches)

    def starting(self, workers: int) -> None:
        """This many worker processes are starting."""
        self._show(lambda display: display.starting(workers))

    def logged(self, number: int, record: Record) -> None:
        """A run has logged a record."""
        if self._standings.lacks_beginning(number):
            self._standings.begun(number, self._results.run(number))
        if self._standings.logged(number, record):
            self._show(lambda display: display.logged(number, record))
            self._picture.refresh()

    def ended(self, number: int) -> None:
        """A run has ended or was stopped; the store has its status."""
        run = self._results.run(number)
        if not run.points:
            return  # it was stopped before it began
        self._standings.ended(number, run)
        self._show(lambda display: display.ended(number, run))

    def stopping(self) -> None:
        """The user has interrupted: runs in progress end at their next logged point, and no other begins."""
        self._show(lambda display: display.stopping())

    def _close(self, reports: Callable[[], dict[str, str]]) -> None:
        self._show(lambda display: display.close())
        if self._standings.runs:
            for name, text in reports().items():
                write_whole(self._place.path / name, text.encode())
            self._picture.write(".png", ".svg")

    def _show(self, change: Callable[[Display], object]) -> None:
        """Update the displays; drop one that cannot be written to: a closed pipe or terminal, or files, with a word."""
        for display in tuple(self._displays):
            try:
                change(display)
            except OSError:
                self._displays.remove(display)
            except OutputError as error:
                self._displays.remove(display)
                print(f"warning: {error}", file=sys.stderr, flush=True)


class LivePicture:
    """A picture of the runs as far as they have come, redrawn at most for a small share of the time."""

    def __init__(self, standings: Standings, path: Path) -> None:
        self._standings, self._path = standings, path
        self._next = time.monotonic() + _LEAST_WAIT
        # In another thread: Ctrl-C interrupts the main one, and would leave matplotlib half loaded.
        threading.Thread(target=_load_matplotlib, daemon=True).start()

    def refresh(self) -> None:
        """Draw again, unless the last drawing is recent."""
        begun = time.monotonic()
        if begun < self._next:
            return
        with suppress(OutputError):  # a run does not fail because of a picture; the last one is drawn at the end
            self.write(".png")
        ended = time.monotonic()
        self._next = ended + max(_LEAST_WAIT, (ended - begun) / _SHARE)

    def write(self, *suffixes: str) -> None:
        """Draw now, to a file of each kind."""
        picture = plots.Picture()
        self._standings.draw(picture)
        for suffix in suffixes:
            plots.save_figure(picture, self._path.with_suffix(suffix))
            picture.set_layout_engine("none")  # another format needs no other layout, which takes half of the time


def _load_matplotlib() -> None:
    with suppress(MissingExtraError):  # the first drawing raises it again
        _ = plots.plot_comparison, plots.save_figure
