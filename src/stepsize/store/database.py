"""The database file of a store: its tables, how it is opened, and SQLite's errors as errors of stepsize."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from stepsize.errors import DamagedStoreError, DataError, OutputError, StepsizeError
from stepsize.sqlite_files import files_of, refuse_links, refuse_programs

FILE_NAME = "store.sqlite"
APPLICATION = 0x73747073  # "stps", SQLite's application id of a store
VERSION = 2
PATIENCE = 60.0  # seconds to wait for another process that is writing

# A commit is on the disk when it returns, so that no checkpoint of a training run is ever ahead of its points.
DURABLE = "PRAGMA synchronous = FULL"

# Points and epochs are stored in the order of their keys, so that a run is read in one piece and no second index is
# needed. SQLite stores NaN as NULL. A run that has ended has the numbers of its points and epochs, so that a loss is
# noticed; `experiment.runs` has the runs as they were planned, for the same reason. The records of a run up to
# `branched_at` are copies of those of the run `parent`.
SCHEMA = f"""
{DURABLE};
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = NONE;
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE experiment (
  settings TEXT NOT NULL, environment TEXT NOT NULL, runs TEXT NOT NULL
);
CREATE TABLE runs (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, schedule TEXT NOT NULL, seed INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'waiting', seconds REAL NOT NULL DEFAULT 0.0, diverged_at INTEGER,
  points INTEGER, epochs INTEGER, parent INTEGER, branched_at INTEGER
);
CREATE TABLE points (
  run INTEGER NOT NULL, step INTEGER NOT NULL, lr REAL, train_loss REAL, train_accuracy REAL,
  PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE TABLE epochs (
  run INTEGER NOT NULL, step INTEGER NOT NULL, train_loss REAL, train_accuracy REAL, test_loss REAL,
  test_accuracy REAL,
  PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE TABLE metrics (
  run INTEGER NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL, value REAL,
  PRIMARY KEY (run, step, name)
) WITHOUT ROWID;
CREATE TABLE events (
  time TEXT NOT NULL, run INTEGER, kind TEXT NOT NULL, text TEXT NOT NULL
);
"""

_TABLE = re.compile(r"\s*CREATE\s+TABLE\s+[\"'`\[]?(\w+)", re.IGNORECASE)
TABLES = {
    text.split()[2]: " ".join(text.split()) for each in SCHEMA.split(";") if (text := each.strip()).startswith("CREATE")
}
"""The statements of the tables by their names, with single blanks."""

# A plain ERROR means that a table is missing.
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT}
REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk refuses it (an input or output error, or a limit on file sizes)",
    sqlite3.SQLITE_BUSY: f"another process has been writing to it for {PATIENCE:.0f} s",
    sqlite3.SQLITE_READONLY: "it is write-protected",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened, or its folder cannot be written to",
}


def store_file(place: Path | str) -> Path:
    """The store's file: in the directory `place`, or `place` itself."""
    path = Path(place)
    return path / FILE_NAME if os.path.isdir(path) else path  # Path.is_dir raises for a folder that we may not read


def connect(path: Path, mode: Literal["rw", "rwc", "ro&immutable=1"] = "rw") -> sqlite3.Connection:
    """Connect to the file; transactions begin and end with explicit BEGIN and COMMIT."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, timeout=PATIENCE, isolation_level=None, uri=True)


def open_database(path: Path, *, writing: bool) -> sqlite3.Connection:
    """Connect to a store and check that it is one of this version.

    To be read, a store may lie in a write-protected folder; SQLite then works without its WAL.
    """
    try:
        if not path.is_file():
            in_folder = path.name == FILE_NAME and path.parent.is_dir()
            reason = f"{path.parent} has no comparison in it" if in_folder else f"no such file or folder: {path}"
            raise DataError(reason, "name the directory of a comparison, or its store.sqlite")
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty")
    except OSError as error:  # a folder that we may not look into
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    refuse_links(*files_of(path))
    effective = os.access in os.supports_effective_ids
    writable = os.access(path.parent, os.W_OK, effective_ids=effective)
    shared = writing or writable or path.with_name(f"{path.name}-wal").exists()
    with translated_errors(path, writing=False):
        connection = connect(path, "rw" if shared else "ro&immutable=1")
        try:
            _check(path, connection)
            connection.execute(DURABLE)
            connection.execute("PRAGMA cell_size_check = ON")
            if writing:
                connection.execute("PRAGMA journal_mode = WAL")  # a recovered store has lost it
        except BaseException:
            connection.close()
            raise
        return connection


def _check(path: Path, connection: sqlite3.Connection) -> None:
    ((application,),) = connection.execute("PRAGMA application_id")
    ((version,),) = connection.execute("PRAGMA user_version")
    if application != APPLICATION:
        raise DataError(f"{path} is an SQLite file, but not a store of stepsize")
    if version != VERSION:
        other, advice = ("a newer", "update stepsize") if version > VERSION else ("an older", "read it with that one")
        raise DataError(
            f"{path} was written by {other} stepsize: it is a store of version {version}, and this one reads {VERSION}",
            f"nothing is wrong with it, {advice}",
        )
    refuse_programs(connection)
    for (text,) in connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'table'"):
        name = _TABLE.match(text)
        if name and name[1] in TABLES and " ".join(text.split()) != TABLES[name[1]]:
            raise ValueError(f"the table {name[1]} is not as stepsize makes it")  # a check may cost a gigabyte
    connection.execute("SELECT count(*) FROM experiment").fetchall()


@contextmanager
def translated_errors(path: Path, *, writing: bool) -> Iterator[None]:
    """Turn SQLite's errors into DamagedStoreError, or OutputError when writing, or DataError when reading."""
    try:
        yield
    except StepsizeError:
        raise
    except sqlite3.Error as error:
        # An error without a code is text that is not UTF-8. The lowest byte of an extended code is the code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        reason = REASONS.get(code, str(error))
        if code in DAMAGE:
            raise DamagedStoreError(path, str(error)) from error
        if writing:
            raise OutputError(f"cannot write {path}: {reason}", "what was stored before is unharmed") from error
        raise DataError(f"{path} cannot be read: {reason}") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # text in place of a number, or no JSON
        if writing:
            raise
        raise DamagedStoreError(path, str(error)) from error
