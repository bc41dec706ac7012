"""Text logs: lines that a program printed, among them rows of names and numbers such as "step 100 loss 3.1 lr 1e-4"."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepsize.arguments import LONGEST
from stepsize.curves.column_names import UPDATES, step_rank, unit_of
from stepsize.curves.conventions import PRINTED, Convention, convention_of
from stepsize.curves.loss_curve import Floats
from stepsize.curves.rates import AGREEMENT
from stepsize.curves.table import Table
from stepsize.curves.text_file import text_of
from stepsize.errors import DataError

STEPS = ("step", "iter", "iteration", "it", "update", "global_step", "num_updates", "batch", "token", "sample")
"""The last words of the keys of a step, in lower case."""

_MENTIONS = (*STEPS, "epoch", "s:")
"""One of these is in each line with a step: a quick look that spares other lines the slow one."""
_NUMBER = re.compile(
    r"(?<![\w.+/-])([+-]?(?:"
    r"(?:\d+(?:,\d{3})*\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![)\d]|[-:.]\d|[kmbg]\b)"
    r"|(?:nan|inf)\b))[\w%]*",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"""["'[]?\s*([:=]?)\s*["']?((?:\)[^()]*\( ?)?[\w./-]*[A-Za-z_](?!\w)(?: [\w./-]*[A-Za-z_](?!\w))*)"""
)
"""The key before a number, read backwards from it: up to a sign that no key has."""
_LONGEST_KEY = 80
_LONGEST_LINE = 4096
_TOTAL = re.compile(r"\s*/\s*(\d{1,9})\b")
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LEVELS = ("DEBUG", "INFO", "WARNING")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* ?")
_RANK = re.compile(r"(?:\[[a-z]*(\d+)\]|(\d+)): ?")
_SUMMARY = re.compile(r"\| train \| epoch \d+ \| .*num_updates")
"""What fairseq prints about a whole epoch."""
_TAG = re.compile(
    r"(?:^|[\s\[(|>])(?:val(?:id(?:ation)?)?|eval(?:uation)?|test)(?:\s*[\])|]|:\s+(?=[a-z]))", re.IGNORECASE
)
"""What marks a line about held-out data, such as "[val]" or "val: step"; not a key such as "val: 3.1"."""
_LOSS = re.compile(r"loss|entropy|\b(?:ce|nll|xent|trl|tel)\b", re.IGNORECASE)
_MOST_COLUMNS = 64
_OTHER_DATA = ("val", "eval", "test", "dev")


@dataclass
class _Row:
    """The numbers that the log has for one step; `total` is that of "step 100/1000"."""

    marker: str
    total: int | None
    rank: str
    values: dict[str, float]

    @property
    def step(self) -> float:
        return self.values[self.marker]

    @property
    def is_epoch(self) -> bool:
        return self.marker.lower().split()[-1] == "epoch"

    @property
    def epoch(self) -> float:
        """The epoch; NaN if the log has none."""
        epochs = [value for key, value in self.values.items() if key.lower().split()[-1] == "epoch"]
        return epochs[0] if epochs and epochs[0] <= LONGEST else math.nan


def is_text_log(head: str) -> bool:
    """Whether a text has rows with a step or an epoch, and a loss."""
    return any(_has_loss(row.values) for row in _rows(head.splitlines()))


def read_text_log(path: Path) -> list[Table]:
    """The rows of a text log as one table."""
    rows = [*_rows(text_of(path).splitlines())]
    kind = convention_of({frozenset(row.values) for row in rows}, PRINTED)
    rows = [row for row in rows if kind.has(row.values) and len(row.values) > 1 and row.step <= LONGEST]
    if not all(row.is_epoch for row in rows):
        rows = [row for row in rows if not row.is_epoch]
    notes = list[str]()
    return [_table(path, _of_one_rank(path, rows, notes), kind, notes)]


def _rows(lines: Iterable[str]) -> Iterator[_Row]:
    """The rows in order; one may go on over indented lines, and over lines of the same step with other numbers."""
    open_rows = dict[str, _Row]()
    for line in lines:
        rank, text = _without_prefix(_COLOUR.sub("", line[:_LONGEST_LINE]))
        lower = text.lower()
        if not (open_rows and text[:1].isspace()) and not any(word in lower for word in _MENTIONS):
            continue
        tag = _TAG.search(text)
        if _SUMMARY.search(text) or (tag and not _LOSS.search(text[: tag.start()])):
            if rank in open_rows:
                yield open_rows.pop(rank)
            continue
        values, totals = _numbers(text)
        marker = _marker(values)
        row = open_rows.get(rank)
        if marker is None:
            if row and text[:1].isspace():
                row.values = values | row.values
        elif row and (marker, values[marker]) == (row.marker, row.step) and row.values.keys() & values == {marker}:
            row.values |= values
        else:
            if row:
                yield open_rows.pop(rank)
            if not any(word.startswith(_OTHER_DATA) for word in marker.lower().split()):
                open_rows[rank] = _Row(marker, totals.get(marker), rank, values)
    yield from open_rows.values()


