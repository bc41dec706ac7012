"""The record of one training run: what was logged, and how it ended."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Status = Literal["waiting", "running", "finished", "diverged", "interrupted", "failed"]


@dataclass(frozen=True)
class Point:
    """One logged point of the training curve.

    `step` updates were done when it was taken, `lr` is the rate of the last of them; loss and accuracy are means
    over the samples trained on since the point before.
    """

    step: int
    lr: float
    train_loss: float
    train_accuracy: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set: means over its samples, then the whole test set with the weights it left."""

    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class Run:
    """One training run: its name, its schedule as text, its seed, what was logged, and how it ended.

    `diverged_at` is the step at which a loss was found not to be finite; None where none was.
    """

    name: str
    schedule: str
    seed: int
    points: tuple[Point, ...]
    epochs: tuple[Epoch, ...]
    seconds: float
    status: Status = "finished"
    diverged_at: int | None = None

    def column(self, name: str) -> Floats:
        """The named field of every point, e.g. `run.column("train_loss")`, shape `(points,)`."""
        return np.array([getattr(point, name) for point in self.points], dtype=np.float64)

    def epoch_column(self, name: str) -> Floats:
        """The named field of every epoch, e.g. `run.epoch_column("test_accuracy")`, shape `(epochs,)`."""
        return np.array([getattr(epoch, name) for epoch in self.epochs], dtype=np.float64)


class Logged(Protocol):
    """What pictures and reports ask of a run. `Run` has it, and so may any view of larger columns."""

    @property
    def name(self) -> str:
        """The schedule's name."""

    @property
    def schedule(self) -> str:
        """The schedule's text."""

    @property
    def seed(self) -> int:
        """What the run drew its weights and its order from."""

    @property
    def status(self) -> str:
        """`finished`, `diverged`, or how else it ended."""

    @property
    def diverged_at(self) -> int | None:
        """The step at which its loss was found not to be finite."""

    def column(self, name: str) -> Floats:
        """A field of every logged point: `step`, `lr`, `train_loss`."""

    def epoch_column(self, name: str) -> Floats:
        """A field of every epoch: `step`, `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`."""


@dataclass(frozen=True)
class Outcome:
    """A run without its points: what it is, how it stands or ended, and its last epoch, None before the first."""

    number: int
    name: str
    schedule: str
    seed: int
    status: Status
    seconds: float
    diverged_at: int | None
    last: Epoch | None
