"""The store of an experiment, written by several processes at once."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from stepsize.arguments import Choice
from stepsize.errors import ArgumentError, OutputError
from stepsize.files import whole_file
from stepsize.store.database import SCHEMA, connect, open_database, translated_errors
from stepsize.store.run import FIELDS, Epoch, Point, Record, Status, Value

ENDS = Choice(("finished", "diverged", "interrupted", "failed"))
REWIND = "call Store.rewind before it logs more"


class Store:
    """The open store of an experiment, for writing; `Results` reads it, also while it is written.

    The store is one SQLite file in WAL mode. Each process on the machine writes through a Store of its own: a call is
    one transaction and waits up to a minute for those of others. A call that has returned is on the disk (synchronous
    = FULL): after a kill or a power loss the store opens, and every such call is in it once. WAL needs shared memory,
    so the file must lie on a disk of this machine, not on a network's. While it is open, or after a kill, the file
    `store.sqlite-wal` beside it belongs to it.

    Every method raises OutputError if the store cannot be written, and ArgumentError for an unknown run.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from stepsize.store import Store, load_runs
        >>> from stepsize.store.run import Point
        >>> with TemporaryDirectory() as directory:
        ...     path, runs = f"{directory}/store.sqlite", [("flat", "Constant(0.1)", 0)]
        ...     with Store.create(path, {"batch": 64}, {"threads": 1}, runs) as store:
        ...         store.log(0, [Point(50, 0.1, 2.3, 0.1), Point(100, 0.1, 1.7, 0.4)])
        ...         store.end(0, "finished", seconds=1.5)
        ...     load_runs(directory).run(0).column("train_loss")
        array([2.3, 1.7])
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(
        cls,
        path: Path | str,
        settings: dict[str, Any],
        environment: dict[str, Any],
        runs: Iterable[tuple[str, str, int]],
    ) -> Self:
        """Make the store of an experiment whose runs, each (name, schedule as text, seed), are numbered from 0.

        `settings` is what was asked for and `environment` the versions and the machine, both as JSON.

        Raises:
            ArgumentError: something is not JSON, or a seed is too large.
            OutputError: the file cannot be written, or exists already.
        """
        path, runs = Path(path), list(runs)
        if path.exists():
            raise OutputError(f"{path} exists already, and results are never overwritten", "name another directory")
        head = _as_json("Store.create", settings=settings, environment=environment, runs=runs)
        with (
            whole_file(path) as part,
            translated_errors(path, writing=True),
            closing(connect(part, "rwc")) as connection,
        ):
            connection.executescript(SCHEMA)
            connection.execute("BEGIN")
            connection.execute("INSERT INTO experiment VALUES (?, ?, ?)", head)
            _insert("Store.create", connection, runs)
            connection.execute("COMMIT")
        return cls.open(path)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open an existing store.

        Raises:
            DataError: there is no store, or it is damaged or of a newer version.
        """
        path = Path(path)
        return cls(path, open_database(path, writing=True))

    def add_runs(self, runs: Iterable[tuple[str, str, int]], settings: dict[str, Any], kind: str, text: str) -> None:
        """Add runs, each (name, schedule as text, seed), with the new settings and an event; all in one transaction.

        Raises:
            ArgumentError: something is not JSON, or a seed is too large.
        """
        with self._transaction(None) as connection:
            ((text_of_runs,),) = connection.execute("SELECT runs FROM experiment")
            planned, runs = json.loads(text_of_runs), list(runs)
            head = _as_json("Store.add_runs", settings=settings, runs=[*planned, *runs])
            connection.execute("UPDATE experiment SET settings = ?, runs = ?", head)
            _insert("Store.add_runs", connection, runs, first=len(planned))
            _record(connection, kind, text)

    def log(self, number: int, records: Sequence[Record]) -> None:
        """Add records to a run; the first ones turn a waiting run into a running one.

        A call is one write to the disk: give it some dozens of records at a time.

        Raises:
            OutputError: the run has ended, or has such a record at that step.
        """
        points = [_row(number, record) for record in records if isinstance(record, Point)]
        epochs = [_row(number, record) for record in records if isinstance(record, Epoch)]
        values = [(number, int(each.step), each.name, float(each.value)) for each in records if isinstance(each, Value)]
        with self._transaction(number) as connection:
            ((status,),) = connection.execute("SELECT status FROM runs WHERE number = ?", (number,))
            if status == "waiting":
                connection.execute("UPDATE runs SET status = 'running' WHERE number = ?", (number,))
            elif status != "running":
                raise OutputError(f"run {number} in {self.path} is {status}", REWIND)
            try:
                connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?)", points)
                connection.executemany("INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?)", epochs)
                connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?)", values)
            except sqlite3.IntegrityError as error:
                first, last = records[0].step, records[-1].step
                present = f"run {number} in {self.path} has some of the records from step {first} to {last} already"
                raise OutputError(present, REWIND) from error

    def rewind(self, number: int, step: int) -> int:
        """Take a run back to a step: drop what was logged after it, and return how many records are left."""
        left = 0
        with self._transaction(number) as connection:
            for table in FIELDS:
                connection.execute(f"DELETE FROM {table} WHERE run = ? AND step > ?", (number, step))
                ((kept,),) = connection.execute(f"SELECT count(*) FROM {table} WHERE run = ?", (number,))
                left += kept
            connection.execute("DELETE FROM metrics WHERE run = ? AND step > ?", (number, step))
            connection.execute(
                "UPDATE runs SET status = ?, diverged_at = NULL, points = NULL, epochs = NULL WHERE number = ?",
                ("running" if step > 0 else "waiting", number),
            )
            connection.execute(
                "UPDATE runs SET parent = NULL, branched_at = NULL WHERE number = ? AND branched_at > ?", (number, step)
            )
        return left

    def branch(self, number: int, parent: int, step: int) -> int:
        """Begin a run as a copy of its `parent` up to a step, and return how many records were copied.

        What the run had logged is dropped; its next records follow that step. If the parent, or a run that it comes
        from, had branched from this run, which a kill took back, that one is now the first.
        """
        copied = 0
        with self._transaction(number) as connection:
            for table, names in FIELDS.items():
                connection.execute(f"DELETE FROM {table} WHERE run = ?", (number,))
                copied += connection.execute(
                    f"INSERT INTO {table} SELECT ?, {', '.join(names)} FROM {table} WHERE run = ? AND step <= ?",
                    (number, parent, step),
                ).rowcount
            connection.execute(
                "UPDATE runs SET status = 'running', diverged_at = NULL, points = NULL, epochs = NULL, parent = ?,"
                " branched_at = ? WHERE number = ?",
                (parent, step, number),
            )
            connection.execute(
                "WITH RECURSIVE origins(n) AS (SELECT ? UNION SELECT parent FROM runs JOIN origins ON number = n)"
                " UPDATE runs SET parent = NULL, branched_at = NULL"
                " WHERE parent = ? AND number IN (SELECT n FROM origins)",
                (parent, number),
            )
        return copied

    def end(self, number: int, status: Status, seconds: float, diverged_at: int | None = None) -> None:
        """Record how a run ended, "finished", "diverged", "interrupted" or "failed", and its seconds of training."""
        ENDS("Store.end", "status", status)
        with self._transaction(number) as connection:
            connection.execute(
                "UPDATE runs SET status = ?, seconds = ?, diverged_at = ?,"
                " points = (SELECT count(*) FROM points WHERE run = number),"
                " epochs = (SELECT count(*) FROM epochs WHERE run = number) WHERE number = ?",
                (status, float(seconds), diverged_at, number),
            )

    def event(self, kind: str, text: str, number: int | None = None) -> None:
        """Record an event of a run or of the experiment with its time, such as a resume, a dead worker or a warning."""
        with self._transaction(number) as connection:
            _record(connection, kind, text, number)

    def close(self) -> None:
        """Close the store; the last process to do so merges the `-wal` file into it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self, number: int | None) -> Iterator[sqlite3.Connection]:
        """A transaction on a run, which must exist, or on the experiment."""
        with translated_errors(self.path, writing=True), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")  # one that began as a reader could not wait for other writers
            exists = "SELECT count(*) FROM runs WHERE number = ?"
            if number is not None and connection.execute(exists, (number,)).fetchone() == (0,):
                raise ArgumentError("Store", "number", f"the number of a run in {self.path}", number)
            yield connection


