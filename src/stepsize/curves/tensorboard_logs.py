"""Logs in TensorBoard's event files."""

from pathlib import Path

from stepsize.curves.conventions import convention_of
from stepsize.curves.series import Series, last_attempt, rows_of
from stepsize.curves.table import Table
from stepsize.errors import DataError, MissingExtraError

_OF_EPOCHS = "epoch_"
"""With this the tags begin that Keras logs at the number of the epoch."""


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
    """The scalars in a folder of event files, or in one of them, as one table.

    If a run was resumed, the later file counts from its first step on.
    """
    series, left_out = _attempts(place)
    if not series:
        raise DataError(f"{place} has event files of TensorBoard without scalars")
    per_epoch = {tag: points for tag, points in series.items() if tag.startswith(_OF_EPOCHS)}
    others = {tag: points for tag, points in series.items() if tag not in per_epoch}
    of_epochs = bool(per_epoch) and not any("loss" in tag.lower() for tag in others)
    axis = "epoch" if of_epochs else "step"
    columns = rows_of(per_epoch if of_epochs else others, axis)
    kind = convention_of([columns])
    most = max(left_out.values())
    note = f"the run was resumed: {most} rows that it logged again are left out of the earlier files"
    return [
        Table(
            str(place),
            place.stem if place.is_file() else place.name,
            columns,
            kind.steps_done,
            kind.means,
            step=None if of_epochs else axis,
            notes=(note,) if most else (),
        )
    ]


def scalars(place: Path) -> dict[str, Series]:
    """The steps and values of every scalar by its tag, in a folder of event files or in one of them.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    return _attempts(place)[0]


def _attempts(place: Path) -> tuple[dict[str, Series], dict[str, int]]:
    """The points of every scalar, and how many points of earlier attempts were left out."""
    files = [_read(file) for file in ([place] if place.is_file() else event_files(place))]
    tags = dict.fromkeys(tag for file in files for tag in file)
    found = {tag: last_attempt([file[tag] for file in files if tag in file]) for tag in tags}
    return {tag: points for tag, (points, _) in found.items()}, {tag: count for tag, (_, count) in found.items()}


def _read(file: Path) -> dict[str, Series]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
    events = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
    found: dict[str, Series]
    try:
        events.Reload()
        found = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        for tag in events.Tags()["tensors"]:
            if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                found[tag] = [(event.step, make_ndarray(event.tensor_proto).item()) for event in events.Tensors(tag)]
    except Exception as error:  # whatever a parser of records and messages raises for a damaged file
        raise DataError(f"{file} cannot be read as an event file of TensorBoard: {error}") from error
    return found
