"""The directory of a comparison: what was asked for, every run that ended, the table and the picture."""

import json
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stepsize.errors import OutputError
from stepsize.files import write_whole
from stepsize.records.files import write_run
from stepsize.records.run import Run


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and its spread: the sample standard deviation, NaN for a single seed."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """The mean and the spread of some numbers; NaN where there are none."""
        if not values:
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
    runs: int
    diverged: int
    train_loss: Mean
    train_accuracy: Mean
    test_accuracy: Mean
    seconds: Mean

    def cells(self) -> tuple[str, ...]:
        """The line as texts, under `COLUMNS`."""
        note = f" ({self.diverged} of {self.runs + self.diverged} diverged)" if self.diverged else ""
        return (
            self.name + note,
            self.train_loss.text(3),
            self.train_accuracy.text(4),
            self.test_accuracy.text(4),
            self.seconds.text(1),
        )


COLUMNS = ("schedule", "train loss", "train accuracy", "test accuracy", "seconds")


def table(runs: Sequence[Run]) -> tuple[Row, ...]:
    """One row for each schedule, in the order of the runs.

    Runs that diverged are counted, not averaged in; those that were interrupted are left out.
    """
    rows = []
    for name in dict.fromkeys(run.name for run in runs):
        mine = [run for run in runs if run.name == name]
        finished = [run for run in mine if run.status == "finished"]

        def last(column: str, finished: Sequence[Run] = finished) -> Mean:
            return Mean.of([float(getattr(run.epochs[-1], column)) for run in finished])

        rows.append(
            Row(
                name,
                mine[0].schedule,
                len(finished),
                sum(run.status == "diverged" for run in mine),
                last("train_loss"),
                last("train_accuracy"),
                last("test_accuracy"),
                Mean.of([run.seconds for run in finished]),
            )
        )
    return tuple(rows)


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


def markdown(rows: Sequence[Row]) -> str:
    """The table in Markdown, and below it each schedule in its own words."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * (len(COLUMNS) - 1)}",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
        "",
        *(f"- {row.name}: `{row.schedule}`" for row in rows),
    ]
    return "\n".join(lines) + "\n"


class ResultDirectory:
    """A new directory that the results of one comparison go into, each file whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, path: Path | None) -> "ResultDirectory":
        """The directory at `path`, made if needed; `runs/<date and time>` if None.

        Raises:
            OutputError: it cannot be made or written to, or is there already and not empty.
        """
        path = Path("runs", datetime.now().strftime("%Y%m%d-%H%M%S")) if path is None else path
        try:
            path.mkdir(parents=True, exist_ok=True)
            occupied = any(path.iterdir())
        except OSError as error:
            raise OutputError(f"{path} cannot be used for results: {error.strerror}; name another") from error
        if occupied:
            raise OutputError(f"{path} is not empty, and results are never overwritten; name another directory")
        return cls(path)

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write what was asked for, and under which circumstances."""
        write_whole(self.path / "experiment.json", f"{json.dumps(settings, indent=1)}\n".encode())

    def write_run(self, number: int, run: Run) -> None:
        """Write one run that has ended; its number keeps names apart that look alike as file names."""
        folder = self.path / "runs"
        folder.mkdir(exist_ok=True)
        write_run(folder / f"{number:03d}-{_file_name(run.name)}-seed{run.seed}.json", run)

    def write_report(self, text: str) -> Path:
        """Write the report; return where it lies."""
        path = self.path / "report.md"
        write_whole(path, text.encode())
        return path

    def picture(self, suffix: str = "png") -> Path:
        """Where the picture of the comparison lies."""
        return self.path / f"comparison.{suffix}"


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "run"