def _as_json(owner: str, **values: Any) -> list[str]:
    texts = []
    for name, value in values.items():
        try:
            texts.append(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ArgumentError(owner, name, "JSON", value, str(error)) from error
    return texts


def _insert(owner: str, connection: sqlite3.Connection, runs: Sequence[tuple[str, str, int]], first: int = 0) -> None:
    """Add runs that wait, numbered from `first`."""
    rows = [(number, *run) for number, run in enumerate(runs, start=first)]
    if strange := [run for run in runs if not f"{run[0]}{run[1]}".isprintable()]:
        raise ArgumentError(owner, "runs", "runs whose names and schedules have printable characters", strange[0])
    try:
        connection.executemany("INSERT INTO runs (number, name, schedule, seed) VALUES (?, ?, ?, ?)", rows)
    except OverflowError as error:
        largest = max(runs, key=lambda run: abs(run[2]))
        raise ArgumentError(owner, "runs", "runs with a seed below 2**63", largest) from error


def _record(connection: sqlite3.Connection, kind: str, text: str, number: int | None = None) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (now, number, kind, text))


def _row(number: int, record: Point | Epoch) -> tuple[int | float, ...]:
    step, *values = (getattr(record, name) for name in FIELDS["points" if isinstance(record, Point) else "epochs"])
    return number, int(step), *map(float, values)  # NumPy's numbers would be stored as bytes
