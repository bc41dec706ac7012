"""Tables from TensorBoard's event files."""

from pathlib import Path
from typing import Any

import numpy as np

from stepsize.curves.table import Table
from stepsize.errors import DataError, MissingExtraError

OWN_TAGS = {"rate", "train/loss", "train/accuracy"}
"""The tags that `stepsize compare` writes at every point."""


def event_folders(place: Path) -> list[Path]:
    """The folders at and below `place` that hold event files, one for each run."""
    return sorted({file.parent for file in place.rglob("*tfevents*") if file.is_file()})


def scalars(place: Path) -> dict[str, list[Any]]:
    """The events of every scalar, by its tag, in a folder of event files or in one of them.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
    events = EventAccumulator(str(place), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


def read_events(place: Path) -> list[Table]:
    """The table in each folder of event files; if a step was logged again after a resume, the later value counts."""
    tables = []
    for run in [place] if place.is_file() else event_folders(place):
        tags = scalars(run)
        steps = sorted({event.step for events in tags.values() for event in events})
        rows = {step: row for row, step in enumerate(steps)}
        columns = {"step": np.array(steps, dtype=np.float64)}
        for tag, events in tags.items():
            columns[tag] = np.full(len(steps), np.nan)
            for event in events:
                columns[tag][rows[event.step]] = event.value if np.isfinite(event.value) else np.inf
        name = run.stem if place.is_file() else run.relative_to(place).as_posix()
        own = tags.keys() >= OWN_TAGS
        table = Table(str(run), place.name if name == "." else name, columns, own, own, step="step")
        tables.append(table)
    if not tables:
        raise DataError(f"there are no event files of TensorBoard in {place}")
    return tables
