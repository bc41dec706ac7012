"""What runs come to: a row for each schedule, means and spreads over seeds, and a line for each run."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stepsize.records.run import Logged, Run

STOPPING = "Stopping; the runs that have finished are kept"
COLUMNS = ("schedule", "train loss", "train accuracy", "test accuracy", "seconds")


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and its spread: the sample standard deviation, NaN for a single seed."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """The mean and the spread of some numbers; NaN where there are none, or one is no number."""
        if not values or any(map(math.isnan, values)):
            return cls(math.nan, math.nan)
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan)

    def text(self, digits: int) -> str:
        """`0.8712`, or `0.8712 ± 0.0031`; `-` where there is no number."""
        if math.isnan(self.mean):
            return "-"
        spread = "" if math.isnan(self.spread) else f" ± {self.spread:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread}"


@dataclass(frozen=True)
class Row:
    """One schedule's line in the table: means over its finished runs, after their last epoch."""

    name: str
    schedule: str
    finished: int
    diverged: int
    train_loss: Mean
    train_accuracy: Mean
    test_accuracy: Mean
    seconds: Mean

    def cells(self) -> tuple[str, ...]:
        """The line as texts, under `COLUMNS`."""
        note = f" ({self.diverged} of {self.finished + self.diverged} diverged)" if self.diverged else ""
        return (
            self.name + note,
            self.train_loss.text(3),
            self.train_accuracy.text(4),
            self.test_accuracy.text(4),
            self.seconds.text(1),
        )


class Timed(Logged, Protocol):
    """A run of which is known how long it took."""

    @property
    def seconds(self) -> float:
        """Of training."""


def table(runs: Sequence[Timed]) -> tuple[Row, ...]:
    """One row for each schedule, in the order of the runs.

    Runs that diverged are counted, not averaged in; those that were interrupted are left out.
    """
    return tuple(_row([run for run in runs if run.name == name]) for name in dict.fromkeys(run.name for run in runs))


def _row(runs: Sequence[Timed]) -> Row:
    finished = [run for run in runs if run.status == "finished"]

    def at_the_end(field: str) -> Mean:
        return Mean.of([float(run.epoch_column(field)[-1]) for run in finished])

    return Row(
        runs[0].name,
        runs[0].schedule,
        len(finished),
        sum(run.status == "diverged" for run in runs),
        at_the_end("train_loss"),
        at_the_end("train_accuracy"),
        at_the_end("test_accuracy"),
        Mean.of([run.seconds for run in finished]),
    )


def closing_line(run: Run) -> str:
    """How a run ended, in one line."""
    name = f"{run.name}, seed {run.seed}"
    if run.status != "finished":
        return f"{name}: {run.status} at step {run.points[-1].step if run.points else 0}"
    last = run.epochs[-1]
    return (
        f"{name}: train loss {last.train_loss:.3f}, train accuracy {last.train_accuracy:.4f}, "
        f"test accuracy {last.test_accuracy:.4f} ({run.seconds:.1f} s)"
    )
