"""The table that a comparison closes with: a row of means for each schedule, and the differences to the first.

As values (`Row`), and as texts with the warnings (`ClosingTable`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stepsize.lab.report.tables import Line, grouped, nothing_to_tell, tables
from stepsize.lab.statistics import Mean
from stepsize.store.run import Logged

WITH_ACCURACY = ("schedule", "train loss", "train accuracy", "test accuracy", "seconds")
WITHOUT_ACCURACY = ("schedule", "train loss", "test loss", "seconds")
"""The columns where a task counts how many are right, and where it has only its loss."""
_DIGITS = {"train loss": 3, "train accuracy": 4, "test loss": 4, "test accuracy": 4, "seconds": 1}
_LEFT_OUT_WHERE_NARROW = ("train accuracy", "seconds")


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
    return tuple(row_of([run for run in runs if run.name == name]) for name in dict.fromkeys(run.name for run in runs))


def columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """Those of a table of these rows: with the test loss where none has an accuracy, but some a test loss."""
    if any(math.isfinite(row.test_accuracy.mean) for row in rows):
        return WITH_ACCURACY
    return WITHOUT_ACCURACY if any(math.isfinite(row.test_loss.mean) for row in rows) else WITH_ACCURACY


def row_of(runs: Sequence[Timed]) -> Row:
    """The row of one schedule, whose runs these are."""
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


@dataclass(frozen=True)
class ClosingTable:
    """Heads of columns, a line for each schedule, and sentences below.

    The test loss takes the place of the accuracies where there is none. Where two seeds or more can be paired, the last
    column is the difference to the first schedule with its 95% interval, in the test accuracy or else that loss.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def narrow(self) -> "ClosingTable":
        """The same for 78 characters: where there are differences, other columns make room for them."""
        if self.columns[-1] == _LEFT_OUT_WHERE_NARROW[-1]:
            return self
        kept = [index for index, column in enumerate(self.columns) if column not in _LEFT_OUT_WHERE_NARROW]
        lines = tuple(tuple(line[index] for index in kept) for line in self.lines)
        return ClosingTable(tuple(self.columns[index] for index in kept), lines, self.notes)


def closing_table(
    runs: Sequence[Timed], names: Sequence[str] = (), seeds: int | None = None, judged_on: str = "test"
) -> ClosingTable:
    """The table of some runs; where more were planned, of the schedules `names`, in this order, of so many seeds.

    A schedule that has no run has a line too, and where it is the first no other is compared in its place. `judged_on`
    names the samples that the runs were judged on: "test" or "held-out".

    Example:
        >>> from stepsize.lab.report.closing import closing_table
        >>> from stepsize.store import Run
        >>> from stepsize.store.run import Epoch
        >>> runs = [
        ...     Run(name, "Constant(0.1)", seed, (), (Epoch(9, 1.0, 0.5, 1.0, better + 0.01 * seed),), 1.0)
        ...     for seed in range(3) for name, better in (("flat", 0.7), ("warm", 0.8 + 0.001 * seed))
        ... ]
        >>> closing_table(runs).narrow().columns
        ('schedule', 'train loss', 'test accuracy', 'against flat')
        >>> closing_table(runs).narrow().lines[1][-1]
        '+0.101 (0.099 to 0.103)'
    """
    groups = grouped(runs, names)
    rows = {row.name: row for row in table(runs)}
    heads = columns([*rows.values()])
    lines = [rows[name].cells(heads) if name in rows else (name, *["-"] * (len(heads) - 1)) for name in groups]
    heads = tuple(head.replace("test", judged_on) for head in heads)
    found = tables(groups, judged_on)
    if not found or len(groups) < 2:
        return ClosingTable(heads, tuple(lines), ())
    telling = found[0]
    if nothing := nothing_to_tell(telling, seeds or len({run.seed for run in runs})):
        return ClosingTable(heads, tuple(lines), (nothing,))
    said = {row.finding.name: row for row in telling.rows}
    metric = "" if telling.metric.field == "test_accuracy" else f"{telling.metric.label} "
    return ClosingTable(
        (*heads, f"{metric}against {telling.findings[0].name}"),
        tuple((*line, _against(said.get(name))) for line, name in zip(lines, groups, strict=True)),
        tuple(f"{row.finding.name}: {note}" for row in telling.rows if (note := _note(row))),
    )


def _against(row: Line | None) -> str:
    if row is None or row.finding.verdict in ("first", "unknown"):
        return "-"
    if row.finding.verdict == "open":
        return "not told apart"
    return f"{row.difference} ({row.interval.replace('+', '')})"


def _note(row: Line) -> str:
    """What the cell does not say."""
    told = row.finding.verdict in ("better", "worse", "open")
    return " ".join(row.finding.words[told:])
