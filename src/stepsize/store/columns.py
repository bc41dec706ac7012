"""Points and epochs as columns: NumPy arrays, frames of pandas, CSV and Parquet files."""

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import ArgumentError, MissingExtraError
from stepsize.files import whole_file
from stepsize.store.database import FIELDS, Table
from stepsize.store.run import Outcome

if TYPE_CHECKING:
    import pandas

Columns = dict[str, NDArray[Any]]
"""Arrays of one length by name: "run" and "step" are whole numbers, all others floats."""

BLOCK = 20_000  # rows that are Python objects at a time


def value_names(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of columns that were asked for, all of them if none were.

    Raises:
        ArgumentError: there is no such table or column.
    """
    if table not in FIELDS:
        raise ArgumentError(f'table must be "points" or "epochs", got {table!r}')
    known = FIELDS[table][1:]  # each comes with its step
    for name in names:
        if name not in known:
            raise ArgumentError(f"there is no column {name!r} of {table}; write one of {', '.join(known)}")
    return names or known


def read_blocks(
    connection: sqlite3.Connection,
    table: Table,
    names: tuple[str, ...],
    runs: Iterable[int] | None,
    steps: Iterable[int] | None,
) -> Iterator[Columns]:
    """The columns of some runs at some steps, ordered by run and step, in blocks; None: all."""
    wanted = " AND ".join(
        f"{column} IN ({', '.join(str(int(number)) for number in numbers)})"
        for column, numbers in (("run", runs), ("step", steps))
        if numbers is not None
    )
    cursor = connection.execute(
        f"SELECT {', '.join(('run', 'step', *names))} FROM {table} WHERE {wanted or 'TRUE'} ORDER BY run, step"
    )
    while rows := cursor.fetchmany(BLOCK):
        values = np.array(rows, dtype=np.float64)  # None, which is how a NaN is kept, becomes NaN again
        if not (np.abs(values[:, :2]) < 2**63).all():
            raise ValueError("a run or a step is not a whole number")
        yield {
            "run": values[:, 0].astype(np.int64),
            "step": values[:, 1].astype(np.int64),
            **{name: values[:, place].copy() for place, name in enumerate(names, start=2)},
        }


def joined(blocks: Iterable[Columns], names: tuple[str, ...]) -> Columns:
    """The blocks as one."""
    empty = {
        "run": np.empty(0, np.int64),
        "step": np.empty(0, np.int64),
        **{name: np.empty(0, np.float64) for name in names},
    }
    pieces = [empty, *blocks]
    return {name: np.concatenate([piece.pop(name) for piece in pieces]) for name in empty.copy()}


LABELS = ("name", "schedule", "seed", "status")


class Labels:
    """The labels of every run, once each, and which of them the rows of a block have."""

    def __init__(self, runs: Sequence[Outcome]) -> None:
        self._numbers = np.array([run.number for run in runs], dtype=np.int64)
        self._labels: dict[str, tuple[NDArray[Any], NDArray[np.intp]]] = {}
        for label in LABELS:
            values = np.array([getattr(run, label) for run in runs], dtype=np.int64 if label == "seed" else object)
            self._labels[label] = np.unique(values, return_inverse=True)

    def of(self, block: Columns) -> Iterator[tuple[str, NDArray[Any], NDArray[np.intp]]]:
        """For each label of the block's rows: its name, its values, and the place of each row's value among them."""
        places = np.searchsorted(self._numbers, block["run"])
        for label, (values, inverse) in self._labels.items():
            yield label, values, inverse[places]


def frame(runs: Sequence[Outcome], columns: Columns) -> "pandas.DataFrame":
    """The columns with the labels of their runs, texts as categories.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError.naming("pandas", "frames") from None
    labels = {
        label: values[places] if label == "seed" else pandas.Categorical.from_codes(places, values)
        for label, values, places in Labels(runs).of(columns)
    }
    return pandas.DataFrame({"run": columns["run"], **labels, **{name: columns[name] for name in list(columns)[1:]}})


def write_csv(path: Path, runs: Sequence[Outcome], names: Sequence[str], blocks: Iterable[Columns]) -> None:
    """Write a line for each row, numbers so that they read back as the same bits.

    Raises:
        OutputError: it cannot be written there.
    """
    labels = Labels(runs)
    with whole_file(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", *LABELS, "step", *names])
        for block in blocks:
            texts = [values[places].tolist() for _, values, places in labels.of(block)]
            run, *rest = [column.tolist() for column in block.values()]
            writer.writerows(zip(run, *texts, *rest, strict=True))


def write_parquet(path: Path, runs: Sequence[Outcome], names: Sequence[str], blocks: Iterable[Columns]) -> None:
    """Write a Parquet file, texts as dictionaries.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OutputError: it cannot be written there.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError.naming("pyarrow", "parquet") from None
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = {"run": pyarrow.int64(), **dict.fromkeys(LABELS, text), "seed": pyarrow.int64(), "step": pyarrow.int64()}
    schema = pyarrow.schema([*kinds.items(), *((name, pyarrow.float64()) for name in names)])
    labels = Labels(runs)
    with whole_file(path) as part, pyarrow.parquet.ParquetWriter(part, schema) as writer:
        for block in blocks:
            columns: dict[str, Any] = dict(block)
            for label, values, places in labels.of(block):
                if label == "seed":
                    columns[label] = values[places]
                else:
                    indices = pyarrow.array(places, pyarrow.int32())
                    columns[label] = pyarrow.DictionaryArray.from_arrays(
                        indices, pyarrow.array(values, pyarrow.string())
                    )
            writer.write_table(pyarrow.table(columns, schema=schema))
