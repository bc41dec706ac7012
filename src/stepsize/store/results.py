"""Reading the store of an experiment, also while it is written."""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Choice, Many, Whole
from stepsize.errors import ArgumentError, DataError
from stepsize.store.database import open_database, store_file, translated_errors
from stepsize.store.export import Columns, frame, places_of, write_csv, write_parquet
from stepsize.store.run import FIELDS, Epoch, Floats, Outcome, Point, Run, Status, StoredRun, Table, Value

if TYPE_CHECKING:
    import pandas

Numbers = Iterable[int] | None
"""Numbers of runs or of steps; None for all."""

BLOCK = 20_000  # rows that are Python objects at a time


@dataclass(frozen=True)
class Event:
    """Something that happened to a run, or to the experiment if `number` is None; the time is UTC."""

    time: str
    number: int | None
    kind: str
    text: str


@dataclass(frozen=True)
class Results:
    """The results of an experiment, read from its store at each call; nothing is kept in memory or held open.

    `load_runs` makes it. Every method raises DataError if the store is damaged.
    """

    path: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for."""
        return self._read_json("settings")

    @property
    def environment(self) -> dict[str, Any]:
        """The versions and the machine of the experiment."""
        return self._read_json("environment")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that are neither in points nor in epochs."""
        with self._connected() as connection:
            rows = connection.execute("SELECT DISTINCT name FROM metrics ORDER BY name")
            return tuple(_metric(name) for (name,) in rows)

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every run without its points, in order."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT number, name, schedule, seed, status, seconds, diverged_at, parent, branched_at, epochs.step,"
                " train_loss, train_accuracy, test_loss, test_accuracy FROM runs LEFT JOIN epochs"
                " ON epochs.run = number AND epochs.step = (SELECT max(step) FROM epochs WHERE run = number)"
                " ORDER BY number"
            )
            return tuple(
                Outcome(*(*_identity(row[:9]), None if row[9] is None else Epoch(*_numbers(row[9:])))) for row in rows
            )

    def run(self, number: int) -> Run:
        """One run with its points and epochs; ArgumentError if there is no such run."""
        with self._connected() as connection:
            connection.execute("BEGIN")  # one moment for all queries
            found = connection.execute(
                "SELECT number, name, schedule, seed, status, seconds, diverged_at, parent, branched_at FROM runs"
                " WHERE number = ?",
                (number,),
            ).fetchone()
            if found is None:
                raise ArgumentError("Results.run", "number", f"the number of a run in {self.path}", number)
            self._check_counts(connection, number)
            points, epochs = (
                connection.execute(f"SELECT * FROM {table} WHERE run = ? ORDER BY step", (number,)) for table in FIELDS
            )
            records = (
                tuple(Point(*_numbers(row[1:])) for row in points),
                tuple(Epoch(*_numbers(row[1:])) for row in epochs),
            )
            rows = connection.execute("SELECT step, name, value FROM metrics WHERE run = ? ORDER BY step", (number,))
            values = tuple(Value(int(step), _metric(name), _number(value)) for step, name, value in rows)
            _, name, schedule, seed, status, seconds, diverged_at, parent, branched_at = _identity(found)
            return Run(name, schedule, seed, *records, seconds, status, diverged_at, parent, branched_at, values)

    def runs(self) -> tuple[Run, ...]:
        """Every run with its points and epochs, in order; for thousands of runs use `outcomes` and `columns`."""
        return tuple(self.run(outcome.number) for outcome in self.outcomes())

    def check(self) -> None:
        """Raise DataError if a run is missing, or if a run that has ended lacks a point or an epoch."""
        with self._connected() as connection:
            ((planned,),) = connection.execute("SELECT runs FROM experiment")
            ((kept,),) = connection.execute("SELECT count(*) FROM runs")
            if kept != (count := len(json.loads(planned))):
                raise DataError(f"{self.path} has {kept} of its {count} runs", "start over in another directory")
            self._check_counts(connection)

    def events(self) -> tuple[Event, ...]:
        """The events of the experiment, in order."""
        with self._connected() as connection:
            rows = connection.execute("SELECT time, run, kind, text FROM events ORDER BY rowid")
            return tuple(map(_event, rows))

    def columns(self, *names: str, table: Table = "points", runs: Numbers = None, steps: Numbers = None) -> Columns:
        """Columns of the points, the epochs, or the other metrics: "run", "step" and the named ones (all by default).

        Arrays of one length, ordered by run and step; of the given runs and steps, or of all. A metric that was not
        logged at a step is NaN there.

        Raises:
            ArgumentError: there is no such table or column; or a run or step is not a whole number, or is given twice.
        """
        names = self._value_names(table, names)
        runs, steps = (
            None if given is None else Many(Whole(0), distinct=True, empty=True)("Results.columns", name, given)
            for name, given in (("runs", runs), ("steps", steps))
        )
        whole: Columns = {name: np.empty(0, np.int64) for name in ("run", "step")}
        parts = [whole | {name: np.empty(0) for name in names}, *self._blocks(table, names, runs, steps)]
        return {name: np.concatenate([part.pop(name) for part in parts]) for name in ("run", "step", *names)}

    def frame(
        self, *names: str, table: Table = "points", runs: Numbers = None, steps: Numbers = None
    ) -> "pandas.DataFrame":
        """The columns as a pandas data frame, with the name, schedule, seed and status of the run in each row.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return frame(self.outcomes(), self.columns(*names, table=table, runs=runs, steps=steps))

    def write_csv(self, path: Path | str, table: Table = "points") -> None:
        """Write the points, epochs or other metrics as a CSV file, a line for each step, with the labels of its run.

        Raises:
            OutputError: the file cannot be written.
        """
        names = self._value_names(table, ())
        write_csv(Path(path), self.outcomes(), names, self._blocks(table, names))

    def write_parquet(self, path: Path | str, table: Table = "points") -> None:
        """Write the points, epochs or other metrics as a Parquet file, a row for each step, with the labels of its run.

        Raises:
            MissingExtraError: pyarrow is not installed.
            OutputError: the file cannot be written.
        """
        names = self._value_names(table, ())
        write_parquet(Path(path), self.outcomes(), names, self._blocks(table, names))

    def steps(self, at_most: int | None = None) -> NDArray[np.int64]:
        """The steps of the points of the longest run; with `at_most`, that many evenly chosen ones and the last."""
        with self._connected() as connection:
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
        """One column of the points of some runs at some steps, shape `(runs, steps)`; NaN if there is no point."""
        columns = self.columns(name, runs=runs, steps=steps)
        curves = np.full((len(runs), len(steps)), math.nan)
        curves[places_of(columns["run"], runs), places_of(columns["step"], steps)] = columns[name]
        return curves

    def _blocks(
        self, table: Table, names: tuple[str, ...], runs: Numbers = None, steps: Numbers = None
    ) -> Iterator[Columns]:
        wanted = " AND ".join(
            f"{column} IN ({', '.join(map(str, numbers))})"
            for column, numbers in (("run", runs), ("step", steps))
            if numbers is not None
        )
        columns, group = ", ".join(("run", "step", *names)), ""
        if table == "metrics":  # a column for each name
            columns = ", ".join(("run", "step", *["max(CASE WHEN name = ? THEN value END)" for _ in names]))
            group = "GROUP BY run, step"
        query = f"SELECT {columns} FROM {table} WHERE {wanted or 'TRUE'} {group} ORDER BY run, step"
        with self._connected() as connection:
            cursor = connection.execute(query, names if group else ())
            while rows := cursor.fetchmany(BLOCK):
                values = np.array(rows, dtype=np.float64)  # None, which is how NaN is stored, becomes NaN again
                if not (np.abs(values[:, :2]) < 2**63).all():
                    raise ValueError("a run or a step is not a whole number")
                whole: Columns = {"run": values[:, 0].astype(np.int64), "step": values[:, 1].astype(np.int64)}
                yield whole | {name: values[:, place].copy() for place, name in enumerate(names, start=2)}

    def _value_names(self, table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
        """The columns that were asked for, or all of them; each comes with its step anyway."""
        Choice((*FIELDS, "metrics"))("Results.columns", "table", table)
        known = self.metrics if table == "metrics" else FIELDS[table][1:]
        return Many(Choice(known), empty=True)("Results.columns", "names", names) or known

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with translated_errors(self.path, writing=False), closing(open_database(self.path, writing=False)) as opened:
            yield opened

    def _check_counts(self, connection: sqlite3.Connection, number: int | None = None) -> None:
        for table in FIELDS:
            lost = connection.execute(
                f"SELECT number, (SELECT count(*) FROM {table} WHERE run = number) AS kept, {table} FROM runs"
                f" WHERE kept != {table} AND (? IS NULL OR number = ?)",
                (number, number),
            )
            for run, kept, count in lost:
                raise DataError(
                    f"run {run} in {self.path} has {kept} of its {count} {table}: the file was damaged",
                    f"take the run back with Store.open({str(self.path)!r}).rewind({run}, 0), and resume the "
                    "comparison to train it again",
                )

    def _read_json(self, column: str) -> dict[str, Any]:
        with self._connected() as connection:
            ((text,),) = connection.execute(f"SELECT {column} FROM experiment").fetchall()
            form = json.loads(text)
            if not isinstance(form, dict):
                raise ValueError(f"its {column} have another form")
            return form


def load_runs(directory: Path | str) -> Results:
    """The results of an experiment, finished or under way; `directory` may also be the path of its store.

    Raises:
        DataError: there is no store, or it is damaged or of a newer version.
    """
    path = store_file(directory)
    open_database(path, writing=False).close()
    return Results(path)


def stored_runs(results: Results) -> tuple[StoredRun, ...]:
    """Every run that has begun, in order, as views of arrays.

    Raises:
        DataError: the store is damaged.
    """
    results.check()
    begun = [outcome for outcome in results.outcomes() if outcome.status != "waiting"]
    numbers = [outcome.number for outcome in begun]
    points = _by_run(results.columns("lr", "train_loss"), numbers)
    epochs = _by_run(results.columns(table="epochs"), numbers)
    metrics = [
        {name: _logged(each["step"], column) for name, column in each.items() if name != "step"}
        for each in _by_run(results.columns(table="metrics"), numbers)
    ]
    columns = zip(begun, points, epochs, metrics, strict=True)
    return tuple(StoredRun(**vars(each), points=p, epochs=e, metrics=m) for each, p, e, m in columns)


def _logged(steps: Floats, values: Floats) -> tuple[Floats, Floats]:
    there = ~np.isnan(values)
    return steps[there], values[there]


def _by_run(columns: Columns, numbers: Sequence[int]) -> list[dict[str, Floats]]:
    """The rows of each run, which are adjacent."""
    starts, ends = (np.searchsorted(columns["run"], numbers, side) for side in ("left", "right"))
    values = {name: column.astype(np.float64, copy=False) for name, column in columns.items() if name != "run"}
    return [{n: column[start:end] for n, column in values.items()} for start, end in zip(starts, ends, strict=True)]


def _identity(row: Sequence[Any]) -> tuple[Any, ...]:
    """The number, name, schedule, seed, status, seconds, diverged_at, parent and branched_at of a run, checked."""
    number, name, schedule, seed, status, seconds, *ends = row
    texts = all(isinstance(each, str) and each.isprintable() for each in (name, schedule))
    whole = isinstance(seed, int) and all(each is None or isinstance(each, int) for each in ends)
    if not (texts and whole and status in get_args(Status)):
        raise ValueError(f"run {number} has a text in place of a number, or characters that are not printable")
    return (*row[:5], float(seconds), *ends)


def _event(row: Sequence[Any]) -> Event:
    time, number, kind, text = row
    if not (isinstance(number, int | None) and all(isinstance(each, str) for each in (time, kind, text))):
        raise ValueError("an event has a value of another kind")
    return Event(time, number, kind, text)


def _metric(name: Any) -> str:
    if not (isinstance(name, str) and name.isprintable()):
        raise ValueError("the name of a metric is not a text of printable characters")
    return name


def _numbers(row: Sequence[Any]) -> tuple[Any, ...]:
    step, *values = row
    return (int(step), *map(_number, values))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
