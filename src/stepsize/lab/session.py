"""A comparison under way: what is kept, shown and drawn as its runs get on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from stepsize.errors import OutputError, StepsizeError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.displays.live_picture import LivePicture
from stepsize.lab.watching import Display, Standings
from stepsize.store import load_runs
from stepsize.store.run import Epoch, Point


class Session:
    """The watcher of a comparison: keeps the records, writes what has ended, and keeps picture and displays up."""

    def __init__(
        self, standings: Standings, directory: ResultDirectory, displays: Sequence[Display], fresh: bool
    ) -> None:
        self._standings = standings
        self._directory = directory
        self._fresh = fresh
        self._results = load_runs(directory.path)
        self._displays = list(displays)
        self._picture = LivePicture(standings, directory.picture("png"))

    @contextmanager
    def under_way(self, source: str, reports: Callable[[], dict[str, str]]) -> Iterator[None]:
        """From when the runs are about to start until they have ended; what is left of them is written in any case.

        Where an error ended them, it is that error which is raised, also if nothing can be written any more.
        """
        self._show(lambda display: display.begin(self._standings, source, self._directory.path))
        try:
            yield
        except BaseException:
            with suppress(StepsizeError):
                self._close(reports)
            raise
        self._close(reports)

    def logged(self, number: int, record: Point | Epoch) -> None:
        if self._standings.logged(number, record):
            self._show(lambda display: display.logged(number, record))
            self._picture.refresh()

    def ended(self, number: int) -> None:
        run = self._results.run(number)
        if not run.points:
            return  # it was stopped before it began
        self._standings.ended(number, run)
        self._show(lambda display: display.ended(number, run))

    def stopping(self) -> None:
        self._show(lambda display: display.stopping())

    def _close(self, reports: Callable[[], dict[str, str]]) -> None:
        """Give the screen back, then write the reports and the last pictures, or nothing where nothing was run."""
        self._show(lambda display: display.close())
        if not self._standings.runs:
            if self._fresh:
                self._directory.abandon()
            return
        for name, text in reports().items():
            self._directory.write_report(name, text)
        for suffix in ("png", "svg"):
            self._picture.write(self._directory.picture(suffix))

    def _show(self, tell: Callable[[Display], object]) -> None:
        """Tell the displays; one that cannot be written to any more (a closed pipe or terminal) costs no run."""
        for display in tuple(self._displays):
            try:
                tell(display)
            except OSError:
                self._displays.remove(display)


def with_the_way_out(error: OutputError, path: Path) -> OutputError:
    """The error of a disk that cannot be written to, and what to do about the comparison in the directory `path`."""
    return OutputError(f"{error}; all that was logged before is kept: make room, and go on by resume (--resume {path})")
