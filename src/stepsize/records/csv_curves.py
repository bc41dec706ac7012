"""Loss curves from CSV files: a row for each logged step, or the export of a Weights & Biases panel."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import nearest, quoted, shown
from stepsize.errors import DataError
from stepsize.records.logged_rates import Filling, Log, curve_of
from stepsize.records.loss_curve import LossCurve
from stepsize.records.run import Floats
from stepsize.schedules import Schedule


def read_csv(
    path: Path | str,
    *,
    step: str = "step",
    lr: str | None = "lr",
    loss: str = "loss",
    name: str | None = None,
    schedule: Schedule | None = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> LossCurve:
    """The loss curve in a CSV file with a row for each logged step.

    Rows without a loss are left out, and so are those without a rate where a schedule is given.

    Args:
        path: a file whose first line names the columns.
        step: the name of the column of steps, `lr` of rates (None: not looked for), `loss` of losses.
        name: of the curve; the file's own if None.
        schedule: of the run, from which the rates are taken; those of the file must agree with it.
        warmup_steps: the rate rose in a straight line from 0 over so many steps, where the file does not say.
        jumps: steps from which on the rate was suddenly another, if the rows on both sides of one say so; between any
            other rows it went straight.

    Raises:
        DataError: the file cannot be read, is empty, or lacks a column; a step is repeated or smaller than the one
            before; a loss or a rate is no number; the rates disagree with the schedule; the rates of the first steps
            are not known.

    Example:
        >>> import io, tempfile, pathlib
        >>> from stepsize.records import read_csv
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "run.csv"
        ...     _ = path.write_text("step,rate,loss\\n0,0.2,4.0\\n2,0.1,3.0\\n")
        ...     read_csv(path, lr="rate").rates
        array([0.2 , 0.15, 0.1 ])
    """
    table = _Table.read(Path(path))
    wants_rate = lr is not None and (schedule is None or lr in table.names)
    steps, losses = table.pairs(step, loss)
    logged = table.pairs(step, str(lr)) if wants_rate else None
    log = Log(str(path), Path(path).stem if name is None else name, steps, losses, logged)
    return curve_of(log, Filling(schedule, warmup_steps, tuple(jumps)))


def read_wandb(
    path: Path | str,
    rates: Path | str | None = None,
    *,
    step: str = "Step",
    lr: str = "lr",
    loss: str = "loss",
    schedule: Schedule | None = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in the CSV export of a Weights & Biases panel, one for each run in it.

    A panel has a column "<run> - <metric>" for each run, beside its __MIN and __MAX, which are left out. Panels have
    one metric each, so that the rates usually stand in a file of their own.

    Args:
        path: the export of the panel of the loss.
        rates: the export of the panel of the rate; None where it is the same file, or a schedule is given.
        step: the name of the column of steps.
        lr: the metric of the rate, with or without what stands before its last "/"; `loss` of the loss.
        schedule: of every run, where there is no log of its rates. `warmup_steps` and `jumps` as in `read_csv`.

    Raises:
        DataError: as `read_csv`; or no column has the metric.
    """
    table = _Table.read(Path(path))
    of_rates = table if rates is None else _Table.read(Path(rates))
    columns = table.metric(loss)
    if not columns:
        raise DataError(
            f'{path} has no column "<run> - {loss}"; it has {_listed(table.names)}; name the metric with loss="..."'
        )
    rate_columns = of_rates.metric(lr)
    filling = Filling(schedule, warmup_steps, tuple(jumps))
    curves = []
    for run, column in columns.items():
        steps, losses = table.pairs(step, column)
        logged = of_rates.pairs(step, rate_columns[run]) if run in rate_columns else None
        curves.append(curve_of(Log(f"{path}, run {quoted(run)}", run, steps, losses, logged), filling))
    return tuple(curves)


@dataclass(frozen=True)
class _Table:
    """The cells of a CSV file as text, with the line that each row stands on."""

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]

    @classmethod
    def read(cls, path: Path) -> "_Table":
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file)
                names = tuple(name.strip() for name in next(reader, ()))
                rows = tuple((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{path} cannot be read as CSV: {str(reason).lower()}") from error
        if not names:
            raise DataError(f"{path} is empty; its first line should name the columns: step,lr,loss")
        if not rows:
            raise DataError(f"{path} has no rows, only the names of its columns")
        return cls(path, names, rows)

    def metric(self, metric: str) -> dict[str, str]:
        """The columns of a metric by run."""
        found = {}
        for name in self.names:
            run, dash, measured = name.rpartition(" - ")
            if dash and metric in (measured, measured.rpartition("/")[2]):
                found[run] = name
        return found

    def pairs(self, step: str, column: str) -> tuple[NDArray[np.int64], Floats]:
        """The steps at which a column has a value, and the values."""
        steps, values = [], []
        before: tuple[int, int] | None = None
        at, of = self._place(step), self._place(column)
        for line, row in self.rows:
            text = row[of].strip() if of < len(row) else ""
            if not text:
                continue
            value = self._number(line, column, text)
            if not math.isfinite(value):
                raise DataError(
                    f"{self.path}, line {line}: {column} is {text}; leave out what a run logged after it diverged"
                )
            number = self._number(line, step, row[at].strip() if at < len(row) else "")
            if number < 0 or number != math.floor(number):
                raise DataError(
                    f"{self.path}, line {line}: {step} must be a whole number of at least 0, got {number:g}"
                )
            if before is not None and number <= before[1]:
                how = "again" if number == before[1] else f"after {before[1]}"
                raise DataError(
                    f"{self.path}, line {line}: step {number:.0f} comes {how} (line {before[0]}); sort the rows, and "
                    "keep one of each step: a run that was resumed may have logged some twice"
                )
            before = line, int(number)
            steps.append(int(number))
            values.append(value)
        return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)

    def _place(self, column: str) -> int:
        if column not in self.names:
            advice = nearest(column, self.names) or 'say which is which: step="...", lr="...", loss="..."'
            raise DataError(f"{self.path} has no column {quoted(column)}; it has {_listed(self.names)}; {advice}")
        return self.names.index(column)

    def _number(self, line: int, column: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise DataError(f"{self.path}, line {line}: {column} is no number: {shown(text)}") from None


def _listed(names: Sequence[str]) -> str:
    shown_names = [quoted(name) for name in names[:12]]
    return ", ".join(shown_names) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
