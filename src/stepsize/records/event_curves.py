"""Loss curves from TensorBoard's event files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.arguments import nearest, quoted
from stepsize.errors import DataError, MissingExtraError
from stepsize.records.logged_rates import Filling, Log, curve_of
from stepsize.records.loss_curve import LossCurve
from stepsize.schedules import Schedule


def event_folders(place: Path) -> tuple[Path, ...]:
    """The folders, this one and those within it, that hold event files: a run each."""
    return tuple(sorted({file.parent for file in place.rglob("*tfevents*") if file.is_file()}))


def read_tensorboard(
    place: Path | str,
    *,
    loss: str = "train/loss",
    lr: str = "rate",
    schedule: Schedule | None = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in a folder of TensorBoard's event files: one for each folder within it that has some.

    Where a step was logged again, after a resume, the later value counts.

    Args:
        place: the folder, or one event file.
        loss: the tag of the loss, `lr` of the rate; the defaults are those that `stepsize compare` writes.
        schedule: of every run, where there is no log of its rates. `warmup_steps` and `jumps` as in `read_csv`.

    Raises:
        DataError: there are no event files, or one lacks a tag; or as `read_csv`.
        MissingExtraError: TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
    place = Path(place)
    runs = (place,) if place.is_file() else event_folders(place)
    if not runs:
        raise DataError(f"there are no event files of TensorBoard in {place}")
    filling = Filling(schedule, warmup_steps, tuple(jumps))
    curves = []
    for run in runs:
        events = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        tags = events.Tags()["scalars"]
        if loss not in tags:
            known = ", ".join(map(quoted, tags[:12])) or "no scalars"
            raise DataError(f"{run} has no scalar {quoted(loss)}; it has {known}; {nearest(loss, tags)}".rstrip("; "))
        rows = _rows(events.Scalars(loss))
        logged = _rows(events.Scalars(lr)) if lr in tags else None
        name = run.stem if place.is_file() else run.relative_to(place).as_posix()
        log = Log(str(run), place.name if name == "." else name, *rows, logged)
        curves.append(curve_of(log, filling))
    return tuple(curves)


def _rows(events: list[Any]) -> tuple[np.typing.NDArray[np.int64], np.typing.NDArray[np.float64]]:
    latest = {event.step: event.value for event in events if np.isfinite(event.value)}
    steps = sorted(latest)
    return np.array(steps, dtype=np.int64), np.array([latest[step] for step in steps], dtype=np.float64)
