"""What SQLite refuses, said in words of this house."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepsize.errors import DamagedStoreError, DataError, OutputError, StepsizeError
from stepsize.records.schema import APPLICATION, PATIENCE, VERSION, companion, connect

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
    """Turn an error of SQLite into the house's own: DataError for damage, else OutputError in writing."""
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
    """An open connection to what is known to be a store of this version.

    Reading, it may lie in a folder that cannot be written to, where SQLite's WAL cannot be had.

    Raises:
        DataError: there is none, or it is damaged, or of a newer version.
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
