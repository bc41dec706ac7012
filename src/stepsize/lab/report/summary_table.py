"""The summary table of a comparison, as numbers (`Row`) and as texts (`SummaryTable`).

It has a row of means for each schedule, and the differences to the first schedule.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from stepsize.lab.report.tables import Line, grouped, last_value, no_comparison, tables
from stepsize.lab.statistics.findings import Mean, Metric, Terms, decimals
from stepsize.store import Run
from stepsize.store.run import StoredRun

Runs = Sequence[Run | StoredRun]

_WITH_ACCURACY = ("train loss", "train accuracy", "test accuracy", "seconds")
_WITHOUT_ACCURACY = ("train loss", "test loss", "seconds")
_WITHOUT_TEST = ("train loss", "seconds")
_DIGITS = {"train loss": 3, "train accuracy": 4, "test loss": 4, "test accuracy": 4, "seconds": 1}
_LEFT_OUT_IF_NARROW = ("train accuracy", "seconds")


@dataclass(frozen=True)
class Row:
    """The row of one schedule: means over its finished runs, after their last epoch."""

    name: str
    schedule: str
    finished: int
    diverged: int
    train_loss: Mean
    train_accuracy: Mean
    test_loss: Mean
    test_accuracy: Mean
    seconds: Mean
    headline: Mean

    def cells(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The name and, as texts, the means of these columns."""
        note = f" ({self.diverged} of {self.finished + self.diverged} diverged)" if self.diverged else ""
        return (self.name + note, *map(self._text, columns))

    def _text(self, column: str) -> str:
        if column in _DIGITS:
            mean: Mean = getattr(self, column.replace(" ", "_"))
            return mean.text(_DIGITS[column])
        return self.headline.text(decimals([self.headline]))


def rows(runs: Runs, headline: Metric | None = None) -> tuple[Row, ...]:
    """A row for each schedule, in the order of the runs; diverged runs are counted, but not averaged."""
    return tuple(_row(group, headline) for group in grouped(runs).values())


def _row(runs: Runs, headline: Metric | None) -> Row:
    finished = [run for run in runs if run.status == "finished"]
    fields = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    means = {field: Mean.of([last_value(run, field) for run in finished]) for field in fields}
    first = Mean.of([last_value(run, headline.field) for run in finished] if headline else [])
    diverged = sum(run.status == "diverged" for run in runs)
    seconds = Mean.of([run.seconds for run in finished])
    return Row(runs[0].name, runs[0].schedule, len(finished), diverged, **means, seconds=seconds, headline=first)


def _columns(rows: Iterable[Row], headline: Metric | None) -> tuple[str, ...]:
    """The columns of means: the headline, or the test loss if no row has an accuracy, in place of the accuracies.

    What no finished run of a training loop has logged has no column.
    """
    held = tuple(rows)
    fields = ("test_accuracy", "test_loss", "train_loss", "train_accuracy")
    logged = [field for field in fields if any(math.isfinite(getattr(row, field).mean) for row in held)]
    columns = {"test_accuracy": _WITH_ACCURACY, "test_loss": _WITHOUT_ACCURACY, "train_loss": _WITHOUT_TEST}
    chosen = columns[next((field for field in columns if field in logged), "test_accuracy")]
    if headline is not None:
        chosen = tuple(dict.fromkeys(("train loss", headline.label, "seconds")))
    ended = any(row.finished for row in held)
    empty = [each for each in ("train loss", "train accuracy") if ended and each.replace(" ", "_") not in logged]
    return tuple(each for each in chosen if each not in empty)


def result_line(run: Run, terms: Terms) -> str:
    """How a run ended, in one line, and whether it is at chance level."""
    name = f"{run.name}, seed {run.seed}"
    if run.status != "finished":
        return f"{name}: {run.status} at step {run.points[-1].step if run.points else 0}"
    row = _row([run], terms.headline)
    columns = _columns([row], terms.headline)[:-1]
    cells = [
        f"{_head(column, terms.judged_on)} {cell}" for column, cell in zip(columns, row.cells(columns)[1:], strict=True)
    ]
    at_chance = ", at chance level" if terms.chance is not None and terms.chance.holds(run) else ""
    return f"{name}: {', '.join(cells)}{at_chance} ({run.seconds:.1f} s)"


