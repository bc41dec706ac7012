"""Curves for TensorBoard, written while the runs are made."""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepsize.errors import MissingExtraError, OutputError, StepsizeError, one_line
from stepsize.lab.directory import run_file_name
from stepsize.lab.standings import Display, Standings
from stepsize.store import Run, load_runs
from stepsize.store.run import Epoch, Point, Record

_FLUSH = 5  # seconds


def event_folder(directory: Path) -> Path:
    """The folder for the event files of a comparison."""
    return directory / "tensorboard"


@contextmanager
def _reported() -> Iterator[None]:
    """Raise OutputError for any error of TensorBoard, or of TensorFlow if that is installed and writes the files."""
    try:
        yield
    except StepsizeError:
        raise
    except Exception as error:
        reason = f"the files for TensorBoard cannot be written: {one_line(str(error), 200)}"
        raise OutputError(reason, "the comparison goes on without them") from error


class EventFiles(Display):
    """A display that writes event files, in a folder for each run: `tensorboard/<schedule>-seed<k>`.

    `train/loss`, `train/accuracy` and `rate` have a value at each logged point, `test/loss` and `test/accuracy` at the
    end of each epoch. If a comparison or a run is resumed, its files are written again from the store, so that every
    point is there once.
    """

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
        self._new_writer = SummaryWriter
        self._writers: dict[int, SummaryWriter] = {}
        self._last: dict[int, int] = {}

    @_reported()
    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        self._standings = standings
        self._folder = event_folder(directory)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for number in range(len(standings.specs)):
            if standings.is_complete(number):
                self._rewrite(number, load_runs(directory).run(number))
                self.ended(number)

    @_reported()
    def logged(self, number: int, record: Record) -> None:
        if number in self._writers and record.step >= self._last[number]:
            self._write(number, record)
        else:
            self._rewrite(number, self._standings.unfinished(number), record)

    @_reported()
    def ended(self, number: int, run: Run | None = None) -> None:
        if run is not None and number not in self._writers:
            self._rewrite(number, run)  # it logged nothing: it diverged as a part of the run that it branches from
        if number in self._writers:
            self._writers.pop(number).close()

    def close(self) -> None:
        for number in tuple(self._writers):
            self.ended(number)

    def _rewrite(self, number: int, run: Run, last: Record | None = None) -> None:
        """Replace the files of a run by its records up to `last`, or by all of them."""
        self.ended(number)
        spec = self._standings.specs[number]
        place = self._folder / run_file_name(spec.name, spec.seed)
        shutil.rmtree(place, ignore_errors=True)
        # purge_step tells a TensorBoard that is looking on to drop what it has read.
        self._writers[number] = self._new_writer(str(place), purge_step=0, flush_secs=_FLUSH)
        epochs = [each for each in run.epochs if last is None or each is last or each.step < last.step]
        records: list[Record] = [*run.points, *run.values, *epochs]
        for record in sorted(records, key=lambda each: each.step):
            self._write(number, record)

    def _write(self, number: int, record: Record) -> None:
        if isinstance(record, Point):
            values = {"rate": record.lr, "train/loss": record.train_loss, "train/accuracy": record.train_accuracy}
        elif isinstance(record, Epoch):
            values = {"test/loss": record.test_loss, "test/accuracy": record.test_accuracy}
        else:
            values = {record.name: record.value}
        for name, value in values.items():
            if not math.isnan(value):  # it was not logged, or the task has no accuracy
                self._writers[number].add_scalar(name, value, record.step)
        self._last[number] = record.step
