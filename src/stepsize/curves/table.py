"""A log as a table of numbers: what every reader of a format returns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stepsize.curves.loss_curve import Floats
from stepsize.errors import visible
from stepsize.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one run, in the order of the log."""

    source: str  # the file or folder, for messages
    name: str
    columns: Mapping[str, Floats]  # each of shape (rows,); NaN if a row has no value, infinite if it was not finite
    steps_done: bool = False  # whether a row counts the updates done, not the index of the last one
    means: bool = False  # whether training losses are means since the row before
    schedule: Schedule | None = None
    step: str | None = None  # the column of the steps if the format itself says which it is; those below likewise
    lr: str | None = None
    loss: str | None = None
    notes: tuple[str, ...] = ()  # what the reader of the log should know, such as rows that were left out
    lines: NDArray[np.int64] | None = None  # of the rows in the file, for messages
    unfit: Mapping[str, str] = field(default_factory=dict)  # columns that are not chosen by their names, and why

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", visible(self.name))
        object.__setattr__(self, "source", visible(self.source))

    def where(self, row: int) -> str:
        return self.source if self.lines is None else f"{self.source}, line {self.lines[row]}"


def column_of(cells: Iterable[float | None]) -> Floats:
    """The values of a column; None and NaN stand for no value."""
    given = list(cells)
    values = np.array([np.nan if cell is None else cell for cell in given], dtype=np.float64)
    written = np.flatnonzero([cell is not None for cell in given])
    nan = np.isnan(values[written])
    if nan.any() and not nan[0] and np.diff(nan.astype(np.int8)).min() >= 0:  # all from some row on: it diverged
        values[written[nan]] = np.inf
    return values
