"""What a run logged: the rows of a table with their updates, in whatever unit the table counts."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stepsize.curves.column_names import UPDATES, is_held_out, unit_of
from stepsize.curves.columns import choose
from stepsize.curves.loss_curve import Floats
from stepsize.curves.read_options import ReadOptions
from stepsize.curves.table import Table
from stepsize.curves.units import updates_done
from stepsize.errors import DataError, first_few
from stepsize.schedules import Schedule

AS_FAR = 0.9  # of the length of the last attempt: one that began at the same step and came as far is another run
LATE = 4  # the beginning of a log of means is missing if its first step exceeds this many times its largest interval
_SEVERAL = "so these may be several runs"
_APART = "keep each in a file of its own, or name them in a column run"


@dataclass(frozen=True)
class Rows:
    """Values at rising steps."""

    steps: NDArray[np.int64]
    values: Floats

    @property
    def size(self) -> int:
        return self.steps.size

    def from_step(self, first: int) -> "Rows":
        kept = self.steps >= first
        return Rows(self.steps[kept], self.values[kept])

    def later(self, steps: int) -> "Rows":
        return Rows(self.steps + steps, self.values)


NO_ROWS = Rows(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Log:
    """The rows of one run: the losses of some updates and the rates of some."""

    source: str
    name: str
    losses: Rows
    rates: Rows
    held: int = 0  # the number of updates for which each rate was held, if there is one to an epoch
    schedule: Schedule | None = None
    no_losses: DataError | None = None  # why there are none, raised if they are needed
    no_rates: DataError | None = None
    notes: tuple[str, ...] = ()

    def later(self, steps: int) -> "Log":
        return replace(self, losses=self.losses.later(steps), rates=self.rates.later(steps))


def log_of(table: Table, options: ReadOptions) -> Log:
    """The log in a table; DataError if a column is missing or undecided, or the update of a value is unknown."""
    chosen = choose(table, {"step": options.step, "lr": options.lr, "loss": options.loss})
    steps_done = table.steps_done if options.means is None else options.means
    counted = updates_done(table, chosen.step, chosen.loss or chosen.lr or "", steps_done, options.horizon)
    notes = [*filter(None, (chosen.note, counted.note)), *table.notes]
    rates, losses = NO_ROWS, NO_ROWS
    if chosen.lr:
        _check_one_rate(table, chosen.step, chosen.lr)
        rates = _latest(table, chosen.step, np.maximum(counted.done - 1, 0), chosen.lr, [])
    if chosen.loss:
        means = options.means
        if means is None:
            means = (table.means or counted.epoch_steps > 0) and not is_held_out(chosen.loss)
        losses = _latest(table, chosen.step, counted.done, chosen.loss, notes)
        if options.means and losses.size and not losses.steps[0]:
            begin = f"{table.source} has a row at step 0, before any update"
            raise DataError(
                f"{begin}, so its losses are not means since the row before", "read it with {means}", means=False
            )
        losses = losses.from_step(1)  # what is logged before the first update belongs to no update
        losses = Rows(_middles(losses.steps) if means else losses.steps - 1, losses.values)
    return Log(
        table.source,
        table.name,
        losses,
        rates,
        counted.epoch_steps,
        table.schedule,
        chosen.no_losses,
        chosen.no_rates,
        tuple(notes),
    )


def _check_one_rate(table: Table, step: str, lr: str) -> None:
    """Refuse a log that has another rate at the same step again and again, as only several runs have."""
    counts, rates = table.columns[step], table.columns[lr]
    rows = np.flatnonzero(~np.isnan(counts + rates))
    again = np.flatnonzero((np.diff(counts[rows]) == 0) & (np.diff(rates[rows]) != 0))
    if unit_of(step) == UPDATES and again.size > rows.size / 4:
        row = rows[again[0] + 1]
        raise DataError(f"{table.where(row)}: {step} {counts[row]:,.0f} has several rates, {_SEVERAL}", _APART)


def _latest(table: Table, step: str, done: Floats, column: str, notes: list[str]) -> Rows:
    """The rows with a value by rising step; if steps fall back, as after a resume, the later rows count."""
    values, counts = table.columns[column], table.columns[step]
    rows = np.flatnonzero(~np.isnan(values + done))
    infinite = rows[np.isinf(values[rows])]
    if infinite.size:
        reason = f"{column} is not finite at step {counts[infinite[0]]:.0f}: the run diverged"
        raise DataError(f"{table.where(infinite[0])}: {reason}", "leave out what a run logged after it diverged")
    steps = done[rows].astype(np.int64)
    latest = np.minimum.accumulate(steps[::-1])[::-1]  # the lowest step from each row on
    kept = np.append(steps[:-1] < latest[1:], True)[: steps.size]
    falls = np.flatnonzero(np.diff(steps) < 0)
    if falls.size > 1 and kept.sum() < np.unique(steps).size / 2:
        before, after = rows[falls[0]], rows[falls[0] + 1]
        reason = f"{step} {counts[after]:.0f} comes after {counts[before]:.0f}, and so on"
        raise DataError(f"{table.where(after)}: {reason}", "sort the rows by their steps")
    for fall in falls[steps[falls + 1] <= steps[:1]]:
        if steps[: fall + 1].max() >= AS_FAR * steps[-1]:
            again = rows[fall + 1]
            raise DataError(f"{table.where(again)}: {step} begins again at {counts[again]:,.0f}, {_SEVERAL}", _APART)
    if falls.size:
        again = [f"{counts[rows[fall + 1]]:,.0f} to {counts[rows[fall]]:,.0f}" for fall in falls]
        notes.append(f"steps {first_few(again, 3)} were logged again after a resume: the later rows count")
    elif np.any(values[rows[~kept]] != values[rows[np.flatnonzero(~kept) + 1]]):
        notes.append(f"{(~kept).sum():,} steps have several values of {column}: the last one counts")
    return Rows(steps[kept], values[rows[kept]])


def _middles(done: NDArray[np.int64]) -> NDArray[np.int64]:
    """The middle of the updates of each mean, from the numbers of updates done."""
    if not done.size:
        return done
    largest = int(np.diff(done).max(initial=1)) if done.size > 1 else int(done[0])
    begin = 0 if done[0] <= LATE * largest else done[0] - largest
    before = np.concatenate([[begin], done[:-1]])
    return (before + done - 1) // 2
