"""Which columns of a table are the steps, the rates and the losses: by their names, or as the caller says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from stepsize.curves.column_names import has_fractions, loss_rank, rate_rank, step_rank
from stepsize.curves.loss_curve import Floats
from stepsize.curves.table import Table
from stepsize.errors import DataError, first_few, quoted, raise_together

_PLURAL = {"step": "steps", "lr": "rates", "loss": "losses"}


@dataclass(frozen=True)
class Choice:
    """The columns of a table by what they are; None, and an error in their place, if there are none."""

    step: str
    lr: str | None
    loss: str | None
    no_rates: DataError | None = None
    no_losses: DataError | None = None

    @property
    def note(self) -> str:
        """The choice in one line; "" if the names leave nothing to choose."""
        parts = [f"{word} = {name}" for word, name in vars(self).items() if isinstance(name, str) and name]
        return "" if {"step = step", "lr = lr", "loss = loss"} >= {*parts} else ", ".join(parts)


def quoted_list(names: Sequence[str]) -> str:
    """The names in quotes, the first twelve of many."""
    return first_few([*map(quoted, names)], 12) or "none"


def choose(table: Table, given: dict[str, str | None]) -> Choice:
    """The columns of a table; `given` are names by the words "step", "lr" and "loss", which come first."""
    wanted = {word: given[word] or getattr(table, word) for word in ("step", "lr", "loss")}
    loss, no_losses = _column(table, "loss", wanted["loss"], loss_rank)
    lr, no_rates = _column(table, "lr", wanted["lr"], rate_rank)
    measured = loss or lr
    step, no_steps = _column(table, "step", wanted["step"], lambda name: _step_rank(table, name, measured))
    if step is None or measured is None:
        raise_together([error for error in (no_steps, no_losses) if error is not None])
    return Choice(step or "", lr, loss, no_rates, no_losses)


def _column(
    table: Table, word: str, wanted: str | None, rank: Callable[[str], int | None]
) -> tuple[str | None, DataError | None]:
    """The column that is wanted or ranks first, or the reason why there is none."""
    names = [*dict.fromkeys([*table.columns, *table.unfit])]
    if wanted:
        found = _named(table, word, wanted, names)
    else:
        ranks = {name: place for name in names if (place := rank(name)) is not None}
        counts = {name: _count(table, name) for name in ranks}
        several = [name for name in ranks if counts[name] > 1] or [name for name in ranks if counts[name]]
        if ranks and not several:
            return None, DataError(f"{table.source} has no values in {quoted_list([*ranks])}")
        if not several:
            return None, _missing(table, word, f"of {_PLURAL[word]}", word, names)
        first = min(ranks[name] for name in several)
        found = _one_of(table, word, [name for name in several if ranks[name] == first])
        if found in table.unfit and word == "lr":
            return None, _unfit(table, found)  # there may be a schedule
    if found not in table.columns:
        raise _unfit(table, found)
    return found, None


def _named(table: Table, word: str, wanted: str, names: Sequence[str]) -> str:
    """The column of this name; the part up to the last "/" and capitals may be left out if the rest is unique."""
    if wanted in names:
        return wanted
    alike = [name for name in names if wanted.lower() in (name.lower(), name.rpartition("/")[2].lower())]
    if not alike:
        raise _missing(table, word, quoted(wanted), wanted, names)
    return _one_of(table, word, alike)


def _one_of(table: Table, word: str, names: list[str]) -> str:
    """Of columns that have the same values, the one with the most; they are refused if they differ."""
    values = {name: table.columns.get(name) for name in names}
    for other in names[1:]:
        if not _are_equal(values[names[0]], values[other]):
            reason = f"{table.source} has several columns of {_PLURAL[word]}: {quoted_list(names)}"
            raise DataError(reason, f"name one with {{{word}}}", **{word: names[0]})
    return max(names, key=lambda name: _count(table, name))


def _count(table: Table, name: str) -> int:
    """How many values a column has; one that is unfit counts as if it had several."""
    return 2 if name in table.unfit else int((~np.isnan(table.columns[name])).sum())


def _are_equal(first: Floats | None, second: Floats | None) -> bool:
    """Whether two columns have values in common rows, and the same ones there."""
    if first is None or second is None:
        return False
    both = ~np.isnan(first + second)
    return bool(both.any() and np.all(first[both] == second[both]))


def _unfit(table: Table, name: str) -> DataError:
    if name not in table.columns:
        return DataError(table.unfit[name])
    advice = "give the run's schedule with {schedule}, or name it with {lr} to take it as it is"
    return DataError(table.unfit[name], advice, lr=name, schedule=...)


def _missing(table: Table, word: str, what: str, like: str, names: Sequence[str]) -> DataError:
    alike = get_close_matches(like, names, 1) or [name for name in names if word in name.lower()]
    advice = f"name it with {{{word}}}"
    settings: dict[str, Any] = {word: alike[0] if alike else ...}
    if word == "lr":
        settings["schedule"] = ...
        advice += ", or give the run's schedule with {schedule}"
    return DataError(f"{table.source} has no column {what}; it has {quoted_list(names)}", advice, **settings)


def _step_rank(table: Table, name: str, measured: str | None) -> int | None:
    """The rank of a column as steps; None if it has no value in most of the rows of the column `measured`."""
    counts = table.columns.get(name)
    rank = step_rank(name, counts is not None and not has_fractions(counts))
    if rank is None or counts is None or measured is None:
        return rank
    rows = ~np.isnan(table.columns[measured])
    return None if np.isnan(counts[rows]).sum() > rows.sum() / 2 else rank
