"""Which columns of a table are the steps, the rates and the losses: by their names, or as the caller says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from stepsize.curves.loss_curve import Floats
from stepsize.curves.sheet import NUMBERED
from stepsize.curves.table import Table
from stepsize.errors import DataError, first_few, quoted, raise_together

_REPEATED = re.compile(rf"{NUMBERED.pattern}|\.\d+$")  # as pandas writes it
_SINGULAR = {
    "losses": "loss", "steps": "step", "updates": "update", "iters": "iter", "iterations": "iteration",
    "batches": "batch", "epochs": "epoch", "samples": "sample", "examples": "sample", "example": "sample",
    "tokens": "token", "lrs": "lr", "rates": "rate", "microbatches": "microbatch", "microsteps": "microstep",
}  # fmt: skip
_TRAIN = {"train", "training", "trainer", "trn", "tr"}
_HELD_OUT = {"val", "valid", "validation", "eval", "evaluation", "test", "dev"}
_COUNTS = {"step", "iter", "iteration", "it", "update", "batch"}
_OF_COUNTS = {"current", "cur", "num", "n", "idx", "index", "completed", "global", "optimizer", "optim", "no", "number"}
_OF_AMOUNTS = _TRAIN | {"consumed", "seen", "processed", "num", "n", "total", "trained", "cumulative", "global"}
_OF_RATES = _TRAIN | {"optim", "optimizer", "opt", "current", "cur", "scheduler", "schedule"}
_NO_RATES = {
    "min", "max", "base", "peak", "init", "initial", "target", "final", "end", "scale", "mult", "multiplier", "ratio",
    "decay", "factor", "warmup",
}  # fmt: skip
_OF_LOSSES = {
    "lm", "ce", "cross", "entropy", "xent", "nll", "mlm", "language", "model", "total", "mean", "avg", "average",
    "reduced", "step", "iter", "batch", "main",
}  # fmt: skip
_NO_LOSSES = {"scale", "scaler", "weight", "best", "min", "lowest", "std", "coef"}
_PLURAL = {"step": "steps", "lr": "rates", "loss": "losses"}
_TIMES = {"time", "second", "seconds", "sec", "minutes", "hours", "timestamp", "runtime"}
UPDATES, EPOCHS, SAMPLES, TOKENS, MICRO, TIME = "updates", "epochs", "samples", "tokens", "micro-batches", "time"
_UNITS = {
    "epoch": EPOCHS, "sample": SAMPLES, "token": TOKENS, "microbatch": MICRO, "microstep": MICRO,
    "micro batch": MICRO, "micro step": MICRO,
}  # fmt: skip


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
    """The columns of a table; `given` are names by the words "step", "lr" and "loss", which come first.

    Raises:
        DataError: a given column is missing, several are equally likely, or there is none of steps.
    """
    wanted = {word: given[word] or getattr(table, word) for word in ("step", "lr", "loss")}
    loss, no_losses = _column(table, "loss", wanted["loss"], _loss_rank)
    lr, no_rates = _column(table, "lr", wanted["lr"], _rate_rank)
    rows = ~np.isnan(table.columns[loss or lr]) if loss or lr else None  # type: ignore[index]
    step, no_steps = _column(table, "step", wanted["step"], lambda name: _step_rank(table, name, rows))
    if step is None or rows is None:
        raise_together([error for error in (no_steps, no_losses) if error is not None])
    return Choice(step or "", lr, loss, no_rates, no_losses)


def unit_of(step: str) -> str:
    """What a column of steps counts, by its name."""
    words = _words(step)
    if _TIMES & {*words} and not _COUNTS & {*words}:
        return TIME
    rest = [word for word in words if word not in _OF_AMOUNTS]
    return _UNITS.get(" ".join(rest), UPDATES)


def is_held_out(loss: str) -> bool:
    """Whether a column has losses of samples that the run does not train on, by its name."""
    return bool(_HELD_OUT & {*_words(loss)})


def has_fractions(counts: Floats) -> bool:
    """Whether some numbers are not whole."""
    return bool(np.any((np.floor(counts) != counts) & ~np.isnan(counts)))


def _words(name: str) -> list[str]:
    """The words of a name, in lower case and in the singular."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _REPEATED.sub("", name)).lower()
    apart = re.sub(r"^(train|valid|val|eval|test)(?=loss)", r"\1 ", apart)
    return [_SINGULAR.get(word, word) for word in re.findall(r"[a-z]+|\d+", apart)]