def _without_prefix(line: str) -> tuple[str, str]:
    """The rank that printed a line, if the line says so, and the line without it and without the time."""
    found = _RANK.match(line)
    rest = line[found.end() :] if found else line
    time = _TIME.match(rest)
    return found[1] or found[2] if found else "", rest[time.end() :] if time else rest


def _numbers(text: str) -> tuple[dict[str, float], dict[str, int]]:
    """The numbers of a line by the keys before them, and the totals of those like "100/1000"."""
    values, totals = dict[str, float](), dict[str, int]()
    end = 0
    for number in _NUMBER.finditer(text):
        found = _KEY.match(text[max(end, number.start() - _LONGEST_KEY) : number.start()][::-1])
        key = found[2][::-1] if found else ""
        if key.startswith(_LEVELS):  # of the message before it
            key = key.partition(" ")[2]
        value = float(number[1].replace(",", ""))
        if not math.isfinite(value) and not (found and (found[1] or key.endswith("loss"))):
            continue  # it is a word, as in "number of nan iterations"
        end = number.end()
        if key and key not in values:
            values[key] = math.inf if math.isnan(value) else value  # in a table, NaN is an empty cell
            if total := _TOTAL.match(text, end):
                totals[key] = int(total[1])
    return values, totals


def _marker(values: dict[str, float]) -> str | None:
    """The key of the step of a line, or else of its epoch."""
    of_format = [each.step for each in PRINTED if each.step in values and each.has(values)]
    last_words = {key: key.lower().split()[-1] for key in values}
    steps = [key for key, word in last_words.items() if word in STEPS]
    epochs = [key for key, word in last_words.items() if word == "epoch"]
    return next(iter(of_format + steps + epochs), None)


def _has_loss(values: dict[str, float]) -> bool:
    return any(value > 0 and _LOSS.search(key) for key, value in values.items())


def _of_one_rank(path: Path, rows: Sequence[_Row], notes: list[str]) -> list[_Row]:
    counts = Counter(row.rank for row in rows if _has_loss(row.values))
    if not counts:
        raise DataError(f"{path} has no rows with a step and a loss")
    (rank, _), *others = counts.most_common()
    if others:
        left_out = f"{len(others)} other rank{'s' * (len(others) > 1)}"
        notes.append(f"the lines of rank {rank} count, and those of {left_out} are left out")
    return [row for row in rows if row.rank == rank]


def _steps(rows: Sequence[_Row]) -> Floats:
    """The steps of the rows, numbered through all epochs if they begin again with each and the lines say the total."""
    steps = np.array([row.step for row in rows])
    epochs = np.array([row.epoch for row in rows])
    totals = {row.total for row in rows}
    total = totals.pop()
    if total is None or totals or not np.any((np.diff(steps) < 0) & (np.diff(epochs) > 0)):
        return steps
    return np.asarray(steps + total * (epochs - min(epochs.min(), 1)))


def _is_step(key: str) -> bool:
    return step_rank(key, whole=True) is not None and unit_of(key) == UPDATES


def _table(path: Path, rows: Sequence[_Row], kind: Convention, notes: list[str]) -> Table:
    counts = Counter(key for row in rows for key in row.values)
    columns = {
        key: np.array([row.values.get(key, math.nan) for row in rows]) for key, _ in counts.most_common(_MOST_COLUMNS)
    }
    step = None
    if not rows[0].is_epoch:
        markers = {row.marker for row in rows}
        first = rows[0].marker
        columns = {first: _steps(rows), **{key: each for key, each in columns.items() if key not in markers}}
        step = None if any(_is_step(key) for key in columns if key != first) else first
    rates = [key for key in columns if key.startswith(kind.lr)]
    rough: dict[str, str] = {}
    if rates and kind.lr_decimals:
        peak = np.nanmax([columns[key] for key in rates])
        if 0.5 * 0.1**kind.lr_decimals > AGREEMENT * peak:
            rough = dict.fromkeys(rates, f"{kind.tool} prints only {kind.lr_decimals} decimals of its rates in {path}")
    return Table(
        str(path),
        path.stem,
        columns,
        kind.steps_done,
        kind.means,
        step=kind.step if kind.step in columns else step,
        lr=None if rough else next(iter(rates), None),
        loss=next((key for key in kind.loss if key in columns), None),
        notes=tuple(notes),
        unfit=rough,
    )
