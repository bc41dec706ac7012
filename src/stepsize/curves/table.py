"""A log as a table of numbers: what every reader of a format returns."""

from collections.abc import Mapping
from dataclasses import dataclass

from stepsize.curves.loss_curve import Floats
from stepsize.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one run, in the order of the log.

    Attributes:
        source: the file or folder, for messages.
        name: of the run.
        columns: values by name, each of shape (rows,), NaN if a row has no value.
        steps_done: whether the format counts the updates done when it writes a row, not the index of the last one.
        means: whether losses are means since the row before.
        schedule: of the run, if the log has it.
        step: the column of the steps if the format itself says which it is; `lr` and `loss` likewise.
        notes: what the reader of the log should know, such as rows that were left out.
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