def _column(
    table: Table, word: str, wanted: str | None, rank: Callable[[str], int | None]
) -> tuple[str | None, DataError | None]:
    """The column that is wanted or ranks first, or the reason why there is none."""
    names = [*dict.fromkeys([*table.columns, *table.unfit])]
    if wanted:
        found = _named(table, word, wanted, names)
    else:
        ranks = {name: place for name in names if (place := rank(name)) is not None}
        counts = {name: int((~np.isnan(table.columns.get(name, np.zeros(9)))).sum()) for name in ranks}
        several = [name for name in ranks if counts[name] > 1] or [name for name in ranks if counts[name]]
        if ranks and not several:
            return None, DataError(f"{table.source} has no values in {quoted_list([*ranks])}")
        if not several:
            return None, _missing(table, word, f"of {_PLURAL[word]}", word, names)
        first = min(ranks[name] for name in several)
        found = _one_of(table, word, [name for name in several if ranks[name] == first])
        if found in table.unfit and word == "lr":
            return None, _unfit(table, word, found)  # there may be a schedule
    if found not in table.columns:
        raise _unfit(table, word, found)
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
    """The first of columns that have the same values; they are refused if they differ."""
    first, *others = (table.columns.get(name) for name in names)
    for other in others:
        same = first is not None and other is not None and not np.any((first != other) & ~np.isnan(first + other))
        if not same:
            raise DataError(
                f"{table.source} has several columns of {_PLURAL[word]}: {quoted_list(names)}",
                f"name one with {{{word}}}",
                **{word: names[0]},
            )
    return names[0]


def _unfit(table: Table, word: str, name: str) -> DataError:
    if name not in table.columns:
        return DataError(table.unfit[name])
    advice = f"name it with {{{word}}} to take it as it is"
    if word != "lr":
        return DataError(table.unfit[name], advice, **{word: name})
    advice = f"give the run's schedule with {{schedule}}, or {advice}"
    return DataError(table.unfit[name], advice, lr=name, schedule=...)


def _missing(table: Table, word: str, what: str, like: str, names: Sequence[str]) -> DataError:
    alike = get_close_matches(like, names, 1) or [name for name in names if word in name.lower()]
    advice = f"name it with {{{word}}}"
    settings: dict[str, Any] = {word: alike[0] if alike else ...}
    if word == "lr":
        settings["schedule"] = ...
        advice += ", or give the run's schedule with {schedule}"
    return DataError(f"{table.source} has no column {what}; it has {quoted_list(names)}", advice, **settings)


def _step_rank(table: Table, name: str, rows: Any) -> int | None:
    values = table.columns.get(name)
    if values is not None and rows is not None and np.isnan(values[rows]).sum() > rows.sum() / 2:
        return None  # it has no value in most of the rows with a loss
    words = {*_words(name)}
    core = words - _TRAIN - _OF_COUNTS
    if len(core) == 1 and core <= _COUNTS and values is not None and not has_fractions(values):
        if "global" in words:
            return 0
        if "update" in words or {"optimizer", "optim"} & words:
            return 1
        return 4 if name == "_step" else 3 if "batch" in words else 2
    if core <= _COUNTS and core:
        return 5  # a text, or steps with fractions: refused later, unless there is a better one
    return 6 if unit_of(name) not in (UPDATES, TIME) else None


def _rate_rank(name: str) -> int | None:
    words = {*_words(name)}
    is_rate = words & {"lr", "lrate"} or {"learning", "rate"} <= words or words == {"rate"}
    if not is_rate or words & _NO_RATES:
        return None
    return 1 if words - _OF_RATES - {"lr", "lrate", "learning", "rate"} else 0


def _loss_rank(name: str) -> int | None:
    words = {*_words(name)}
    if words == {"value"}:
        return 9  # TensorBoard's export of one scalar
    if not words & {"loss", "ce", "nll", "xent", "entropy"} or words & _NO_LOSSES:
        return None
    rest = words - _TRAIN - _HELD_OUT - {"loss"}
    place = 0 if not rest else 1 if rest <= _OF_LOSSES else 2 if rest <= {*_OF_LOSSES, "epoch"} else 6
    return place + 3 if words & _HELD_OUT and place < 6 else place
