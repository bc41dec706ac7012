"""The curve of a run as a CSV file that `read_curves` and `stepsize predict` read."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepsize.files import check_place, write_whole

_UPDATES, _LOSS = "updates", "mean_loss"


class CurveWriter:
    """Appends a row for each update to a CSV file: the updates done, the values used, and a loss.

    A loss is the mean since the row before that has one, so that a row may leave it out. A run that was killed in the
    middle of a row, or resumes at an earlier update, replaces the rows from there on.

    Args:
        path: the file; its folder is made if it is missing.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     writer = CurveWriter(f"{folder}/curve.csv")
        ...     writer.write(1, {"lr": 0.1})
        ...     writer.write(2, {"lr": 0.2}, mean_loss=3.5)
        ...     print(writer.path.read_text(), end="")
        updates,mean_loss,lr
        1,,0.1
        2,3.5,0.2
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with suppress(OSError):  # the check says why
            self.path.parent.mkdir(parents=True, exist_ok=True)
        check_place(self.path)
        self._columns: list[str] = []

    def write(self, updates: int, values: Mapping[str, float], mean_loss: float | None = None) -> None:
        """Append the row of the latest update; `updates` counts it too, so that it is 1 after the first."""
        row = {_UPDATES: updates, _LOSS: "" if mean_loss is None else mean_loss, **values}
        if not set(row) <= set(self._columns):
            self._begin(updates, list(row))
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            file.write(_lines(self._columns, [row]))

    def _begin(self, updates: int, columns: list[str]) -> None:
        kept = [row for row in self._rows() if int(row[_UPDATES]) < updates]
        self._columns = list(dict.fromkeys([*(kept[0] if kept else ()), *columns]))
        header = _lines(self._columns, [dict(zip(self._columns, self._columns, strict=True))])
        write_whole(self.path, (header + _lines(self._columns, kept)).encode())

    def _rows(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        text = self.path.read_text("utf-8")
        whole = text[: text.rfind("\n") + 1]  # without a row that was being written
        return [row for row in csv.DictReader(io.StringIO(whole)) if row.get(_UPDATES, "").isdigit()]


def _lines(columns: list[str], rows: Sequence[Mapping[str, object]]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue()


class MeanLoss:
    """The mean of the losses between two updates."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, loss: Any) -> None:
        """Include a loss: a number, or a tensor of one."""
        self._sum += loss.item() if hasattr(loss, "item") else loss
        self._count += 1

    def take(self) -> float | None:
        """The mean since the last call; None if there was no loss."""
        mean = self._sum / self._count if self._count else None
        self._sum, self._count = 0.0, 0
        return mean
