"""The watcher of a comparison: records how its runs get on, and keeps the picture and the displays up to date."""

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
    """One call of `compare` or `resume`; a `fresh` directory is removed if no run logs anything."""

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
    def running(self, source: str, reports: Callable[[], dict[str, str]]) -> Iterator[None]:
        """Show the runs while they are made, and write the reports and pictures at the end, also after an error."""
        self._show(lambda display: display.begin(self._standings, source, self._directory.path))
        try:
            yield
        except BaseException:
            with suppress(StepsizeError):  # the first error is raised
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
        """Tell the displays; one that raises OSError, such as a closed terminal, is dropped."""
        for display in tuple(self._displays):
            try:
                tell(display)
            except OSError:
                self._displays.remove(display)


def with_resume_advice(error: OutputError, path: Path) -> OutputError:
    """The error of a full disk, with how to continue the comparison in the directory `path`."""
    return OutputError(str(error), f"make room, then continue with resume (--resume {path})")
