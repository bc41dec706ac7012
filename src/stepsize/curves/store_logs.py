"""Logs in the store of an experiment, a table for each run (docs/store.md has the form of the store)."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from stepsize.curves.table import Table
from stepsize.errors import DamagedStoreError, DataError, StepsizeError
from stepsize.schedules import Schedule
from stepsize.schedules.plan_text import parse_rate
from stepsize.sqlite_files import files_of, refuse_links, refuse_programs

FILE_NAME = "store.sqlite"
VERSION = 2
PATIENCE = 60.0  # seconds to wait for a process that writes


def is_store(path: Path) -> bool:
    """Whether a path is that of a store."""
    return path.suffix == Path(FILE_NAME).suffix and path.is_file()


def read_store(path: Path) -> list[Table]:
    """The tables of the runs in a store that have points; diverged runs are left out."""
    try:
        refuse_links(*files_of(path))
        with closing(_opened(path)) as connection:
            tables = _read(path, connection)
    except DataError:
        raise
    except sqlite3.OperationalError as error:
        raise DataError(f"{path} cannot be read as a store: {error}") from error
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:  # a text in place of a number is damage too
        raise DamagedStoreError(path, str(error)) from error
    if not tables:
        raise DataError(f"{path} has no run with a loss curve")
    return tables


def _opened(path: Path) -> sqlite3.Connection:
    """A connection; in a write-protected folder SQLite only reads a store that is declared immutable."""
    shared = os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists()
    mode = "rw" if shared else "ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=PATIENCE, uri=True)


def _read(path: Path, connection: sqlite3.Connection) -> list[Table]:
    refuse_programs(connection)
    connection.execute("BEGIN")  # reads one consistent state
    ((version,),) = connection.execute("PRAGMA user_version")
    if version > VERSION:
        raise DataError(f"{path} was written by a newer stepsize", "update stepsize")
    runs = connection.execute(
        "SELECT number, name, schedule, seed, points FROM runs WHERE status != 'diverged' ORDER BY number"
    ).fetchall()
    found = []
    for number, name, schedule, seed, count in runs:
        rows = connection.execute(
            "SELECT step, lr, train_loss FROM points WHERE run = ? ORDER BY step", (number,)
        ).fetchall()
        if count not in (None, len(rows)):
            reason = f"run {number} in {path} has only {len(rows)} of its {count} points: the file was damaged"
            how = f"Store.open({str(path)!r}).rewind({number}, 0)"
            raise DataError(reason, f"discard the run with {how}, and resume the comparison")
        if not (isinstance(name, str) and isinstance(schedule, str)):
            raise ValueError(f"the name or the schedule of run {number} is not a text")
        if rows:
            found.append((name, schedule, seed, np.array(rows, dtype=np.float64)))
    several = len({seed for _, _, seed, _ in found}) > 1
    tables = []
    for name, schedule, seed, values in found:
        label = f"{name}, seed {seed}" if several else name
        columns = dict(zip(("step", "lr", "train_loss"), values.T, strict=True))
        tables.append(Table(f"{path}, {label}", label, columns, True, True, schedule_of_text(schedule)))
    return tables


def schedule_of_text(text: str) -> Schedule | None:
    """The schedule of a run whose text was kept; None if the text names a function of the user."""
    try:
        return parse_rate(text)
    except StepsizeError:
        return None
