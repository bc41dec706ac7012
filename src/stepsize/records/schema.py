"""The tables of a store, and how its file is opened."""

import os
import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import Literal

from stepsize.records.run import Epoch, Point

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
    return path / FILE_NAME if os.path.isdir(path) else path  # which says no where we may not look


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
