"""Logs in TensorBoard's event files."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stepsize.curves.series import Series, last_attempt, table_of
from stepsize.curves.table import Table
from stepsize.curves.text_file import content_of
from stepsize.errors import DataError, MissingExtraError, quoted

_OF_EPOCHS = "epoch_"
"""Tags of Keras that begin with this have the number of the epoch for a step."""


def event_files(folder: Path) -> list[Path]:
    """The event files in a folder, the oldest first."""
    return sorted(file for file in folder.glob("*tfevents*") if file.is_file())


def is_events(place: Path) -> bool:
    """Whether a path is an event file or a folder of some."""
    return bool(event_files(place)) if place.is_dir() else "tfevents" in place.name


def event_folders(place: Path) -> list[Path]:
    """The folders at and below `place` that hold event files, one for each run."""
    return sorted({file.parent for file in place.rglob("*tfevents*") if file.is_file()})


def read_events(place: Path) -> list[Table]:
    """The scalars in a folder of event files, or in one of them, as one table."""
    series, left_out = _last_attempts(place)
    if not series:
        raise DataError(f"{place} has no scalars in its event files of TensorBoard")
    per_epoch = {tag: points for tag, points in series.items() if tag.startswith(_OF_EPOCHS)}
    others = {tag: points for tag, points in series.items() if tag not in per_epoch}
    of_epochs = bool(per_epoch) and not any("loss" in tag.lower() for tag in others)
    note = f"the run was resumed: {left_out:,} rows that it logged again are left out of the earlier files"
    name, notes = place.stem if place.is_file() else place.name, (note,) if left_out else ()
    return [table_of(place, name, per_epoch if of_epochs else others, "epoch" if of_epochs else "step", notes)]


def scalars(place: Path) -> dict[str, Series]:
    """The steps and values of every scalar by its tag; after a resume, the later file counts from its first step on."""
    return _last_attempts(place)[0]


def _last_attempts(place: Path) -> tuple[dict[str, Series], int]:
    """The points of every scalar, and how many rows of earlier attempts are left out."""
    files = [_scalars_in(file) for file in ([place] if place.is_file() else event_files(place))]
    tags = dict.fromkeys(tag for file in files for tag in file)
    found = {tag: last_attempt([file[tag] for file in files if tag in file]) for tag in tags}
    return {tag: points for tag, (points, _) in found.items()}, max((count for _, count in found.values()), default=0)


def _scalars_in(file: Path) -> dict[str, list[tuple[float, float]]]:
    """The points of every scalar in a file, where newer writers store a scalar as a tensor."""
    try:
        from tensorboard.util.tensor_util import make_ndarray
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
    found: dict[str, list[tuple[float, float]]] = {}
    tensors = set[str]()
    for event in _events(file):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "scalars":
                tensors.add(value.tag)
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                number = value.simple_value
            elif kind == "tensor" and value.tag in tensors:
                if any(side.size != 1 for side in value.tensor.tensor_shape.dim):  # however few bytes fill it
                    continue
                try:
                    number = float(make_ndarray(value.tensor).item())
                except (TypeError, ValueError) as error:
                    raise DataError(f"{file} is damaged: {quoted(value.tag)} is not a number") from error
            else:
                continue
            found.setdefault(value.tag, []).append((event.step, number))
    return found


def _events(file: Path) -> Iterator[Any]:
    """The messages in a file of TFRecords: length, checksum, message, checksum.

    A message that is cut off ends the file, since a run may be writing it. TensorBoard's own reader of records would
    load TensorFlow, if it is installed, which takes many seconds.
    """
    from tensorboard.compat.proto.event_pb2 import Event

    content = content_of(file)
    begin = 12
    while begin <= len(content):
        (length,) = struct.unpack_from("<Q", content, begin - 12)
        if begin + length > len(content):
            return
        try:
            yield Event.FromString(content[begin : begin + length])
        except Exception as error:  # protobuf's, whose class depends on how it is installed
            raise DataError(f"{file} is damaged: a record is not an event of TensorBoard") from error
        begin += length + 16
