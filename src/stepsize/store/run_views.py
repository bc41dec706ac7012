"""Runs as views of a few long arrays, so that thousands of them fit into memory."""

from dataclasses import dataclass, field, fields

import numpy as np

from stepsize.errors import ArgumentError, quoted
from stepsize.store.columns import Columns
from stepsize.store.results import Results
from stepsize.store.run import Epoch, Floats, Run, Status

_POINTS = ("lr", "train_loss")
_EPOCHS = tuple(each.name for each in fields(Epoch) if each.name != "step")


@dataclass(frozen=True, eq=False)
class StoredRun:
    """One run: what pictures and reports ask of it, without a Python object for every point."""

    number: int
    name: str
    schedule: str
    seed: int
    status: Status
    seconds: float
    diverged_at: int | None
    points: dict[str, Floats] = field(repr=False)
    epochs: dict[str, Floats] = field(repr=False)

    @classmethod
    def of(cls, number: int, run: Run) -> "StoredRun":
        """The run of this number."""
        points = {name: run.column(name) for name in ("step", *_POINTS)}
        epochs = {name: run.epoch_column(name) for name in ("step", *_EPOCHS)}
        named = (run.name, run.schedule, run.seed, run.status, run.seconds, run.diverged_at)
        return cls(number, *named, points, epochs)

    def column(self, name: str) -> Floats:
        """A field of every point: `step`, `lr` or `train_loss`.

        Raises:
            ArgumentError: it is none of these.
        """
        return _column(self.points, "points", name)

    def epoch_column(self, name: str) -> Floats:
        """A field of every epoch: `step`, `train_loss`, `train_accuracy`, `test_loss` or `test_accuracy`."""
        return _column(self.epochs, "epochs", name)


def _column(columns: dict[str, Floats], table: str, name: str) -> Floats:
    if name not in columns:
        raise ArgumentError(
            f"a StoredRun has no column {quoted(name)} of {table}; write one of {', '.join(columns)}, or ask "
            "load_runs(...).columns, which has all"
        )
    return columns[name]


def stored_runs(results: Results) -> tuple[StoredRun, ...]:
    """Every run that has begun, in order.

    Raises:
        DataError: the store is damaged.
    """
    results.check()
    begun = [outcome for outcome in results.outcomes() if outcome.status != "waiting"]
    numbers = np.array([outcome.number for outcome in begun], dtype=np.int64)
    points = _parts(results.columns(*_POINTS), numbers)
    epochs = _parts(results.columns(*_EPOCHS, table="epochs"), numbers)
    return tuple(
        StoredRun(each.number, each.name, each.schedule, each.seed, each.status, each.seconds, each.diverged_at, *held)
        for each, *held in zip(begun, points, epochs, strict=True)
    )


def _parts(columns: Columns, numbers: np.ndarray) -> list[dict[str, Floats]]:
    """The rows of each run, which lie together."""
    bounds = zip(*(np.searchsorted(columns["run"], numbers, side).tolist() for side in ("left", "right")), strict=True)
    values = {name: column.astype(np.float64, copy=False) for name, column in columns.items() if name != "run"}
    return [{name: column[start:end] for name, column in values.items()} for start, end in bounds]
