"""The progress of the runs of a comparison: what is known of each, its displays, the live picture and the reports."""

import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stepsize import plots  # loads matplotlib at the first drawing
from stepsize.errors import MissingExtraError, OutputError, StepsizeError
from stepsize.files import write_whole
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.run_spec import Branches, RunSpec
from stepsize.lab.statistics.findings import Terms
from stepsize.store import Results, Run, load_runs, stored_runs
from stepsize.store.run import COMPLETE, Epoch, Logged, Point, Record, StoredRun, Value


class Standings:
    """The progress of every run, in the order of the experiment.

    `specs` are the runs as planned. `steps_done` is the sum of the steps of all runs, up to their last points and
    without what they share: a run that branches from another begins at the step in `begins`. `points`, `epochs` and
    `values` have the records of each run that has not ended. The runs are compared on these `terms`.
    """

    def __init__(self, specs: Sequence[RunSpec], results: Results | None = None, terms: Terms | None = None) -> None:
        self.specs = tuple(specs)
        self.terms = terms or Terms()
        self.steps_done = 0
        self.points: list[list[Point]] = [[] for _ in specs]
        self.epochs: list[list[Epoch]] = [[] for _ in specs]
        self.begins = [0] * len(specs)
        self.values: list[list[Value]] = [[] for _ in specs]
        self._ended: dict[int, StoredRun] = {}
        for stored in () if results is None else stored_runs(results):
            self.begins[stored.number] = stored.branched_at or 0
            if stored.status in COMPLETE:
                self._ended[stored.number] = stored
                self.steps_done += self._done(stored.number)
            else:
                run = results.run(stored.number)  # type: ignore[union-attr]
                for record in (*run.points, *run.epochs, *run.values):
                    self.logged(stored.number, record)

    def __getitem__(self, number: int) -> Logged:
        """The run of this number as far as it has come; its status is "interrupted" until it ends."""
        return self._ended[number] if number in self._ended else self.unfinished(number)

    def unfinished(self, number: int) -> Run:
        """A run that has not ended, with all its points."""
        spec, points, epochs = self.specs[number], tuple(self.points[number]), tuple(self.epochs[number])
        values = tuple(self.values[number])
        return Run(spec.name, spec.text, spec.seed, points, epochs, 0.0, "interrupted", values=values)

    def replace(self, specs: Mapping[int, RunSpec]) -> None:
        """Change what is planned for the runs of these numbers, before they begin."""
        self.specs = tuple(specs.get(number, spec) for number, spec in enumerate(self.specs))

    @property
    def steps_to_do(self) -> int:
        """What `steps_done` is when all runs are finished."""
        return sum(spec.steps - begins for spec, begins in zip(self.specs, self.begins, strict=True))

    def branching(self, branches: Branches) -> None:
        """These runs are going to branch from others."""
        for number, branch in branches.items():
            if number not in self._ended:
                self.begins[number] = branch.step

    def begun(self, number: int, results: Results) -> None:
        """Take over what a run has from the one that it was going to branch from, as it logs for the first time."""
        if not self.begins[number] or self.points[number] or number in self._ended:
            return
        run = results.run(number)
        self.begins[number] = begins = run.branched_at or 0  # 0: it trains by itself after all
        self.points[number] = [each for each in run.points if each.step <= begins]
        self.epochs[number] = [each for each in run.epochs if each.step <= begins]

    @property
    def runs(self) -> tuple[Logged, ...]:
        """The runs that have logged something, in the order of the experiment."""
        numbers = range(len(self.specs))
        return tuple(self[number] for number in numbers if number in self._ended or self.points[number])

    @property
    def ended_runs(self) -> tuple[StoredRun, ...]:
        """The runs that have ended, in the order of the experiment."""
        return tuple(self._ended[number] for number in sorted(self._ended))

    def draw(self, picture: Any) -> Any:
        """Draw the runs into a figure."""
        metric = None if self.terms.headline is None else self.terms.headline.field
        return plots.plot_comparison(self.runs, picture, judged_on=self.terms.judged_on, metric=metric)

    def is_complete(self, number: int) -> bool:
        """Whether the run needs no more training."""
        return number in self._ended and self._ended[number].status in COMPLETE

    def logged(self, number: int, record: Record) -> bool:
        """Add a record; False if the run has ended, so that its record is complete already."""
        if number in self._ended:
            return False
        before = self._done(number)
        kinds: dict[type, list[list[Any]]] = {Point: self.points, Epoch: self.epochs, Value: self.values}
        records, several = kinds[type(record)][number], isinstance(record, Value)  # several at one step
        while records and records[-1].step >= record.step + several:
            records.pop()  # a run that resumes from a checkpoint repeats what it logged after it
        records.append(record)
        self.steps_done += self._done(number) - before
        return True

    def ended(self, number: int, run: Run) -> None:
        """Store the complete record of a run that has ended."""
        before = self._done(number)
        self._ended[number] = StoredRun.of(number, run)
        self.points[number], self.epochs[number], self.values[number] = [], [], []
        self.begins[number] = run.branched_at or 0
        self.steps_done += self._done(number) - before

    def _done(self, number: int) -> int:
        """The updates of a run up to its last point, without those that it shares."""
        points = self.points[number]
        last = points[-1].step if points else 0
        if number in self._ended and (steps := self._ended[number].column("step")).size:
            last = int(steps[-1])
        return max(0, last - self.begins[number])


class Display:
    """Shows the progress of the runs; each method is called after the standings have changed.

    A subclass overrides what it shows; the other methods do nothing.
    """

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        """Called before the runs start; `source` says where the data came from, and results go to `directory`."""

    def starting(self, workers: int) -> None:
        """Called when `workers` worker processes start."""

    def logged(self, number: int, record: Record) -> None:
        """Called after a run has logged a record."""

    def ended(self, number: int, run: Run) -> None:
        """Called after a run has ended; its status says how."""

    def stopping(self) -> None:
        """Called when the user interrupts: runs in progress end soon, and no other begins."""

    def close(self) -> None:
        """Called at the end."""


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
        self._standings.branching(branches)

    def starting(self, workers: int) -> None:
        self._show(lambda display: display.starting(workers))

    def logged(self, number: int, record: Record) -> None:
        self._standings.begun(number, self._results)
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
        picture = plots.Picture()
        self._standings.draw(picture)
        for suffix in suffixes:
            plots.save_figure(picture, self._path.with_suffix(suffix))
            picture.set_layout_engine("none")  # another format needs no other layout, which takes half of the time


def _load_matplotlib() -> None:
    with suppress(MissingExtraError):  # the first drawing raises it again
        _ = plots.plot_comparison, plots.save_figure
