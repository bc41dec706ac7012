"""The runs of a store for the report: views of a few long arrays, so that thousands of runs fit into memory."""

from dataclasses import dataclass, field

import numpy as np

from stepsize.records.columns import Columns
from stepsize.records.results import Results
from stepsize.records.run import Floats, Status


@dataclass(frozen=True)
class StoredRun:
    """One run of a store: what `html_report` asks of a run, without a Python object for every point."""

    name: str
    schedule: str
    seed: int
    status: Status
    diverged_at: int | None
    points: dict[str, Floats] = field(repr=False)
    epochs: dict[str, Floats] = field(repr=False)

    def column(self, name: str) -> Floats:
        """A field of every point: `step`, `lr` or `train_loss`."""
        return self.points[name]

    def epoch_column(self, name: str) -> Floats:
        """A field of every epoch: `step`, `train_loss`, `test_loss` or `test_accuracy`."""
        return self.epochs[name]


def stored_runs(results: Results) -> tuple[StoredRun, ...]:
    """Every run that has begun, in order.

    Raises:
        DataError: the store is damaged.
    """
    begun = [outcome for outcome in results.outcomes() if outcome.status != "waiting"]
    numbers = np.array([outcome.number for outcome in begun], dtype=np.int64)
    points = _parts(results.columns("lr", "train_loss"), numbers)
    epochs = _parts(results.columns("train_loss", "test_loss", "test_accuracy", table="epochs"), numbers)
    return tuple(
        StoredRun(each.name, each.schedule, each.seed, each.status, each.diverged_at, *held)
        for each, *held in zip(begun, points, epochs, strict=True)
    )


def _parts(columns: Columns, numbers: np.ndarray) -> list[dict[str, Floats]]:
    """The rows of each run, which lie together."""
    bounds = zip(*(np.searchsorted(columns["run"], numbers, side).tolist() for side in ("left", "right")), strict=True)
    values = {name: column.astype(np.float64, copy=False) for name, column in columns.items() if name != "run"}
    return [{name: column[start:end] for name, column in values.items()} for start, end in bounds]
