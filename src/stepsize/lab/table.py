"""What runs come to: a row for each schedule, means and spreads over seeds, and a line for each run."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stepsize.records.run import Logged, Run

STOPPING = "Stopping; the runs that have finished are kept"
WITH_ACCURACY = ("schedule", "train loss", "train accuracy", "test accuracy", "seconds")
WITHOUT_ACCURACY = ("schedule", "train loss", "test loss", "seconds")
"""The columns where a task counts how many are right, and where it has only its loss."""
_DIGITS = {"train loss": 3, "train accuracy": 4, "test loss": 4, "test accuracy": 4, "seconds": 1}


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
    test_loss: Mean
    test_accuracy: Mean
    seconds: Mean

    def cells(self, columns: Sequence[str] = WITH_ACCURACY) -> tuple[str, ...]:
        """The line as texts, under these columns."""
        note = f" ({self.diverged} of {self.finished + self.diverged} diverged)" if self.diverged else ""
        means: list[Mean] = [getattr(self, column.replace(" ", "_")) for column in columns[1:]]
        texts = [mean.text(_DIGITS[column]) for column, mean in zip(columns[1:], means, strict=True)]
        return (self.name + note, *texts)


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


def columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """Those of a table of these rows: with the test loss where none has an accuracy, but some a test loss."""
    if any(math.isfinite(row.test_accuracy.mean) for row in rows):
        return WITH_ACCURACY
    return WITHOUT_ACCURACY if any(math.isfinite(row.test_loss.mean) for row in rows) else WITH_ACCURACY


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
        at_the_end("test_loss"),
        at_the_end("test_accuracy"),
        Mean.of([run.seconds for run in finished]),
    )


def closing_line(run: Run) -> str:
    """How a run ended, in one line."""
    name = f"{run.name}, seed {run.seed}"
    if run.status != "finished":
        return f"{name}: {run.status} at step {run.points[-1].step if run.points else 0}"
    row = _row([run])
    heads = columns([row])
    told = [f"{head} {cell}" for head, cell in zip(heads, row.cells(heads), strict=True)]
    return f"{name}: {', '.join(told[1:-1])} ({run.seconds:.1f} s)"