@dataclass(frozen=True)
class SummaryTable:
    """Column heads, a line for each schedule, and notes below.

    The test loss takes the place of the accuracies if there are none. If at least two seeds can be paired, the last
    column is the difference to the first schedule with its 95% interval, in the test accuracy or else the test loss.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def narrow(self) -> "SummaryTable":
        """The same in 78 characters: if there are differences, other columns make room for them."""
        if self.columns[-1] == "seconds":
            return self
        kept = [index for index, column in enumerate(self.columns) if column not in _LEFT_OUT_IF_NARROW]
        lines = tuple(tuple(line[index] for index in kept) for line in self.lines)
        return SummaryTable(tuple(self.columns[index] for index in kept), lines, self.notes)

    def __str__(self) -> str:
        """The table with the notes below, in columns of equal width."""
        lines = [self.columns, *self.lines]
        first, *rest = (max(len(line[index]) for line in lines) for index in range(len(self.columns)))
        aligned = [
            "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], rest, strict=True))])
            for line in lines
        ]
        return "\n".join([*aligned, *self.notes])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in self.lines)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _head(column: str, judged_on: str) -> str:
    return column.replace("test", judged_on) if column in _DIGITS else column


def summary_table(runs: Runs, terms: Terms | None = None, remarks: Sequence[str] = ()) -> SummaryTable:
    """The table of some runs of a comparison, compared on these terms; the remarks are the last notes.

    A schedule without runs has a line too; if it is the first, no other takes its place in the differences.
    """
    terms = terms or Terms()
    groups, by_name = grouped(runs, terms.names), {row.name: row for row in rows(runs, terms.headline)}
    columns = _columns(by_name.values(), terms.headline)
    lines = [by_name[name].cells(columns) if name in by_name else (name, *["-"] * len(columns)) for name in groups]
    heads = ("schedule", *(_head(column, terms.judged_on) for column in columns))
    compared = tables(groups, terms)
    if terms.chance is not None:
        remarks = (*terms.chance.notes(runs, terms.judged_on), *remarks)
    if not compared or len(groups) < 2:
        return SummaryTable(heads, tuple(lines), tuple(remarks))
    main = compared[0]
    if reason := no_comparison(main, terms.seeds or len({run.seed for run in runs})):
        return SummaryTable(heads, tuple(lines), (reason, *remarks))
    line_of = {line.finding.name: line for line in main.lines}
    metric = "" if main.metric.field == "test_accuracy" else f"{main.metric.label} "
    return SummaryTable(
        (*heads, f"{metric}against {main.findings[0].name}"),
        tuple((*line, _difference(line_of.get(name))) for line, name in zip(lines, groups, strict=True)),
        (*main.notes, *remarks),
    )


def pairs_table(runs: Runs, terms: Terms) -> SummaryTable:
    """The difference of every schedule to each before it, in the first metric; no lines without intervals."""
    compared = tables(grouped(runs, terms.names), terms)
    lines = compared[0].pairs if compared else ()
    texts = [
        (
            each.pair.name,
            each.pair.against,
            f"{each.difference} ({each.interval.replace('+', '')})" if each.interval else each.difference,
            each.p or "-",
            each.verdict,
        )
        for each in lines
    ]
    label = f"{compared[0].metric.label} difference" if compared else "difference"
    note = compared[0].correction_of_pairs if compared else ""
    none = "All pairs need at least 3 and at most 32 schedules, and at least 2 seeds."
    return SummaryTable(("schedule", "against", label, "p", "verdict"), tuple(texts), (note,) if lines else (none,))


def shared_updates(runs: Runs) -> tuple[str, ...]:
    """What the runs that branch from others have saved, in a sentence; none if there are none."""
    branched = [run.branched_at for run in runs if run.branched_at is not None]
    every = sum(int(run.column("step")[-1]) for run in runs if run.column("step").size)
    if not branched or not every:  # a damaged store may have lost the points
        return ()
    share = 100 * sum(branched) / every
    saved = f"{every - sum(branched):,} of {every:,} updates were trained ({share:.0f}% saved)"
    verb = "branch from others" if len(branched) > 1 else "branches from another"
    return (f"{len(branched)} of {len(runs)} runs {verb}: {saved}.",)


def _difference(line: Line | None) -> str:
    if line is None or line.finding.verdict in ("first", "unknown"):
        return "-"
    cells = {"open": "not told apart", "small": f"small ({line.interval})"}
    return cells.get(line.finding.verdict, f"{line.difference} ({line.interval.replace('+', '')})")
