"""SQLite files that may come from a stranger: which may be opened, and what may be in them."""

import os
import sqlite3
from pathlib import Path

from stepsize.errors import DataError


def refuse_links(*paths: Path) -> None:
    """Refuse symbolic links: results may come from a stranger, and a link may lead anywhere."""
    for path in paths:
        if path.is_symlink():
            reason = f"{path} is a link to {os.readlink(path)}"
            raise DataError(reason, "results hold no links: delete it, or put what it leads to in its place")


def files_of(path: Path) -> tuple[Path, ...]:
    """The file of a database, and those that SQLite keeps beside it."""
    return (path, *(path.with_name(f"{path.name}-{end}") for end in ("wal", "shm", "journal")))


def refuse_programs(connection: sqlite3.Connection) -> None:
    """Raise ValueError for what SQLite would evaluate: views, triggers, generated columns, indexes of expressions.

    A view may take for ever, and a generated column may give a gigabyte for each row.
    """
    for kind, name, text in connection.execute("SELECT type, name, sql FROM sqlite_schema"):
        if kind not in ("table", "index") or (kind == "index" and text is not None):
            raise ValueError(f"a store has tables only, and this one has the {kind} {name}")
        if kind == "table":
            columns = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
            virtual = str(text).lstrip().upper().startswith("CREATE VIRTUAL")
            if virtual or any(hidden for _, hidden in columns):
                raise ValueError(f"a store has plain tables only, and {name} is virtual or has a generated column")
