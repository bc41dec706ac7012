"""Loss curves from TensorBoard's event files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.curves.log import Filling, Log, Rows, Schedules, curves_of, lacking
from stepsize.curves.loss_curve import LossCurve
from stepsize.errors import DataError, MissingExtraError

OWN_TAGS = {"rate", "train/loss", "train/accuracy"}
"""What `stepsize compare` writes at every point."""


def event_folders(place: Path) -> tuple[Path, ...]:
    """The folders, this one and those within it, that hold event files: a run each."""
    return tuple(sorted({file.parent for file in place.rglob("*tfevents*") if file.is_file()}))


def read_tensorboard(
    place: Path | str,
    *,
    loss: str = "train/loss",
    lr: str = "rate",
    means: bool | None = None,
    schedule: Schedules = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in a folder of TensorBoard's event files: one for each folder within it that has some.

    Where a step was logged again, after a resume, the later value counts.

    Args:
        place: the folder, or one event file.
        loss: the tag of the loss, `lr` of the rate; the defaults are those that `stepsize compare` writes.
        means: as in `read_csv`; None: True for files that `stepsize compare` wrote, which are known by their tags.
        schedule: of every run, or a mapping of the runs' names to schedules, where there is no log of the rates.
        warmup_steps: as in `read_csv`, and so is `jumps`.

    Raises:
        DataError: there are no event files, or one lacks a tag; or as `read_csv`.
        MissingExtraError: TensorBoard is not installed.
    """
    return curves_of(event_logs(Path(place), loss, lr, means), Filling(schedule, warmup_steps, jumps))


def event_logs(place: Path, loss: str, lr: str, means: bool | None) -> list[Log]:
    """What was logged in each folder of event files."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("TensorBoard", "tensorboard") from error
    runs = (place,) if place.is_file() else event_folders(place)
    if not runs:
        raise DataError(f"there are no event files of TensorBoard in {place}")
    logs = []
    for run in runs:
        events = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        tags = events.Tags()["scalars"]
        if loss not in tags:
            raise DataError(f"{run} {lacking('scalar', loss, tags, 'loss')}")
        losses = _rows(run, loss, events.Scalars(loss))
        rates = _rows(run, lr, events.Scalars(lr)) if lr in tags else None
        name = run.stem if place.is_file() else run.relative_to(place).as_posix()
        no_rates = lacking("scalar", lr, tags, "lr")
        log = Log(str(run), place.name if name == "." else name, *losses, rates, no_rates=no_rates)
        are_means = set(tags) >= OWN_TAGS if means is None else means
        logs.append(log.of_means() if are_means else log)
    return logs


def _rows(run: Path, tag: str, events: list[Any]) -> Rows:
    latest = {event.step: event.value for event in events}
    for step, value in latest.items():
        if not np.isfinite(value):
            raise DataError(
                f"{run}: {tag} is {value:g} at step {step}, as of a run that diverged; leave the run out, and name "
                "the folders of the others"
            )
    steps = sorted(latest)
    return np.array(steps, dtype=np.int64), np.array([latest[step] for step in steps], dtype=np.float64)
