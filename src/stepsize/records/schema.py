"""The tables of a store, and how its file is opened."""

import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import Literal

from stepsize.records.run import Epoch, Point

FILE_NAME = "store.sqlite"
APPLICATION = 0x73747073  # "stps": what SQLite calls the application's id, by which the file is known
VERSION = 1
PATIENCE = 60.0  # seconds to wait for another process that is writing

Table = Literal["points", "epochs"]
FIELDS: dict[Table, tuple[str, ...]] = {
    "points": tuple(field.name for field in fields(Point)),
    "epochs": tuple(field.name for field in fields(Epoch)),
}

# Points and epochs lie in the order of their keys, so that a run is read in one piece and no second index is needed.
# NULL is what SQLite makes of NaN. The checks are for salvage: what was altered does not pass for a number.
SCHEMA = """
CREATE TABLE experiment (
  settings TEXT NOT NULL, environment TEXT NOT NULL, runs INTEGER NOT NULL
);
CREATE TABLE runs (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, schedule TEXT NOT NULL, seed INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'waiting', seconds REAL NOT NULL DEFAULT 0.0, diverged_at INTEGER,
  CHECK (typeof(name) = 'text' AND typeof(schedule) = 'text' AND typeof(seed) = 'integer'),
  CHECK (status IN ('waiting', 'running', 'finished', 'diverged', 'interrupted', 'failed')),
  CHECK (typeof(seconds) = 'real' AND typeof(diverged_at) IN ('integer', 'null'))
);
CREATE TABLE points (
  run INTEGER NOT NULL, step INTEGER NOT NULL, lr REAL, train_loss REAL, train_accuracy REAL,
  PRIMARY KEY (run, step),
  CHECK (typeof(run) = 'integer' AND typeof(step) = 'integer'),
  CHECK (typeof(lr) IN ('real', 'null') AND typeof(train_loss) IN ('real', 'null')),
  CHECK (typeof(train_accuracy) IN ('real', 'null'))
) WITHOUT ROWID;
CREATE TABLE epochs (
  run INTEGER NOT NULL, step INTEGER NOT NULL, train_loss REAL, train_accuracy REAL, test_loss REAL,
  test_accuracy REAL,
  PRIMARY KEY (run, step),
  CHECK (typeof(run) = 'integer' AND typeof(step) = 'integer'),
  CHECK (typeof(train_loss) IN ('real', 'null') AND typeof(train_accuracy) IN ('real', 'null')),
  CHECK (typeof(test_loss) IN ('real', 'null') AND typeof(test_accuracy) IN ('real', 'null'))
) WITHOUT ROWID;
CREATE TABLE events (
  time TEXT NOT NULL, run INTEGER, kind TEXT NOT NULL, text TEXT NOT NULL
);
"""


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
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
