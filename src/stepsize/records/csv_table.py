"""A CSV file as text, with the line that each row stands on, and two of its columns as numbers."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stepsize.arguments import LONGEST, quoted, shown
from stepsize.errors import DataError
from stepsize.records.export import LABELS
from stepsize.records.log import Rows, lacking, listed

EXPORTED = ("run", *LABELS, "step")
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
            DataError: a column is not there, a step or a value is no number, or the steps do not rise.
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
            raise DataError(f"{self.path}, line {line}: {column} is no number: {shown(text)}") from None
