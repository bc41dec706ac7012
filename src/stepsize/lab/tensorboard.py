"""Curves for TensorBoard, written while the runs go on."""

import math
import shutil
from pathlib import Path

from stepsize.errors import MissingExtraError
from stepsize.lab.experiment import Plan
from stepsize.lab.watching import Standings
from stepsize.store import load_runs
from stepsize.store.run import Epoch, Point, Run

_FLUSH = 5  # seconds
_NOT_IN_A_NAME = frozenset('/\\:*?"<>|%')


def event_folder(directory: Path) -> Path:
    """Where the event files of a comparison lie."""
    return directory / "tensorboard"


class EventFiles:
    """A display that writes event files, in a folder for each run: `tensorboard/<schedule>-seed<k>`.

    `train/loss`, `train/accuracy` and `rate` have a value at each logged point, `test/loss` and `test/accuracy` one at
    the end of each epoch. The files of a comparison or a run that goes on after a stop are made anew from what the
    store has of it, so that no point is there twice and none is missing.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
        self._new_writer = SummaryWriter
        self._writers: dict[int, SummaryWriter] = {}
        self._last: dict[int, int] = {}

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        self._standings = standings
        self._folder = event_folder(directory)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for number in range(len(standings.plans)):
            if standings.is_complete(number):
                self._write_anew(number, load_runs(directory).run(number))
                self._close(number)

    def logged(self, number: int, record: Point | Epoch) -> None:
        if number in self._writers and record.step >= self._last[number]:
            self._write(number, record)
        else:
            self._write_anew(number, self._standings.under_way(number), record)

    def ended(self, number: int, run: Run) -> None:
        self._close(number)

    def stopping(self) -> None:
        pass

    def close(self) -> None:
        for number in tuple(self._writers):
            self._close(number)

    def _write_anew(self, number: int, run: Run, last: Point | Epoch | None = None) -> None:
        """Write a run up to this record, its last, or as far as it has come, in place of what is there."""
        self._close(number)
        place = self._folder / _name(self._standings.plans[number])
        shutil.rmtree(place, ignore_errors=True)
        # A TensorBoard that is looking on drops what it has read when it meets the mark that purge_step makes.
        self._writers[number] = self._new_writer(str(place), purge_step=0, flush_secs=_FLUSH)
        epochs = [each for each in run.epochs if last is None or each is last or each.step < last.step]
        records: list[Point | Epoch] = [*run.points, *epochs]
        for record in sorted(records, key=lambda each: each.step):
            self._write(number, record)

    def _write(self, number: int, record: Point | Epoch) -> None:
        values = (
            {"rate": record.lr, "train/loss": record.train_loss, "train/accuracy": record.train_accuracy}
            if isinstance(record, Point)
            else {"test/loss": record.test_loss, "test/accuracy": record.test_accuracy}
        )
        for name, value in values.items():
            if name.endswith("accuracy") and math.isnan(value):
                continue  # the task has none
            self._writers[number].add_scalar(name, value, record.step)
        self._last[number] = record.step

    def _close(self, number: int) -> None:
        if number in self._writers:
            self._writers.pop(number).close()


def _name(plan: Plan) -> str:
    """The folder of a run; different names have different ones."""
    name = "".join(f"%{ord(c):02X}" if c in _NOT_IN_A_NAME else c for c in plan.name)
    return f"{name}-seed{plan.seed}"
