"""What can still be read of a damaged store."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from stepsize.records.run import Status
from stepsize.records.schema import FIELDS, PAGE, Table, companion, connect, create_tables

Row = tuple[Any, ...]

GOES_ON = ("waiting", "running", "interrupted")
"""Of these runs only what lies before the first gap is kept: they are continued from a point that is there."""

FIRST_PAGES = 1 + 5
"""The page of the schema, and one on which each of the five tables begins."""


@dataclass(frozen=True)
class RunRemains:
    """A run's row, the rows of its points and epochs that can be read, and whether these are all there were."""

    row: Row
    rows: dict[Table, list[Row]]
    whole: bool


@dataclass(frozen=True)
class Remains:
    """A copy of a damaged store, open; what is read from it is read when it is asked for."""

    connection: sqlite3.Connection

    def experiment(self) -> Row | None:
        """The row of the experiment, None if it cannot be read."""
        rows, _ = self._both_ends("SELECT * FROM experiment", "rowid")
        return rows[0] if rows and _types(rows[0]) == [str, str, str] else None

    def runs(self) -> Iterator[RunRemains]:
        """Every run that can be named: by its own row, else by what was planned."""
        rows, _ = self._both_ends("SELECT * FROM runs", "number")
        runs = {
            row[0]: row
            for row in rows
            if _types(row[:6]) == [int, str, str, int, str, float] and row[4] in get_args(Status)
        }
        for number, plan in enumerate(self._planned()):
            if number not in runs:
                yield self._run((number, *plan, "interrupted", 0.0, None, None, None), whole=False)
        for row in runs.values():
            yield self._run(row, whole=True)

    def _planned(self) -> list[list[Any]]:
        experiment = self.experiment()
        try:
            return list(json.loads(experiment[2])) if experiment else []
        except ValueError:
            return []

    def events(self) -> list[Row]:
        """The events that can be read."""
        rows, _ = self._both_ends("SELECT * FROM events", "rowid")
        return [row for row in rows if {type(text) for text in (row[0], row[2], row[3])} == {str}]

    def _run(self, row: Row, whole: bool) -> RunRemains:
        number, status, counts = row[0], row[4], dict(zip(FIELDS, row[7:], strict=True))
        kept: dict[Table, list[Row]] = {}
        for table, count in counts.items():
            select = f"SELECT * FROM {table} WHERE run = {number}"
            read = self._forwards if status in GOES_ON else self._both_ends
            rows, complete = read(select, "step", count)
            kept[table] = [
                values
                for values in rows
                if values[0] == number and all(value is None or type(value) in (int, float) for value in values)
            ]
            found = complete and len(kept[table]) == len(rows)
            whole &= found
        if not whole and status not in GOES_ON:
            row = (*row[:4], "interrupted", *row[5:])  # not all of it is there any more: a resume makes it again
        return RunRemains(row, kept, whole)

    def _forwards(self, select: str, key: str, count: int | None = None) -> tuple[list[Row], bool]:
        """The rows up to the first that cannot be read, and whether that is all: `count` of them, if known.

        Where two steps are out of order, one of them was overwritten, and neither is kept.
        """
        rows: list[Row] = []
        try:
            for row in self.connection.execute(f"{select} ORDER BY {key}"):
                if rows and key.startswith("step") and not _in_order(*(rows[-1], row)[:: -1 if "DESC" in key else 1]):
                    return rows[:-1], False
                rows.append(row)  # one by one: those before an error count
        except sqlite3.Error:
            return rows, False
        return rows, count in (None, len(rows))

    def _both_ends(self, select: str, key: str, count: int | None = None) -> tuple[list[Row], bool]:
        """The same, and then from the last row back to the first that cannot be read from there."""
        rows, whole = self._forwards(select, key, count)
        if not whole:
            back, _ = self._forwards(select, f"{key} DESC")
            rows = list(dict.fromkeys((*rows, *reversed(back))))
        return rows, whole


@contextmanager
def remains(path: Path) -> Iterator[Remains]:
    """What is left of a damaged store; the file is copied, and not touched.

    Raises:
        OSError: it cannot be copied beside itself.
        sqlite3.Error: nothing is left.
    """
    with TemporaryDirectory(dir=path.parent, prefix=".salvage-") as folder:
        copy = Path(folder, path.name)
        for file in (path, companion(path)):
            if file.exists():
                shutil.copyfile(file, copy.with_name(file.name))
        if copy.stat().st_size < FIRST_PAGES * PAGE:
            os.truncate(copy, FIRST_PAGES * PAGE)  # or the other tables are refused with those that are cut off
        try:
            connection = _opened(copy)
        except sqlite3.Error:
            _replace_first_page(copy)
            connection = _opened(copy)
        with closing(connection):
            yield Remains(connection)


def _opened(copy: Path) -> sqlite3.Connection:
    connection = connect(copy)
    try:
        connection.execute("PRAGMA writable_schema = ON")  # or a file that was cut short is refused as a whole
        connection.text_factory = lambda text: text.decode(errors="replace")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        if not {"experiment", "runs", "events", *FIELDS} <= tables:
            raise sqlite3.DatabaseError("its tables are not those of a store")
    except BaseException:
        connection.close()
        raise
    return connection


def _replace_first_page(copy: Path) -> None:
    """Give it the first page of a new store, which says where tables begin: in all stores at the same places."""
    new = copy.with_name("new.sqlite")
    with closing(connect(new, "rwc")) as connection:
        create_tables(connection)
    page = bytearray(new.read_bytes()[:PAGE])
    page[28:32] = (copy.stat().st_size // PAGE).to_bytes(4, "big")
    with open(copy, "r+b") as file:
        file.write(page)


def _in_order(row: Row, after: Row) -> bool:
    """Whether two rows of a run are rows of it, each at its step."""
    return type(row[1]) is type(after[1]) is int and row[1] < after[1]


def _types(row: Row) -> list[type]:
    return [type(value) for value in row]
