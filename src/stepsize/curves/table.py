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
    """The rows of one run, in the order of the log.

    Attributes:
        source: the file or folder, for messages.
        name: of the run.
        columns: values by name, each of shape (rows,); NaN if a row has no value, infinite if it was not finite.
        steps_done: whether the format counts the updates done when it writes a row, not the index of the last one.
        means: whether training losses are means since the row before.
        schedule: of the run, if the log has it.
        step: the column of the steps if the format itself says which it is; `lr` and `loss` likewise.
        notes: what the reader of the log should know, such as rows that were left out.
        lines: of the rows in the file, for messages.
        unfit: columns that are not chosen by their names, and why.
    """

    source: str
    name: str
    columns: Mapping[str, Floats]
    steps_done: bool = False
    means: bool = False
    schedule: Schedule | None = None
    step: str | None = None
    lr: str | None = None
    loss: str | None = None
    notes: tuple[str, ...] = ()
    lines: NDArray[np.int64] | None = None
    unfit: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", visible(self.name))
        object.__setattr__(self, "source", visible(self.source))

    def where(self, row: int) -> str:
        """The file and the line of a row."""
        return self.source if self.lines is None else f"{self.source}, line {self.lines[row]}"


def column_of(cells: Iterable[float | None]) -> Floats:
    """The values of a column; None and NaN stand for no value.

    If all values from some row on are NaN, the run diverged there: they become infinite.
    """
    given = list(cells)
    values = np.array([np.nan if cell is None else cell for cell in given], dtype=np.float64)
    written = np.flatnonzero([cell is not None for cell in given])
    nan = np.isnan(values[written])
    if nan.any() and not nan[0] and np.diff(nan.astype(np.int8)).min() >= 0:
        values[written[nan]] = np.inf
    return values
