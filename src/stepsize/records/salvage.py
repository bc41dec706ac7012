"""A damaged store's runs, saved into a new one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stepsize.errors import DataError, OutputError
from stepsize.files import whole_file
from stepsize.records.lock import lock
from stepsize.records.refusals import in_plain_words
from stepsize.records.remains import Remains, Row, remains
from stepsize.records.schema import FIELDS, connect, create_tables, store_file


@dataclass(frozen=True)
class Salvaged:
    """What was saved of a store: the new file, and the numbers of the runs that are in it whole, and in part."""

    path: Path
    whole: tuple[int, ...]
    part: tuple[int, ...]


def salvage(path: Path | str) -> Salvaged:
    """Save what can be read of a damaged store into a new file beside it, `store-salvaged.sqlite` for `store.sqlite`.

    The damaged file, or the one in the directory that is given, is not touched. A run that has ended keeps all its
    points that can be read, one that would go on those before the first gap; one of which anything is lost is
    "interrupted", and made again by a resume. Each loss is noted as an event. A bit that flipped within a stored number
    is not found.

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
    try:
        with lock(path.parent), whole_file(new) as part, remains(path) as left:
            saved = _saved(left, part, new)
            if not saved.whole and not saved.part:
                raise DataError(f"nothing in {path} can be saved: no run in it can be read")
            return saved
    except sqlite3.Error as error:
        raise DataError(f"nothing in {path} can be saved: {error}") from error


def _saved(left: Remains, part: Path, new: Path) -> Salvaged:
    whole: dict[int, bool] = {}
    with in_plain_words(new, writing=True), closing(connect(part, "rwc")) as connection:
        create_tables(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # a file that is not finished is none
        for run in left.runs():
            whole[run.row[0]] = run.whole
            counts = zip(FIELDS, run.row[7:], strict=True)
            kept = [None if count is None else len(run.rows[table]) for table, count in counts]
            with connection:
                connection.execute("BEGIN")
                connection.execute(_insert("runs", 9), (*run.row[:7], *kept))
                connection.executemany(_insert("points", 5), run.rows["points"])
                connection.executemany(_insert("epochs", 6), run.rows["epochs"])
        connection.executemany(_insert("events", 4), left.events())
        connection.executemany(_insert("events", 4), _losses(whole, left.experiment()))
        connection.execute(_insert("experiment", 3), left.experiment() or ("{}", "{}", "[]"))
    numbers = sorted(whole)
    return Salvaged(new, tuple(n for n in numbers if whole[n]), tuple(n for n in numbers if not whole[n]))


def _losses(whole: dict[int, bool], experiment: Row | None) -> Iterator[Row]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    if experiment is None:
        yield now, None, "salvage", "the settings and the environment were lost"
    for number in sorted(whole):
        if not whole[number]:
            yield now, number, "salvage", "points or epochs of it were lost, or how it ended"


def _insert(table: str, columns: int) -> str:
    return f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * columns)})"
