"""The formats of logs, each recognized by its content, and the tables at a path."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from stepsize.curves.delimited import is_delimited, read_delimited, run_name
from stepsize.curves.folders import logs_in
from stepsize.curves.mlflow_logs import is_mlflow_run, read_mlflow_run
from stepsize.curves.records import is_archive, is_json, read_archive, read_json
from stepsize.curves.store_logs import is_store, read_store
from stepsize.curves.table import Table
from stepsize.curves.tensorboard_logs import is_events, read_events
from stepsize.curves.text_file import head_of
from stepsize.curves.text_logs import is_text_log, read_text_log
from stepsize.curves.wandb_files import is_wandb_file, read_wandb_file
from stepsize.errors import DataError, StepsizeError, first_few, gathered, raise_together


@dataclass(frozen=True)
class Format:
    """The name of a format, whether a path has it, and how the tables there are read."""

    name: str
    fits: Callable[[Path], bool]
    read: Callable[[Path], list[Table]]


FORMATS = (
    Format("store", is_store, read_store),
    Format("MLflow", is_mlflow_run, read_mlflow_run),
    Format("TensorBoard", is_events, read_events),
    Format("NumPy", is_archive, read_archive),
    Format("Weights & Biases", is_wandb_file, read_wandb_file),
    Format("JSON", lambda path: is_json(head_of(path)), read_json),
    Format("CSV", lambda path: is_delimited(head_of(path)), read_delimited),
    Format("text", lambda path: is_text_log(head_of(path)), read_text_log),
    Format("CSV", lambda path: True, lambda path: _unknown(path)),
)
"""In the order in which they are tried."""


def _unknown(path: Path) -> list[Table]:
    """The tables in a file of no format that was recognized, or what is wrong with it."""
    try:
        return read_delimited(path)
    except DataError as error:
        error.reason += "; it was read as CSV, since no line has a step and a loss after their names"
        raise


def tables_at(place: Path) -> list[tuple[str, Table]]:
    """The tables at a path, each with the name of its format; in a folder, those of all logs that it holds."""
    if not place.exists():
        raise DataError(f"no such file or folder: {place}")
    if not place.is_dir():
        if not place.is_file():
            raise DataError(f"{place} is a pipe or a device", "write its content to a file first")
        return _tables_of(place)
    found, errors = list[tuple[str, Table]](), list[StepsizeError]()
    logs, left_out = logs_in(place)
    for name, log in logs:
        with gathered(errors):
            found += _tables_of(log, name)
    raise_together(errors)
    if not left_out:
        return found
    note = f"{place} also has {first_few(left_out, 5)}, which are read only if they are named"
    return [(form, replace(table, notes=(*table.notes, note))) for form, table in found]


def _tables_of(log: Path, name: str = "") -> list[tuple[str, Table]]:
    """The tables of a log; one that has the name of its file or folder gets the name that is given."""
    form = next(each for each in FORMATS if each.fits(log))
    tables = form.read(log)
    if name and len(tables) == 1 and tables[0].name in (log.name, run_name(log)):
        tables = [replace(tables[0], name=name)]
    return [(form.name, table) for table in tables]
