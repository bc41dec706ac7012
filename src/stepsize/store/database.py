"""The database file of a store: its tables, how it is opened, and SQLite's errors in our words."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Literal

from stepsize.errors import DamagedStoreError, DataError, OutputError, StepsizeError
from stepsize.store.run import Epoch, Point

FILE_NAME = "store.sqlite"
APPLICATION = 0x73747073  # "stps": what SQLite calls the application's id, by which the file is known
VERSION = 1
PAGE = 4096  # bytes; SQLite reads and writes in pages
PATIENCE = 60.0  # seconds to wait for another process that is writing

Table = Literal["points", "epochs"]
FIELDS: dict[Table, tuple[str, ...]] = {
    "points": tuple(field.name for field in fields(Point)),
    "epochs": tuple(field.name for field in fields(Epoch)),
}

# Points and epochs lie in the order of their keys, so that a run is read in one piece and no second index is needed.
# NULL is what SQLite makes of NaN. A run that has ended has the numbers of its
# points and epochs, so that it is seen if some were lost. The experiment has the runs once more, as they were planned.
SCHEMA = """
CREATE TABLE experiment (
  settings TEXT NOT NULL, environment TEXT NOT NULL, runs TEXT NOT NULL
);
CREATE TABLE runs (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, schedule TEXT NOT NULL, seed INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'waiting', seconds REAL NOT NULL DEFAULT 0.0, diverged_at INTEGER,
  points INTEGER, epochs INTEGER
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
CREATE TABLE events (
  time TEXT NOT NULL, run INTEGER, kind TEXT NOT NULL, text TEXT NOT NULL
);
"""


def store_file(place: Path | str) -> Path:
    """The store's file, in its directory or named itself."""
    path = Path(place)
    return path / FILE_NAME if os.path.isdir(path) else path  # false for a folder that we may not read


def companion(path: Path) -> Path:
    """The file beside a store that has what was written last, until it is closed."""
    return path.with_name(f"{path.name}-wal")


def connect(path: Path, mode: Literal["rw", "rwc", "ro&immutable=1"] = "rw") -> sqlite3.Connection:
    """A connection to the file, in which a transaction is what BEGIN and COMMIT say."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", timeout=PATIENCE, isolation_level=None, uri=True
    )
    try:
        # FULL: what is committed is on the disk, so that no checkpoint of a training run is ever ahead of its points.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty file a store without an experiment."""
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)


DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT}
"""What SQLite says of a damaged file; a plain ERROR is a table that is no longer there."""

REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk refuses it (an error of input or output, or a limit on the size of files)",
    sqlite3.SQLITE_BUSY: f"another process has been writing to it for {PATIENCE:.0f} s",
    sqlite3.SQLITE_READONLY: "it is write-protected",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened, or its folder cannot be written to",
}


@contextmanager
def in_plain_words(path: Path, *, writing: bool) -> Iterator[None]:
    """Turn an error of SQLite into one of ours: a DataError for damage, otherwise an OutputError when writing."""
    try:
        yield
    except StepsizeError:
        raise
    except sqlite3.Error as error:
        raise _plain(path, error, writing) from error
    except (TypeError, ValueError) as error:  # text where there was a number, JSON cut short
        if writing:
            raise
        raise DamagedStoreError(path, str(error)) from error


def checked(path: Path, *, writing: bool) -> sqlite3.Connection:
    """An open connection to a store, checked to be one of this version.

    For reading, the folder may be write-protected; SQLite then works without its WAL.

    Raises:
        DataError: there is no store, it is damaged, or a newer version wrote it.
    """
    try:
        there, empty = path.is_file(), path.is_file() and path.stat().st_size == 0
    except OSError as error:  # a folder that we may not look into
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if not there:
        raise DataError(f"there is no store {path}")
    if empty:
        raise DataError(f"{path} is empty")
    with in_plain_words(path, writing=False):
        try:
            return _checked(path, connect(path), writing)
        except sqlite3.OperationalError as error:
            unwritable = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if writing or not unwritable or companion(path).exists():
                raise
        return _checked(path, connect(path, "ro&immutable=1"), writing)


def _checked(path: Path, connection: sqlite3.Connection, writing: bool) -> sqlite3.Connection:
    try:
        _check(path, connection)
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
        raise DataError(f"{path} is a file of SQLite, but not a store of stepsize")
    if version > VERSION:
        raise DataError(
            f"{path} was written by a newer stepsize (it is a store of version {version}, and this one reads "
            f"{VERSION}): nothing is wrong with it; update stepsize"
        )
    connection.execute("SELECT count(*) FROM experiment").fetchall()


def _plain(path: Path, error: sqlite3.Error, writing: bool) -> StepsizeError:
    # No code: text that is not UTF-8. Of extended codes the lowest byte is the code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in DAMAGE:
        return DamagedStoreError(path, str(error))
    reason = REASONS.get(code, str(error))
    if writing:
        return OutputError(f"cannot write {path}: {reason}; what was stored before is unharmed")
    return DataError(f"{path} cannot be read: {reason}")
