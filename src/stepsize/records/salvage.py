"""A damaged store's runs, saved into a new one."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stepsize.errors import DataError, OutputError
from stepsize.files import whole_file
from stepsize.records.lock import lock
from stepsize.records.refusals import in_plain_words
from stepsize.records.remains import Remains, remains
from stepsize.records.schema import connect, create_tables, store_file


@dataclass(frozen=True)
class Salvaged:
    """What was saved of a store: the new file, and the numbers of the runs that are in it whole, in part, or lost."""

    path: Path
    whole: tuple[int, ...]
    part: tuple[int, ...]
    lost: tuple[int, ...]


def salvage(path: Path | str) -> Salvaged:
    """Save what can be read of a damaged store into a new file beside it, `store-salvaged.sqlite` for `store.sqlite`.

    The damaged file, or the one in the directory that is given, is not touched. A run that has ended keeps all its
    points that can be read, one that would go on those before the first gap; each loss is noted as an event. Structure
    that is damaged is found; a bit that flipped within a stored number is not.

    Raises:
        DataError: nothing in it can be saved.
        OutputError: the directory is in use, the new file is there already or cannot be written.
    """
    path = store_file(path)
    new = path.with_name(f"{path.stem}-salvaged{path.suffix}")
    if new.exists():
        raise OutputError(f"{new} is there already, and results are never overwritten; move it away")
    if not path.is_file():
        raise DataError(f"there is no store {path}")
    with lock(path.parent), whole_file(new) as part:
        try:
            with remains(path) as left:
                return _saved(left, part, new)
        except sqlite3.Error as error:
            raise DataError(f"nothing in {path} can be saved: {error}") from error


def _saved(left: Remains, part: Path, new: Path) -> Salvaged:
    whole: list[int] = []
    damaged: list[int] = []
    with in_plain_words(new, writing=True), closing(connect(part, "rwc")) as connection:
        create_tables(connection)
        connection.execute("BEGIN")
        for run in left.runs():
            number = run.row[0]
            (whole if run.whole else damaged).append(number)
            counts = [
                None if count is None else len(rows) for count, rows in zip(run.row[7:], run.rows.values(), strict=True)
            ]
            connection.execute(_insert("runs", 9), (*run.row[:7], *counts))
            for table, rows in run.rows.items():
                connection.executemany(_insert(table, 5 if table == "points" else 6), rows)
        if not whole and not damaged:
            raise DataError("no run in it can be read")
        connection.executemany(_insert("events", 4), left.events())
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        noted: list[tuple[str, int | None, str, str]] = [
            (now, number, "salvage", "some of its points or epochs were lost") for number in damaged
        ]
        experiment = left.experiment()
        if experiment is None:
            noted.append((now, None, "salvage", "the settings and the environment were lost"))
        head = experiment or ("{}", "{}", max(whole + damaged) + 1)
        lost = tuple(sorted({*range(head[2])} - {*whole, *damaged}))
        noted += [(now, number, "salvage", "the run was lost") for number in lost]
        connection.execute(_insert("experiment", 3), head)
        connection.executemany(_insert("events", 4), noted)
        connection.execute("COMMIT")
    return Salvaged(new, tuple(whole), tuple(damaged), lost)


def _insert(table: str, columns: int) -> str:
    return f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * columns)})"
