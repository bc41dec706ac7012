"""Loss curves from CSV files: a row for each logged step, the export of a store, or of a Weights & Biases panel."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stepsize.arguments import LONGEST
from stepsize.curves.log import Filling, Log, Rows, Schedules, curves_of, lacking, listed, schedule_of
from stepsize.curves.loss_curve import LossCurve
from stepsize.errors import DataError, quoted, shown

EXPORTED = ("run", "name", "schedule", "seed", "status", "step")
"""How the columns begin that `Results.write_csv` writes."""


@dataclass(frozen=True)
class CsvTable:
    """The cells of a CSV file as text, with the line that each row stands on."""

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]

    @classmethod
    def read(cls, path: Path | str) -> "CsvTable":
        """The table in a file.

        Raises:
            DataError: the file cannot be read, or has no rows.
        """
        path = Path(path)
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file)
                names = tuple(name.strip() for name in next(reader, ()))
                rows = tuple((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{path} cannot be read as CSV: {str(reason).lower()}") from error
        if not names:
            raise DataError(f"{path} is empty; its first line should name the columns: step,lr,loss")
        if not rows:
            raise DataError(f"{path} has no rows, only the names of its columns")
        return cls(path, names, rows)

    @property
    def is_exported(self) -> bool:
        """Whether it is what `Results.write_csv` writes: the rows of many runs, one run after another."""
        return self.names[: len(EXPORTED)] == EXPORTED

    def is_panel(self, step: str, loss: str) -> bool:
        """Whether it is the export of a Weights & Biases panel, "<run> - <metric>" beside the steps."""
        return step in self.names and loss not in self.names and any(" - " in name for name in self.names)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the columns of a panel measure."""
        measured = [name.rpartition(" - ")[2] for name in self.names if " - " in name]
        return tuple(dict.fromkeys(each for each in measured if not each.endswith(("__MIN", "__MAX"))))

    def metric(self, metric: str, word: str) -> dict[str, str]:
        """The columns of a metric by run, of a panel; `word` names the metric in Python.

        Raises:
            DataError: a run has several metrics of which this is the last part.
        """
        exact: dict[str, str] = {}
        ending: dict[str, list[str]] = {}
        for name in self.names:
            run, dash, measured = name.rpartition(" - ")
            if dash and measured == metric:
                exact[run] = name
            elif dash and measured.rpartition("/")[2] == metric:
                ending.setdefault(run, []).append(measured)
        for run, measures in ending.items():
            if run not in exact and len(measures) > 1:
                raise DataError(
                    f"{self.path} has several columns of run {quoted(run)} that end in {quoted(metric)}: "
                    f"{listed(measures)}; name one in full, {word}={quoted(measures[0])}"
                )
        return {run: f"{run} - {measures[0]}" for run, measures in ending.items()} | exact

    def by(self, column: str) -> dict[str, "CsvTable"]:
        """The rows of each value in a column, in order of their first."""
        at = self.names.index(column)
        parts: dict[str, list[tuple[int, list[str]]]] = {}
        for line, row in self.rows:
            parts.setdefault(row[at] if at < len(row) else "", []).append((line, row))
        return {value: replace(self, rows=tuple(rows)) for value, rows in parts.items()}

    def first(self, column: str) -> str:
        """The text in a column of the first row."""
        return self._cell(self.rows[0][1], self.names.index(column))

    def pairs(self, step: str, column: str, word: str) -> Rows:
        """The steps at which a column has a value, and the values; `word` names the column in Python.

        Raises:
            DataError: a column is not there, a step or a value is not a number, or the steps do not rise.
        """
        steps, values = [], []
        before: tuple[int, int] | None = None
        at, of = self._place(step, "step"), self._place(column, word)
        for line, row in self.rows:
            text = self._cell(row, of)
            if not text:
                continue
            value = self._number(line, column, text)
            if not np.isfinite(value):
                raise DataError(
                    f"{self.path}, line {line}: {column} is {text}; leave out what a run logged after it diverged"
                )
            number = self._number(line, step, self._cell(row, at))
            if not 0 <= number <= LONGEST or number % 1:
                raise DataError(
                    f"{self.path}, line {line}: {step} must be a whole number of at least 0, got {number:g}"
                )
            if before is not None and number <= before[1]:
                how = "again" if number == before[1] else f"after {before[1]}"
                raise DataError(
                    f"{self.path}, line {line}: step {number:.0f} comes {how} (line {before[0]}); sort the rows, and "
                    "keep one of each step: a run that was resumed may have logged some twice"
                )
            before = line, int(number)
            steps.append(int(number))
            values.append(value)
        return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)

    def _place(self, column: str, word: str) -> int:
        if column not in self.names:
            raise DataError(f"{self.path} {lacking('column', column, self.names, word)}")
        return self.names.index(column)

    def _cell(self, row: list[str], at: int) -> str:
        return row[at].strip() if at < len(row) else ""

    def _number(self, line: int, column: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise DataError(f"{self.path}, line {line}: {column} is not a number: {shown(text)}") from None


def read_csv(
    path: Path | str,
    *,
    step: str = "step",
    lr: str | None = "lr",
    loss: str = "loss",
    name: str | None = None,
    means: bool | None = None,
    schedule: Schedules = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> LossCurve:
    """The loss curve in a CSV file with a row for each logged step.

    Rows without a loss are left out. The rates of the first steps are known where the log begins at step 0 or 1, or
    with rates that rise in a straight line from 0; any other wants `warmup_steps` or `schedule`.

    Args:
        path: a file whose first line names the columns.
        step: the name of the column of steps, `lr` of rates (None: not looked for), `loss` of losses.
        name: of the curve; the file's own if None.
        means: what a row at step s tells. False: the loss and the rate of update s, the first of which is 0. True: it
            was written when s updates were done, and has the mean loss of those since the row before, which stands at
            the middle of them, and the rate of the last. None: True for what `Results.write_csv` wrote, else False.
        schedule: of the run, from which the rates are taken; those of the file must agree with it.
        warmup_steps: before its first row the rate rose in a straight line from 0 over so many steps, and was then
            held; 0: it was held from the start. Not looked at where the first steps are known.
        jumps: the steps from which on the rate was suddenly another; between any other rows it went straight.

    Raises:
        DataError: the file cannot be read, is empty, or lacks a column; a step is repeated, smaller than the one
            before, or too large for one; a loss or a rate is not a number; the rates disagree with the schedule; the
            rates of the first steps are not known; the rate does not jump at one of `jumps`.

    Example:
        >>> import io, tempfile, pathlib
        >>> from stepsize.curves import read_csv
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "run.csv"
        ...     _ = path.write_text("step,rate,loss\\n0,0.2,4.0\\n2,0.1,3.0\\n")
        ...     read_csv(path, lr="rate").rates
        array([0.2 , 0.15, 0.1 ])
    """
    logs = csv_logs(CsvTable.read(path), step, lr, loss, means)
    if len(logs) > 1:
        raise DataError(f"{path} has the rows of {len(logs)} runs; read_curves() reads them all")
    log = logs[0] if name is None else replace(logs[0], name=name)
    return curves_of([log], Filling(schedule, warmup_steps, jumps))[0]


def read_wandb(
    path: Path | str,
    rates: Path | str | None = None,
    *,
    step: str = "Step",
    lr: str = "lr",
    loss: str = "loss",
    means: bool = False,
    schedule: Schedules = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in the CSV export of a Weights & Biases panel, one for each run in it.

    A panel has a column "<run> - <metric>" for each run, beside its __MIN and __MAX, which are left out. Panels have
    one metric each, so that the rates usually stand in a file of their own.

    Args:
        path: the export of the panel of the loss.
        rates: the export of the panel of the rate; None where it is the same file, or a schedule is given.
        step: the name of the column of steps.
        lr: the metric of the rate, `loss` of the loss; what stands before the last "/" may be left out where that is
            enough to know it by.
        means: as in `read_csv`, and so are `warmup_steps` and `jumps`; the Trainer of transformers logs means.
        schedule: of every run, or a mapping of the runs' names to schedules, where there is no log of the rates.

    Raises:
        DataError: as `read_csv`; or no column has the metric, or several of one run have it.
    """
    logs = panel_logs(CsvTable.read(path), None if rates is None else CsvTable.read(rates), step, lr, loss, means)
    return curves_of(logs, Filling(schedule, warmup_steps, jumps))


def csv_logs(table: CsvTable, step: str, lr: str | None, loss: str, means: bool | None) -> list[Log]:
    """What was logged in a CSV file: of one run, or, in what `Results.write_csv` wrote, of several."""
    if table.is_exported:
        return _exported_logs(table, "train_loss" if loss == "loss" else loss, means is not False)
    if lr is not None and lr in table.names:
        rates, lack = table.pairs(step, lr, "lr"), ""
    else:
        rates, lack = None, lacking("column", lr or "lr", table.names, "lr")
    log = Log(str(table.path), table.path.stem, *table.pairs(step, loss, "loss"), rates, no_rates=lack)
    return [log.of_means() if means else log]


def panel_logs(
    table: CsvTable, of_rates: CsvTable | None, step: str, lr: str, loss: str, means: bool | None
) -> list[Log]:
    """What was logged of each run in the export of a panel."""
    columns = table.metric(loss, "loss")
    if not columns:
        raise DataError(f"{table.path} {lacking('metric', loss, table.metrics, 'loss')}")
    beside = of_rates or table
    rate_columns = beside.metric(lr, "lr")
    lack = lacking("metric", lr, beside.metrics, "lr")
    logs = []
    for run, column in columns.items():
        losses = table.pairs(step, column, "loss")
        rates = beside.pairs(step, rate_columns[run], "lr") if run in rate_columns else None
        log = Log(f"{table.path}, run {quoted(run)}", run, *losses, rates, no_rates=lack)
        logs.append(log.of_means() if means else log)
    return logs


def _exported_logs(table: CsvTable, loss: str, means: bool) -> list[Log]:
    """What a store had logged of each run; diverged ones are left out, as of the store."""
    runs = [part for part in table.by("run").values() if part.first("status") != "diverged"]
    if not runs:
        raise DataError(f"{table.path} has no run with a loss curve")
    several = len({part.first("seed") for part in runs}) > 1
    logs = []
    for part in runs:
        name, text, seed = map(part.first, ("name", "schedule", "seed"))
        rates = part.pairs("step", "lr", "lr") if "lr" in part.names else None
        label = f"{name}, seed {seed}" if several else name
        losses = part.pairs("step", loss, "loss")
        log = Log(f"{table.path}, {label}", label, *losses, rates, schedule=schedule_of(text))
        logs.append(log.of_means() if means else log)
    return logs
