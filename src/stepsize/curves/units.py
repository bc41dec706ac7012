"""What a column of steps counts, and the updates that this makes: steps, epochs, samples, tokens or micro-batches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import LONGEST
from stepsize.curves.column_names import EPOCHS, MICRO, SAMPLES, TIME, UPDATES, has_fractions, unit_of
from stepsize.curves.loss_curve import Floats
from stepsize.curves.table import Table
from stepsize.errors import DataError
from stepsize.horizon import Horizon


@dataclass(frozen=True)
class Counted:
    """The updates done when each row was written, NaN for a row without a step."""

    done: Floats
    epoch_steps: int = 0  # the number of updates in a row if there is a row to an epoch
    note: str = ""


def updates_done(table: Table, step: str, measured: str, steps_done: bool, horizon: Horizon | None) -> Counted:
    """The updates done at each row, from the column `step`; `measured` is the column whose values matter."""
    counts, unit = table.columns[step], unit_of(step)
    _check(table, step, counts, whole=unit == UPDATES)
    rows = np.flatnonzero(~np.isnan(counts + table.columns[measured]))
    epochs = _epochs_that_restart(table, counts, rows)
    done = counts if steps_done else counts + 1
    if unit == UPDATES and epochs is None:
        return Counted(done)
    if unit == TIME:
        reason = f"{table.source} counts time ({step}), not updates"
        raise DataError(reason, "name the column of the updates with {step}", step=...)
    if horizon is None:
        what = f"counts {unit} ({step})" if epochs is None else f"counts {step} within each epoch"
        advice = (
            "name the column of the updates with {step}, or give the size of an epoch and of a batch with {horizon}"
        )
        error = DataError(f"{table.source} {what}, not updates", advice, step=..., horizon=...)
        raise error.about("read_curves", "")
    if epochs is not None:
        return Counted(done + epochs * horizon.epoch_steps, note=f"{horizon.epoch_steps:,} updates to an epoch")
    if unit == EPOCHS:
        return _of_epochs(table, step, counts, rows, horizon.epoch_steps)
    if unit == MICRO:
        return Counted(counts // horizon.accumulation + 1, note=f"{horizon.accumulation:,} micro-batches to an update")
    horizon.of("1sp" if unit == SAMPLES else "1tok")  # refuses tokens of unknown size, and batches that grow
    each = horizon.epoch_samples / horizon.epoch_steps * (1 if unit == SAMPLES else horizon.tokens_per_sample or 1)
    return Counted(np.round(counts / each), note=f"{each:,.0f} {unit} to an update")


def _of_epochs(table: Table, step: str, counts: Floats, rows: NDArray[np.intp], epoch_steps: int) -> Counted:
    """Whole epochs from 0 are the indices of those that have just ended; others say how much has been done."""
    whole = not has_fractions(counts[rows])
    if whole and 2 * np.unique(counts[rows]).size <= rows.size:
        advice = "name the column of the updates with {step}, or keep one row of each epoch"
        raise DataError(f"{table.source} has several rows to an epoch ({step})", advice, step=...)
    from_zero = whole and counts[rows].min(initial=np.inf) == 0
    numbered = f", numbered from {'0' if from_zero else '1'}" if whole else ""
    note = f"{epoch_steps:,} updates to an epoch{numbered}"
    return Counted(np.round((counts + from_zero) * epoch_steps), epoch_steps if whole else 0, note)


def _check(table: Table, step: str, counts: Floats, whole: bool) -> None:
    wrong = np.flatnonzero((counts < 0) | (counts > LONGEST) | (whole & (np.floor(counts) < counts)))
    if wrong.size:
        row = int(wrong[0])
        rule = "a whole number of at least 0" if whole else "at least 0"
        raise DataError(f"{table.where(row)}: {step} must be {rule}, got {counts[row]:g}")


def _epochs_that_restart(table: Table, counts: Floats, rows: NDArray[np.intp]) -> Floats | None:
    """The epochs done before each row, if the steps restart with each epoch; otherwise None."""
    falls = np.flatnonzero(np.diff(counts[rows]) < 0)
    for name, epochs in table.columns.items() if falls.size else ():
        of_rows = epochs[rows]
        if unit_of(name) == EPOCHS and np.all(of_rows[falls + 1] > of_rows[falls]):
            first: float = np.floor(np.nanmin(of_rows))
            return np.asarray(np.floor(epochs) - min(1.0, first))
    return None
