"""Points and epochs with the labels of their runs: frames of pandas, CSV files and Parquet files."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import MissingExtraError
from stepsize.files import spreadsheet_cell, whole_file
from stepsize.store.run import Outcome

if TYPE_CHECKING:
    import pandas

Columns = dict[str, NDArray[Any]]
"""Arrays of one length by name: "run" and "step" are whole numbers, the others floats."""

LABELS = ("name", "schedule", "seed", "status")
TEXTS = ("name", "schedule", "status")


def frame(runs: Sequence[Outcome], columns: Columns) -> "pandas.DataFrame":
    """The columns with the labels of their runs; texts are categories."""
    try:
        import pandas
    except ImportError:
        raise MissingExtraError.naming("pandas", "frames") from None
    labels = pandas.DataFrame(_labels(runs)).astype(dict.fromkeys(TEXTS, "category"))
    rows = labels.take(_places(runs, columns)).reset_index(drop=True)
    rows.insert(0, "run", columns["run"])
    return rows.assign(**{name: column for name, column in columns.items() if name != "run"})


def write_csv(path: Path, runs: Sequence[Outcome], names: Sequence[str], blocks: Iterable[Columns]) -> None:
    """Write a line for each row; numbers read back as the same bits."""
    labels = {label: np.array([*map(_cell, values)], dtype=object) for label, values in _labels(runs).items()}
    with whole_file(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", *LABELS, "step", *map(spreadsheet_cell, names)])
        for block in blocks:
            places = _places(runs, block)
            run, *rest = [column.tolist() for column in block.values()]
            writer.writerows(zip(run, *(labels[label][places] for label in LABELS), *rest, strict=True))


def write_parquet(path: Path, runs: Sequence[Outcome], names: Sequence[str], blocks: Iterable[Columns]) -> None:
    """Write a Parquet file; texts are dictionaries."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError.naming("pyarrow", "parquet") from None
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = {"run": pyarrow.int64(), **dict.fromkeys(LABELS, text), "seed": pyarrow.int64(), "step": pyarrow.int64()}
    schema = pyarrow.schema([*kinds.items(), *((name, pyarrow.float64()) for name in names)])
    labels = {label: pyarrow.array(values, kinds[label]) for label, values in _labels(runs).items()}
    with whole_file(path) as part, pyarrow.parquet.ParquetWriter(part, schema) as writer:
        for block in blocks:
            places = _places(runs, block)
            rows = {**block, **{label: values.take(places) for label, values in labels.items()}}
            writer.write_table(pyarrow.table(rows, schema=schema))


def places_of(values: NDArray[np.int64], among: Sequence[int] | NDArray[np.int64]) -> NDArray[np.intp]:
    """The place of each value in a sequence that has them all."""
    order = np.argsort(among)
    return order[np.searchsorted(np.asarray(among), values, sorter=order)]


def _labels(runs: Sequence[Outcome]) -> dict[str, list[Any]]:
    return {label: [getattr(run, label) for run in runs] for label in LABELS}


def _cell(value: Any) -> Any:
    return spreadsheet_cell(value) if isinstance(value, str) else value


def _places(runs: Sequence[Outcome], columns: Columns) -> NDArray[np.intp]:
    return places_of(columns["run"], [run.number for run in runs])
