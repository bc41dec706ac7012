"""The record of a training run: its points, its epochs and how it ended."""

from dataclasses import dataclass, field, fields
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Choice

Floats = NDArray[np.float64]
Status = Literal["waiting", "running", "finished", "diverged", "interrupted", "failed"]
Table = Literal["points", "epochs", "metrics"]
COMPLETE = ("finished", "diverged")  # the statuses of runs that need no more training


@dataclass(frozen=True)
class Point:
    """One logged point of the training curve.

    `step` is the number of updates done, `lr` the rate of the last of them. Loss and accuracy are means over the
    samples trained on since the previous point.
    """

    step: int
    lr: float
    train_loss: float
    train_accuracy: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set: means over its samples, then over the whole test set at its end."""

    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class Value:
    """The value of another metric at one step, by its name."""

    step: int
    name: str
    value: float


Record = Point | Epoch | Value
"""What a run logs."""

FIELDS: dict[Literal["points", "epochs"], tuple[str, ...]] = {
    "points": tuple(each.name for each in fields(Point)),
    "epochs": tuple(each.name for each in fields(Epoch)),
}


class Logged(Protocol):
    """What pictures and reports read of a run: a `Run`, a `StoredRun`, or a view of your own arrays."""

    @property
    def name(self) -> str: ...
    @property
    def schedule(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def diverged_at(self) -> int | None: ...
    def column(self, name: str) -> Floats: ...
    def epoch_column(self, name: str) -> Floats: ...
    def metric(self, name: str) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True)
class Run:
    """One training run: its name, its schedule as text, its seed, what it logged, and how it ended.

    `diverged_at` is the step at which a loss was not finite; None if every loss was finite. A run that branched from
    another, the one of the number `parent`, shares its updates before the step `branched_at`. `values` are those of
    metrics that points and epochs do not have.
    """

    name: str
    schedule: str
    seed: int
    points: tuple[Point, ...]
    epochs: tuple[Epoch, ...]
    seconds: float
    status: Status = "finished"
    diverged_at: int | None = None
    parent: int | None = None
    branched_at: int | None = None
    values: tuple[Value, ...] = ()

    def column(self, name: str) -> Floats:
        """The named field of every point, e.g. `run.column("train_loss")`, shape `(points,)`."""
        return np.array([getattr(point, name) for point in self.points], dtype=np.float64)

    def epoch_column(self, name: str) -> Floats:
        """The named field of every epoch, e.g. `run.epoch_column("test_accuracy")`, shape `(epochs,)`."""
        return np.array([getattr(epoch, name) for epoch in self.epochs], dtype=np.float64)

    def metric(self, name: str) -> tuple[Floats, Floats]:
        """The steps and the values of a metric of another name, each of shape `(values,)`."""
        rows = [(value.step, value.value) for value in self.values if value.name == name]
        steps, values = np.array(rows, dtype=np.float64).reshape(-1, 2).T
        return steps, values


@dataclass(frozen=True)
class Outcome:
    """A run without its points: its identity, its status, where it branched, its last epoch (None before the first)."""

    number: int
    name: str
    schedule: str
    seed: int
    status: Status
    seconds: float
    diverged_at: int | None
    parent: int | None
    branched_at: int | None
    last: Epoch | None


@dataclass(frozen=True, eq=False)
class StoredRun(Outcome):
    """A run whose points and epochs are arrays, views of a few long ones, so that thousands fit into memory.

    Its methods raise ArgumentError for an unknown column.
    """

    points: dict[str, Floats] = field(repr=False)
    epochs: dict[str, Floats] = field(repr=False)
    metrics: dict[str, tuple[Floats, Floats]] = field(default_factory=dict, repr=False)

    __eq__, __hash__ = object.__eq__, object.__hash__  # arrays have no plain equality

    @classmethod
    def of(cls, number: int, run: Run) -> "StoredRun":
        """The run of this number, which is in memory."""
        points = {name: run.column(name) for name in ("step", "lr", "train_loss")}
        epochs = {name: run.epoch_column(name) for name in FIELDS["epochs"]}
        metrics = {name: run.metric(name) for name in {value.name for value in run.values}}
        head = (number, run.name, run.schedule, run.seed, run.status, run.seconds)
        ends = (run.diverged_at, run.parent, run.branched_at, run.epochs[-1] if run.epochs else None)
        return cls(*head, *ends, points, epochs, metrics)

    def column(self, name: str) -> Floats:
        """A field of every point, shape `(points,)`: `step`, `lr` or `train_loss`; `Results.columns` has the others."""
        return self.points[Choice(tuple(self.points))("StoredRun", "column", name)]

    def epoch_column(self, name: str) -> Floats:
        """A field of every epoch, shape `(epochs,)`: `step` and the others of `Epoch`."""
        return self.epochs[Choice(tuple(self.epochs))("StoredRun", "epoch_column", name)]

    def metric(self, name: str) -> tuple[Floats, Floats]:
        """The steps and the values of a metric of another name; empty if the run has none."""
        return self.metrics.get(name, (np.empty(0), np.empty(0)))
