"""The formats of logs, each recognized by its content."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stepsize.curves.delimited import read_delimited
from stepsize.curves.records import is_archive, is_json, read_archive, read_json
from stepsize.curves.store_logs import read_store, store_at
from stepsize.curves.table import Table
from stepsize.curves.tensorboard_logs import event_folders, read_events
from stepsize.curves.text_file import head_of
from stepsize.errors import DataError


@dataclass(frozen=True)
class TextFormat:
    """A format of text files: whether the beginning of a file shows it, and how such a file is read."""

    name: str
    begins: Callable[[str], bool]
    read: Callable[[Path], list[Table]]


TEXT_FORMATS = (
    TextFormat("JSON", is_json, read_json),
    TextFormat("CSV", lambda head: True, read_delimited),
)
"""In the order in which they are tried."""


def tables_at(place: Path) -> tuple[str, list[Table]]:
    """The name of the format at a path, and the tables there.

    Raises:
        DataError: nothing is there, or nothing that is a log.
    """
    if not place.exists():
        raise DataError(f"there is no file or folder {place}")
    if (store := store_at(place)) is not None:
        return "store", read_store(store)
    if "tfevents" in place.name or event_folders(place):
        return "TensorBoard", read_events(place)
    if place.is_dir():
        raise DataError(f"{place} holds neither the store of an experiment nor event files of TensorBoard")
    if is_archive(place):
        return "NumPy", read_archive(place)
    head = head_of(place)
    found = next(each for each in TEXT_FORMATS if each.begins(head))
    return found.name, found.read(place)
