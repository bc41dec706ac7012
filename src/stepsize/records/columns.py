"""Points and epochs read from a store as columns: NumPy arrays, a block of rows at a time."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import ArgumentError
from stepsize.records.schema import FIELDS, Table

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
            raise ValueError("a run or a step is no whole number")
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
