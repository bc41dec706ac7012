"""The store of an experiment, written by several processes at once."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from stepsize.errors import ArgumentError, OutputError
from stepsize.files import whole_file
from stepsize.store.database import FIELDS, checked, connect, create_tables, in_plain_words
from stepsize.store.run import Epoch, Point, Status

ENDS: tuple[Status, ...] = ("finished", "diverged", "interrupted", "failed")


class Store:
    """The open store of an experiment, for writing; `Results` reads it, also while it is written.

    One SQLite file in WAL mode, in which each process on the machine writes through a Store of its own: a call is one
    transaction, and waits up to a minute for those of others. A call that has returned is on the disk (synchronous =
    FULL): a process killed at any moment, or a machine that loses its power, leaves a store that opens, with every
    such call in it once and none in part. SQLite's WAL needs memory that the processes share, so the file must lie on
    a disk of this machine, not on a network's; it has a companion `store.sqlite-wal` while it is open, or after a
    kill, which belongs to it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from stepsize.store import Point, load_runs
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

        `settings` and `environment` are what was asked for and under which circumstances, as JSON has it.

        Raises:
            ArgumentError: something in it is no JSON, or a seed is too large.
            OutputError: it cannot be made there, or there is a file already.
        """
        path = Path(path)
        if path.exists():
            raise OutputError(f"{path} is there already, and results are never overwritten; name another directory")
        runs = list(runs)
        try:
            head = [json.dumps(form, allow_nan=False) for form in (settings, environment, runs)]
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"Store.create(settings, environment, runs) must be JSON: {error}") from error
        rows = [(number, *run) for number, run in enumerate(runs)]
        with whole_file(path) as part, in_plain_words(path, writing=True), closing(connect(part, "rwc")) as connection:
            create_tables(connection)
            connection.execute("BEGIN")
            connection.execute("INSERT INTO experiment VALUES (?, ?, ?)", head)
            try:
                connection.executemany("INSERT INTO runs (number, name, schedule, seed) VALUES (?, ?, ?, ?)", rows)
            except OverflowError as error:
                raise ArgumentError("Store.create(runs): a seed must be below 2**63") from error
            connection.execute("COMMIT")
        return cls.open(path)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a store that was made before.

        Raises:
            DataError: there is none, or it is damaged, or of a newer version.
        """
        path = Path(path)
        return cls(path, checked(path, writing=True))

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None:
        """Add to a run what it logged; with its first records a run that was waiting is running.

        A call is one write to the disk: give it some dozens of records at a time.

        Raises:
            ArgumentError: there is no run of this number.
            OutputError: it cannot be written, the run has ended, or has a record of that kind at that step.
        """
        points = [_row(number, record) for record in records if isinstance(record, Point)]
        epochs = [_row(number, record) for record in records if isinstance(record, Epoch)]
        with self._transaction() as connection:
            status = self._status(number)
            if status == "waiting":
                connection.execute("UPDATE runs SET status = 'running' WHERE number = ?", (number,))
            elif status != "running":
                raise OutputError(f"run {number} in {self.path} is {status}; rewind it before it goes on")
            try:
                connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?)", points)
                connection.executemany("INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?)", epochs)
            except sqlite3.IntegrityError as error:
                first, last = (points + epochs)[0][1], (points + epochs)[-1][1]
                raise OutputError(
                    f"run {number} in {self.path} has some of the records from step {first} to {last} already; "
                    "rewind it before it goes on"
                ) from error

    def rewind(self, number: int, step: int) -> int:
        """Take a run back to a step, from which it goes on: what was logged after it is dropped.

        How many points and epochs are left of it.

        Raises:
            ArgumentError: there is no run of this number.
            OutputError: it cannot be written.
        """
        left = 0
        with self._transaction() as connection:
            self._status(number)
            for table in FIELDS:
                connection.execute(f"DELETE FROM {table} WHERE run = ? AND step > ?", (number, step))
                ((kept,),) = connection.execute(f"SELECT count(*) FROM {table} WHERE run = ?", (number,))
                left += kept
            status = "running" if step > 0 else "waiting"
            connection.execute(
                "UPDATE runs SET status = ?, diverged_at = NULL, points = NULL, epochs = NULL WHERE number = ?",
                (status, number),
            )
        return left

    def end(self, number: int, status: Status, seconds: float, diverged_at: int | None = None) -> None:
        """Say how a run ended, and after how many seconds of training.

        Raises:
            ArgumentError: there is no run of this number, or no such status.
            OutputError: it cannot be written.
        """
        if status not in ENDS:
            raise ArgumentError(f"Store.end(status) must be one of {', '.join(ENDS)}, got {status!r}")
        with self._transaction() as connection:
            self._status(number)
            connection.execute(
                "UPDATE runs SET status = ?, seconds = ?, diverged_at = ?,"
                " points = (SELECT count(*) FROM points WHERE run = number),"
                " epochs = (SELECT count(*) FROM epochs WHERE run = number) WHERE number = ?",
                (status, float(seconds), diverged_at, number),
            )

    def event(self, kind: str, text: str, number: int | None = None) -> None:
        """Note, with the time, what happened to a run or to the experiment: a resume, a worker that died, a warning.

        Raises:
            OutputError: it cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._transaction() as connection:
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (now, number, kind, text))

    def close(self) -> None:
        """Close it; the last process to do so puts everything into the one file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with in_plain_words(self.path, writing=True), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")  # one that began as a reader could not wait for other writers
            yield connection

    def _status(self, number: int) -> Status:
        for (status,) in self._connection.execute("SELECT status FROM runs WHERE number = ?", (number,)):
            found: Status = status
            return found
        raise ArgumentError(f"there is no run {number} in {self.path}")


def _row(number: int, record: Point | Epoch) -> tuple[int | float, ...]:
    step, *values = (getattr(record, name) for name in FIELDS["points" if isinstance(record, Point) else "epochs"])
    return number, int(step), *map(float, values)  # NumPy's numbers would be stored as bytes
