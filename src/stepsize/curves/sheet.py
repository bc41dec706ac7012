"""The cells of CSV files and their kin: commas, semicolons, tabs, bars or blanks between them, a row to a line."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.curves.loss_curve import Floats
from stepsize.curves.table import Table, column_of
from stepsize.curves.text_file import text_of
from stepsize.errors import DataError, shown

NUMBERED = re.compile(r" \(column \d+\)$")
"""What is added to a name that an earlier column has."""
SIGNS = ",;\t| "
LOOKED_AT = 20  # lines, by which the sign between the cells is found
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_FRACTION = re.compile(r"[+-]?\d*([.,])\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = {
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"),
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?"),
}
_NO_VALUE = {"", "null", "none", "na", "n/a", "<na>", "-"}


@dataclass(frozen=True)
class Sheet:
    """The cells of a file as text, and the line of each row."""

    path: Path
    names: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int] | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "Sheet":
        """The cells of a file, whose first line has the names of the columns."""
        text = text_of(path).replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        plain = [place for place, line in enumerate(lines) if line.lstrip()[:1] not in ("", "#")]
        sign, share = sign_between([lines[place] for place in plain[:LOOKED_AT]])
        if share < 0.5:
            raise DataError(f"{path} is not a log that stepsize knows", "a table begins with its names: step,lr,loss")
        try:
            numbered = cells_of([lines[place] for place in plain], sign)
        except csv.Error as error:
            raise DataError(f"{path} cannot be read as a table: {error}") from error
        if not numbered:
            raise DataError(f"{path} has no rows")
        head = numbered[0][1]
        names = [name.strip() for name in head]
        if all(map(is_number, names)):
            names = head = _names_before(path, lines[: plain[0]], sign, len(names))
        if "," in text if sign != "," else '"' in text:
            numbered = _without_thousands(numbered, sign)
        # A resumed run may write the names again.
        rows = [(plain[place] + 1, row) for place, row in numbered if row != head and any(row)]
        notes: tuple[str, ...] = ()
        if rows and len(rows[-1][1]) < len(names) and not text.endswith("\n"):  # a run that is being logged
            rows, notes = rows[:-1], ("its last line is not complete and does not count",)
        if not rows:
            raise DataError(f"{path} has no rows, only the names of its columns")
        for number, row in rows:
            if len(row) != len(names) and (len(row) < len(names) or any(map(str.strip, row[len(names) :]))):
                cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                advice = "a row needs a cell for each column, even an empty one"
                raise DataError(f"{path}, line {number}: {cells} for {len(names)} columns", advice)
        return cls(path, _numbered_repeats(names), [row for _, row in rows], [number for number, _ in rows], notes)

    def split(self, columns: Iterable[str]) -> dict[tuple[str, ...], "Sheet"]:
        """The rows of each combination of texts in these columns, in the order of their first rows."""
        places = [self.names.index(column) for column in columns]
        if not places:
            return {(): self}
        parts: dict[tuple[str, ...], list[int]] = {}
        for index, row in enumerate(self.rows):
            parts.setdefault(tuple(row[place].strip() for place in places), []).append(index)
        return {texts: self.of_rows(indices) for texts, indices in parts.items()}

    def of_rows(self, indices: Sequence[int]) -> "Sheet":
        lines = self.lines and [self.lines[index] for index in indices]
        return replace(self, rows=[self.rows[index] for index in indices], lines=lines)

    def texts(self, column: str) -> list[str]:
        place = self.names.index(column)
        return [row[place] for row in self.rows]

    def table(self, name: str, columns: Iterable[str], **known: Any) -> Table:
        """The numbers in these columns; `known` are further attributes of the table."""
        found, unfit = dict[str, Floats](), dict[str, str]()
        for column in columns:
            cells = self.texts(column)
            if not column or column.lower().startswith("unnamed:"):
                continue
            try:
                found[column] = _numbers(cells)
            except ValueError:
                place, cell = next((place, cell) for place, cell in enumerate(cells) if not is_number(cell))
                line = f", line {self.lines[place]}" if self.lines else ""
                unfit[column] = f"{self.path}{line}: {column} is not a number: {shown(cell)}"
        lines = None if self.lines is None else np.array(self.lines)
        known = {"source": str(self.path), "notes": self.notes} | known
        return Table(name=name, columns=found, lines=lines, unfit=unfit, **known)


def sign_between(lines: Sequence[str]) -> tuple[str, float]:
    """The sign that cuts most of the first lines into the same number of cells, and their share."""
    found = {}
    for sign in SIGNS:
        try:
            widths = [len(row) for _, row in cells_of(lines, sign)]
        except csv.Error:  # a cell is too long
            continue
        if widths and widths[0] > 1:
            found[sign] = Counter(widths)[widths[0]] / len(widths), widths[0]
    best = max(found, key=found.__getitem__, default=",")
    return best, found.get(best, (1.0, 1))[0]


def cells_of(lines: Iterable[str], sign: str) -> list[tuple[int, list[str]]]:
    """The cells of each row, and the index of its last line."""
    if sign == " ":
        return [(index, line.split()) for index, line in enumerate(lines)]
    reader = csv.reader(lines, delimiter=sign, skipinitialspace=True)
    return [(reader.line_num - 1, row) for row in reader]


def _names_before(path: Path, lines: Sequence[str], sign: str, width: int) -> list[str]:
    """The names in the last comment before the rows, where NumPy's savetxt writes them."""
    comments = [line.strip("# ") for line in lines if line.strip()]
    names = cells_of(comments[-1:], sign)[0][1] if comments else []
    if len(names) != width:
        raise DataError(f"{path} does not name its columns", "write their names into the first line: step,lr,loss")
    return names


def _numbered_repeats(names: Sequence[str]) -> tuple[str, ...]:
    """The names; one that was there before has the number of its column added."""
    return tuple(
        f"{name} (column {place + 1})" if name and name in names[:place] else name for place, name in enumerate(names)
    )


def _without_thousands(rows: list[tuple[int, list[str]]], sign: str) -> list[tuple[int, list[str]]]:
    """The rows without the sign between thousands: commas if decimals have points, points if they have commas."""
    found = [_FRACTION.fullmatch(cell) for _, row in rows for cell in row if "," in cell or "." in cell]
    decimal = {each[1] for each in found if each and not _THOUSANDS[each[1]].fullmatch(each[0])}
    mark = "." if decimal == {","} else "," if decimal == {"."} or sign == "," else ""
    if not mark:
        return rows
    is_large = _THOUSANDS[mark].fullmatch
    return [(place, [cell.replace(mark, "") if is_large(cell) else cell for cell in row]) for place, row in rows]


def _numbers(cells: Sequence[str]) -> Floats:
    try:
        values = np.array([*map(float, cells)])
    except ValueError:  # cells without a value, or with a decimal comma
        values = np.array([np.nan])
    return column_of(map(_number, cells)) if np.isnan(values).any() else values


def _number(cell: str) -> float | None:
    """The number in a cell; None if it is empty."""
    try:
        return float(cell)
    except ValueError:
        cell = cell.strip()
        if cell.lower() in _NO_VALUE:
            return None
        if _DECIMAL_COMMA.fullmatch(cell):
            return float(cell.replace(",", "."))
        raise


def is_number(cell: str) -> bool:
    """Whether a cell has a number or nothing."""
    try:
        _number(cell)
    except ValueError:
        return False
    return True
