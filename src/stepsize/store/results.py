"""What is in the store of an experiment, for reading, also while it is written."""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Whole
from stepsize.errors import ArgumentError, DataError
from stepsize.store.columns import Columns, frame, joined, read_blocks, value_names, write_csv, write_parquet
from stepsize.store.database import FIELDS, Table, checked, in_plain_words, store_file
from stepsize.store.run import Epoch, Floats, Outcome, Point, Run

if TYPE_CHECKING:
    import pandas

R = TypeVar("R", Point, Epoch)


@dataclass(frozen=True)
class Event:
    """Something that happened to a run, or to the experiment (number None): when (UTC), of what kind, in words."""

    time: str
    number: int | None
    kind: str
    text: str


@dataclass(frozen=True)
class Results:
    """The results of an experiment, as they are in its store at each call; nothing is kept in memory or held open.

    Made by `load_runs`. Each method raises DataError if the store is damaged.
    """

    path: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for."""
        return self._head("settings")

    @property
    def environment(self) -> dict[str, Any]:
        """Under which circumstances."""
        return self._head("environment")

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every run without its points, in order."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, name, schedule, seed, status, seconds, diverged_at, epochs.step, train_loss,"
                " train_accuracy, test_loss, test_accuracy FROM runs LEFT JOIN epochs ON epochs.run = number"
                " AND epochs.step = (SELECT max(step) FROM epochs WHERE run = number) ORDER BY number"
            )
            return tuple(Outcome(*(*row[:7], None if row[7] is None else _record(Epoch, row[7:]))) for row in rows)

    def run(self, number: int) -> Run:
        """One run with its points and epochs.

        Raises:
            ArgumentError: there is no run of this number.
        """
        with self._reading() as connection:
            connection.execute("BEGIN")  # all that follows is of one moment
            found = connection.execute(
                "SELECT name, schedule, seed, seconds, status, diverged_at, points, epochs FROM runs WHERE number = ?",
                (number,),
            ).fetchall()
            if not found:
                raise ArgumentError(f"there is no run {number} in {self.path}")
            name, schedule, seed, seconds, status, diverged_at, *counts = found[0]
            rows = [
                connection.execute(f"SELECT * FROM {table} WHERE run = ? ORDER BY step", (number,)).fetchall()
                for table in FIELDS
            ]
            for table, kept, count in zip(FIELDS, rows, counts, strict=True):
                if count not in (None, len(kept)):
                    raise self._lost(number, len(kept), count, table)
            points = tuple(_record(Point, row[1:]) for row in rows[0])
            epochs = tuple(_record(Epoch, row[1:]) for row in rows[1])
            return Run(name, schedule, seed, points, epochs, seconds, status, diverged_at)

    def runs(self) -> tuple[Run, ...]:
        """Every run with its points and epochs, in order; of thousands, `outcomes` and `columns` are the way."""
        return tuple(self.run(outcome.number) for outcome in self.outcomes())

    def check(self) -> None:
        """Count the runs, and the points and epochs of each that has ended.

        Raises:
            DataError: some are gone.
        """
        with self._reading() as connection:
            ((planned,),) = connection.execute("SELECT runs FROM experiment")
            ((kept,),) = connection.execute("SELECT count(*) FROM runs")
            if kept != (count := len(json.loads(planned))):
                raise DataError(f"{self.path} has {kept} of its {count} runs; start over in another directory")
            for table in FIELDS:
                rows = connection.execute(
                    f"SELECT number, {table}, (SELECT count(*) FROM {table} AS kept WHERE kept.run = number) FROM runs"
                )
                for number, count, kept in rows:
                    if count not in (None, kept):
                        raise self._lost(number, kept, count, table)

    def events(self) -> tuple[Event, ...]:
        """What was noted on the way, in order."""
        with self._reading() as connection:
            return tuple(Event(*row) for row in connection.execute("SELECT * FROM events ORDER BY rowid"))

    def columns(
        self,
        *names: str,
        table: Table = "points",
        runs: Iterable[int] | None = None,
        steps: Iterable[int] | None = None,
    ) -> Columns:
        """Columns of the points, or of the epochs: "run", "step" and the named ones (all if none is named).

        Arrays of one length, ordered by run and step; of the given runs and steps, or of all.

        Raises:
            ArgumentError: there is no such table or column, or a run or step is not a whole number, or given twice.
        """
        names = value_names(table, names)
        runs, steps = (
            None if given is None else _different(what, given) for what, given in (("runs", runs), ("steps", steps))
        )
        return joined(self._blocks(table, names, runs, steps), names)

    def frame(
        self,
        *names: str,
        table: Table = "points",
        runs: Iterable[int] | None = None,
        steps: Iterable[int] | None = None,
    ) -> "pandas.DataFrame":
        """The same as a frame of pandas, with the name, schedule, seed and status of the run in each row.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return frame(self.outcomes(), self.columns(*names, table=table, runs=runs, steps=steps))

    def write_csv(self, path: Path | str, table: Table = "points") -> None:
        """Write every point, or epoch, as a line of a CSV file, with what its run is.

        Raises:
            OutputError: it cannot be written there.
        """
        names = value_names(table, ())
        write_csv(Path(path), self.outcomes(), names, self._blocks(table, names))

    def write_parquet(self, path: Path | str, table: Table = "points") -> None:
        """Write the same as a Parquet file.

        Raises:
            MissingExtraError: pyarrow is not installed.
            OutputError: it cannot be written there.
        """
        names = value_names(table, ())
        write_parquet(Path(path), self.outcomes(), names, self._blocks(table, names))

    def steps(self, at_most: int | None = None) -> NDArray[np.int64]:
        """The steps at which the longest run has points; evenly chosen ones with the last among them if too many."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT step FROM points WHERE run = (SELECT number FROM runs"
                " ORDER BY (SELECT max(step) FROM points WHERE run = number) DESC LIMIT 1) ORDER BY step"
            ).fetchall()
        steps = np.array(rows, dtype=np.int64).reshape(-1)
        if at_most is None or len(steps) <= at_most:
            return steps
        chosen: NDArray[np.int64] = steps[np.linspace(len(steps) - 1, 0, at_most).round().astype(int)[::-1]]
        return chosen

    def curves(self, name: str, runs: Sequence[int], steps: Sequence[int] | NDArray[np.int64]) -> Floats:
        """One column of the points of some runs at some steps, shape `(runs, steps)`; NaN where there is no point."""
        columns = self.columns(name, runs=runs, steps=steps)
        curves = np.full((len(runs), len(steps)), math.nan)
        curves[_places(columns["run"], runs), _places(columns["step"], steps)] = columns[name]
        return curves

    def _blocks(
        self,
        table: Table,
        names: tuple[str, ...],
        runs: Iterable[int] | None = None,
        steps: Iterable[int] | None = None,
    ) -> Iterator[Columns]:
        with self._reading() as connection:
            yield from read_blocks(connection, table, names, runs, steps)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with in_plain_words(self.path, writing=False), closing(checked(self.path, writing=False)) as connection:
            yield connection

    def _lost(self, number: int, kept: int, count: int, table: Table) -> DataError:
        return DataError(
            f"run {number} in {self.path} has {kept} of its {count} {table}: the file was damaged; take the run back "
            f"with Store.open({str(self.path)!r}).rewind({number}, 0), and resume the comparison to train it again"
        )

    def _head(self, column: str) -> dict[str, Any]:
        with self._reading() as connection:
            ((form,),) = connection.execute(f"SELECT {column} FROM experiment").fetchall()
            read: dict[str, Any] = json.loads(form)
            return read


def load_runs(directory: Path | str) -> Results:
    """The results in the directory of an experiment, or in the store of that path, finished or under way.

    Raises:
        DataError: there is no store, or it is damaged, or of a newer version.
    """
    path = store_file(directory)
    checked(path, writing=False).close()
    return Results(path)


def _different(name: str, numbers: Iterable[int]) -> tuple[int, ...]:
    """Whole numbers, each once."""
    rule = Whole(0)
    each = tuple(int(rule("Results", f"{name}[{place}]", number)) for place, number in enumerate(numbers))
    if len(set(each)) < len(each):
        raise ArgumentError("Results", name, "different from one another", each)
    return each


def _record(kind: type[R], row: Sequence[Any]) -> R:
    step, *values = row
    return kind(int(step), *(math.nan if value is None else float(value) for value in values))


def _places(values: NDArray[np.int64], among: Sequence[int] | NDArray[np.int64]) -> NDArray[np.intp]:
    """The place of each value in a sequence that has them all."""
    order = np.argsort(among)
    return order[np.searchsorted(np.asarray(among), values, sorter=order)]
