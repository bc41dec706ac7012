"""Points and epochs for other programs, each row with what its run is: frames of pandas, CSV, Parquet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import MissingExtraError
from stepsize.files import whole_file
from stepsize.records.columns import Columns
from stepsize.records.run import Outcome

if TYPE_CHECKING:
    import pandas

LABELS = ("name", "schedule", "seed", "status")


class Labels:
    """The labels of every run, once each, and which of them the rows of a block have."""

    def __init__(self, runs: Sequence[Outcome]) -> None:
        self._numbers = np.array([run.number for run in runs], dtype=np.int64)
        self._labels: dict[str, tuple[NDArray[Any], NDArray[np.intp]]] = {}
        for label in LABELS:
            values = np.array([getattr(run, label) for run in runs], dtype=np.int64 if label == "seed" else object)
            self._labels[label] = np.unique(values, return_inverse=True)

    def of(self, block: Columns) -> Iterator[tuple[str, NDArray[Any], NDArray[np.intp]]]:
        """For each label of the block's rows: its name, its values, and the place of each row's value among them."""
        places = np.searchsorted(self._numbers, block["run"])
        for label, (values, inverse) in self._labels.items():
            yield label, values, inverse[places]


def frame(runs: Sequence[Outcome], columns: Columns) -> "pandas.DataFrame":
    """The columns with the labels of their runs, texts as categories.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError.naming("pandas", "frames") from None
    labels = {
        label: values[places] if label == "seed" else pandas.Categorical.from_codes(places, values)
        for label, values, places in Labels(runs).of(columns)
    }
    return pandas.DataFrame({"run": columns["run"], **labels, **{name: columns[name] for name in list(columns)[1:]}})


def write_csv(path: Path, runs: Sequence[Outcome], names: Sequence[str], blocks: Iterable[Columns]) -> None:
    """Write a line for each row, numbers so that they read back as the same bits.

    Raises:
        OutputError: it cannot be written there.
    """
    labels = Labels(runs)
    with whole_file(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", *LABELS, "step", *names])
        for block in blocks:
            texts = [values[places].tolist() for _, values, places in labels.of(block)]
            run, *rest = [column.tolist() for column in block.values()]
            writer.writerows(zip(run, *texts, *rest, strict=True))


def write_parquet(path: Path, runs: Sequence[Outcome], names: Sequence[str], blocks: Iterable[Columns]) -> None:
    """Write a Parquet file, texts as dictionaries.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OutputError: it cannot be written there.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError.naming("pyarrow", "parquet") from None
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = {"run": pyarrow.int64(), **dict.fromkeys(LABELS, text), "seed": pyarrow.int64(), "step": pyarrow.int64()}
    schema = pyarrow.schema([*kinds.items(), *((name, pyarrow.float64()) for name in names)])
    labels = Labels(runs)
    with whole_file(path) as part, pyarrow.parquet.ParquetWriter(part, schema) as writer:
        for block in blocks:
            columns: dict[str, Any] = dict(block)
            for label, values, places in labels.of(block):
                if label == "seed":
                    columns[label] = values[places]
                else:
                    indices = pyarrow.array(places, pyarrow.int32())
                    columns[label] = pyarrow.DictionaryArray.from_arrays(
                        indices, pyarrow.array(values, pyarrow.string())
                    )
            writer.write_table(pyarrow.table(columns, schema=schema))
