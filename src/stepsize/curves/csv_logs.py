"""Loss curves from CSV files: a row for each logged step, or the export of a store."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stepsize.arguments import LONGEST
from stepsize.curves.log import Log, ReadOptions, Rows, Schedules, curves_of, missing, schedule_of_text
from stepsize.curves.loss_curve import LossCurve
from stepsize.errors import DataError, raise_together, shown

EXPORTED = ("run", "name", "schedule", "seed", "status", "step")
"""The first columns of what `Results.write_csv` writes."""


@dataclass(frozen=True)
class CsvTable:
    """The cells of a CSV file as text; each row comes with its line in the file."""

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]

    @classmethod
    def read(cls, path: Path | str) -> "CsvTable":
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
            raise DataError(f"{path} is empty", "its first line should name the columns: step,lr,loss")
        for sign in ";\t":
            if len(names) == 1 and sign in names[0]:
                raise DataError(f"{path} separates its columns with {shown(sign)}", "save it with commas")
        if not rows:
            raise DataError(f"{path} has no rows, only the names of its columns")
        for line, row in rows:
            if len(row) < len(names) or any(cell.strip() for cell in row[len(names) :]):
                raise DataError(
                    f"{path}, line {line}: {len(row)} {'cell' if len(row) == 1 else 'cells'} for {len(names)} columns",
                    "a row needs a cell for each column, even an empty one",
                )
        return cls(path, names, rows)

    def split(self, column: str) -> list["CsvTable"]:
        """A table for each value in a column, in order of their first rows."""
        parts: dict[str, list[tuple[int, list[str]]]] = {}
        for line, row in self.rows:
            parts.setdefault(self._cell(row, column), []).append((line, row))
        return [replace(self, rows=tuple(rows)) for rows in parts.values()]

    def first(self, column: str) -> str:
        """The text in a column of the first row."""
        return self._cell(self.rows[0][1], column)

    def pairs(self, step: str, column: str) -> Rows:
        """The steps at which a column has a value, and the values."""
        steps, values = list[int](), list[float]()
        line_before = 0
        for line, row in self.rows:
            text = self._cell(row, column)
            if not text:
                continue
            where = f"{self.path}, line {line}"
            value = _number(where, column, text)
            if not np.isfinite(value):
                raise DataError(f"{where}: {column} is {text}", "leave out what a run logged after it diverged")
            number = _number(where, step, self._cell(row, step))
            if not 0 <= number <= LONGEST or number % 1:
                raise DataError(f"{where}: {step} must be a whole number of at least 0, got {number:g}")
            if steps and number <= steps[-1]:
                how = "again" if number == steps[-1] else f"after {steps[-1]}"
                raise DataError(
                    f"{where}: step {number:.0f} comes {how} (line {line_before})",
                    "sort the rows, and keep one of each step: a run that was resumed may have logged some twice",
                )
            line_before = line
            steps.append(int(number))
            values.append(value)
        return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)

    def _cell(self, row: list[str], column: str) -> str:
        return row[self.names.index(column)].strip()


def _number(where: str, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{where}: {column} is not a number: {shown(text)}") from None


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
    """Read the loss curve in a CSV file with a row for each logged step.

    Rows without a loss are left out. The rates of the first steps are known if the log begins at step 0 or 1, or with
    rates that rise in a straight line from 0. Otherwise `warmup_steps` or `schedule` is required.

    Args:
        path: a file whose first line names the columns.
        step: the name of the column of steps, `lr` of rates (None: ignore logged rates), `loss` of losses.
        name: of the curve; the name of the file if None.
        means: what a row at step s contains. False: the loss and the rate of update s, the first of which is 0. True:
            the row was written when s updates were done, and has the mean loss since the row before, which is placed at
            the middle of these updates, and the rate of the last one. None: True for files of `Results.write_csv`.
        schedule: of the run, which gives the rates; logged rates must agree with it.
        warmup_steps: the length of a linear warmup from 0 to the first logged rate, which was then held; 0: it was held
            from the start. Ignored if the first rates are known.
        jumps: the steps at which the rate jumped; between other rows it changed in a straight line.

    Raises:
        DataError: the file cannot be read, is empty, or lacks columns; a step is repeated, out of order or too large; a
            loss or a rate is not a number; the rates disagree with the schedule; the first rates are unknown; the rate
            does not jump at one of `jumps`.

    Example:
        >>> import io, tempfile, pathlib
        >>> from stepsize.curves import read_csv
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "run.csv"
        ...     _ = path.write_text("step,rate,loss\\n0,0.2,4.0\\n2,0.1,3.0\\n")
        ...     read_csv(path, lr="rate").rates
        array([0.2 , 0.15, 0.1 ])
    """
    options = ReadOptions(step, lr or "", loss, means, schedule, warmup_steps, jumps, reader="read_csv")
    logs = csv_logs(CsvTable.read(path), options)
    if len(logs) > 1:
        raise DataError(f"{path} has the rows of {len(logs)} runs", "read_curves() reads them all")
    log = logs[0] if name is None else replace(logs[0], name=name)
    return curves_of([log], options)[0]


def csv_logs(table: CsvTable, options: ReadOptions) -> list[Log]:
    """The log in a CSV file, or the logs of several runs in a file of `Results.write_csv`."""
    if table.names[: len(EXPORTED)] == EXPORTED:
        return _exported_logs(table, options)
    given = {"step": options.step, "lr": options.lr, "loss": options.loss}
    names = {word: word if name is None else name for word, name in given.items()}
    absent = {
        word: missing(str(table.path), "column", word, name, table.names)
        for word, name in names.items()
        if name and name not in table.names
    }
    if absent.keys() - {"lr"}:
        raise_together([error for word, error in absent.items() if word != "lr" or options.schedule is None])
    rates = table.pairs(names["step"], names["lr"]) if names["lr"] in table.names else None
    losses = table.pairs(names["step"], names["loss"])
    log = Log(str(table.path), table.path.stem, *losses, rates, absent.get("lr"))
    return [log.of_means() if options.means else log]


def _exported_logs(table: CsvTable, options: ReadOptions) -> list[Log]:
    """The logs of the runs of a store; diverged runs are left out, as when the store itself is read."""
    runs = [part for part in table.split("run") if part.first("status") != "diverged"]
    if not runs:
        raise DataError(f"{table.path} has no run with a loss curve")
    loss = "train_loss" if options.loss in (None, "loss") else options.loss
    if loss not in table.names:
        raise missing(str(table.path), "column", "loss", loss, table.names)
    several = len({part.first("seed") for part in runs}) > 1
    logs = []
    for part in runs:
        name, text, seed = map(part.first, ("name", "schedule", "seed"))
        rates = part.pairs("step", "lr") if "lr" in part.names else None
        label = f"{name}, seed {seed}" if several else name
        losses = part.pairs("step", loss)
        log = Log(f"{table.path}, {label}", label, *losses, rates, schedule=schedule_of_text(text))
        logs.append(log if options.means is False else log.of_means())
    return logs
