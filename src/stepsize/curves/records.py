"""Tables from JSON and from NumPy's archives: records in a list or on lines, or lists of numbers by name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.curves.column_names import step_rank
from stepsize.curves.delimited import tables_of
from stepsize.curves.sheet import Sheet
from stepsize.curves.table import Table
from stepsize.curves.text_file import TIMES, room_for, text_of
from stepsize.errors import DataError, one_line

_MOST_CELLS = 10_000_000
_MOST_PARTS = 16  # of a list in a record, such as the rates of parameter groups


def is_json(head: str) -> bool:
    """Whether a text begins as JSON, or as lines of it."""
    begin = head.lstrip()
    return begin[:1] in {"{", "["} and begin[1:].lstrip()[:1] in {'"', "{", "[", "}", "]"}


def read_json(path: Path) -> list[Table]:
    """The tables in a file of JSON, or with a record on each line."""
    text = text_of(path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return tables_of(_of_lines(path, text))
    if isinstance(found, dict):
        if isinstance(history := found.get("log_history"), list):
            return _of_trainer_state(path, history)
        lists = [each for each in found.values() if isinstance(each, list)]
        records = [each for each in lists if each and isinstance(each[0], dict)]
        found = records[0] if len(records) == 1 else [found] if not lists else found
    return tables_of(sheet_of_records(path, found) if isinstance(found, list) else _of_lists(path, found))


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of NumPy's."""
    return path.suffix == ".npz"


def read_archive(path: Path) -> list[Table]:
    """The tables of the arrays in an archive of NumPy's."""
    try:
        with open(path, "rb") as file, np.load(file) as archive:  # np.load(path) leaves a damaged file open
            if sum(each.file_size for each in archive.zip.infolist()) > room_for(path):
                raise ValueError(f"it unpacks to more than {TIMES} times its size")
            arrays = {name: archive[name] for name in archive.files}
        rows = {name: array.tolist() for name, array in arrays.items() if array.ndim == 1}
    except Exception as error:  # those of damaged archives are of many kinds
        raise DataError(f"{path} cannot be read as an archive of NumPy: {one_line(str(error), 80)}") from error
    return tables_of(_of_lists(path, rows))


def _of_trainer_state(path: Path, history: list[Any]) -> list[Table]:
    """The log of transformers' Trainer, which ends with a record of means over the whole run."""
    of_steps = [each for each in history if isinstance(each, dict) and "train_runtime" not in each]
    folder = path.resolve().parent
    name = folder.parent.name if folder.name.startswith("checkpoint-") else folder.name
    return tables_of(sheet_of_records(path, of_steps), name=name, steps_done=True, means=True)


def _of_lines(path: Path, text: str) -> Sheet:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    records, numbers = list[Any](), list[int]()
    notes: tuple[str, ...] = ()
    for number, line in lines:
        try:
            records.append(json.loads(line))
            numbers.append(number)
        except (ValueError, RecursionError) as error:
            if number == lines[-1][0] and records and not text.endswith("\n"):  # a run that is being logged
                notes = ("its last line is not complete and does not count",)
                continue
            raise DataError(f"{path}, line {number} is not JSON: {one_line(str(error), 80)}") from None
    return sheet_of_records(path, records, numbers, notes)


def sheet_of_records(
    path: Path, records: list[Any], lines: list[int] | None = None, notes: tuple[str, ...] = ()
) -> Sheet:
    """The records as rows of cells, with names such as "train/loss" for what is nested."""
    flat = [dict(_cells("", each)) if isinstance(each, dict) else {} for each in records]
    names = [*dict.fromkeys(name for each in flat for name in each)]
    if len(names) * len(flat) > _MOST_CELLS:
        reason = f"{path} has {len(flat):,} records with {len(names):,} different names"
        raise DataError(reason, f"a table of at most {_MOST_CELLS:,} cells is read")
    if not names:
        raise DataError(f"{path} has no records with names and values")
    rows = [[each.get(name, "") for name in names] for each in flat]
    return Sheet(path, tuple(names), rows, lines, notes)


def _cells(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [cell for key, each in value.items() for cell in _cells(f"{name}/{key}" if name else str(key), each)]
    if isinstance(value, list):
        parts = enumerate(value[:_MOST_PARTS]) if len(value) <= _MOST_PARTS else ()
        return [cell for place, each in parts for cell in _cells(f"{name}/{place}", each)]
    return [] if value is None or isinstance(value, bool) else [(name, str(value))]


def _of_lists(path: Path, columns: Mapping[str, Any]) -> Sheet:
    """Lists of one length as columns; without one of steps they are of epochs, as in the history of Keras."""
    lists = {name: each for name, each in columns.items() if isinstance(each, list)}
    lengths = {name: len(each) for name, each in lists.items()}
    if len({*lengths.values()}) != 1:
        sizes = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        reason = f"has lists of different lengths: {one_line(sizes, 120)}" if sizes else "is empty"
        raise DataError(f"{path} {reason}")
    if all(step_rank(name, whole=True) is None for name in lists):
        lists["epoch"] = [*range(next(iter(lengths.values())))]
    rows = [["" if each is None else str(each) for each in row] for row in zip(*lists.values(), strict=True)]
    return Sheet(path, tuple(lists), rows, None)
