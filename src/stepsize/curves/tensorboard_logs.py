"""Loss curves from TensorBoard's event files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.curves.log import Log, ReadOptions, Rows, Schedules, curves_of, missing
from stepsize.curves.loss_curve import LossCurve
from stepsize.errors import DataError, MissingExtraError, raise_together

OWN_TAGS = {"rate", "train/loss", "train/accuracy"}
"""The tags that `stepsize compare` writes at every point."""


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
    """Read the loss curves in a folder of TensorBoard's event files, one for each folder within it that has some.

    If a step was logged again after a resume, the later value counts.

    Args:
        place: the folder, or one event file.
        loss: the tag of the loss, `lr` of the rate; the defaults are the tags of `stepsize compare`.
        means: as in `read_csv`; None: True for files of `stepsize compare`, which are known by their tags.
        schedule: of every run, or a mapping from names of runs to schedules.
        warmup_steps: as in `read_csv`, like `jumps`.

    Raises:
        DataError: there are no event files, or one lacks a tag; or as `read_csv`.
        MissingExtraError: TensorBoard is not installed.
    """
    options = ReadOptions(None, lr, loss, means, schedule, warmup_steps, jumps, reader="read_tensorboard")
    return curves_of(tensorboard_logs(Path(place), options), options)


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


def tensorboard_logs(place: Path, options: ReadOptions) -> list[Log]:
    """The log in each folder of event files."""
    runs = [place] if place.is_file() else event_folders(place)
    if not runs:
        raise DataError(f"there are no event files of TensorBoard in {place}")
    loss, lr = options.loss or "train/loss", options.lr or "rate"
    logs = []
    for run in runs:
        found = scalars(run)
        tags = [*found]
        no_rates = None if lr in tags else missing(str(run), "scalar", "lr", lr, tags)
        if loss not in tags:
            no_loss = missing(str(run), "scalar", "loss", loss, tags)
            raise_together([no_loss, no_rates] if no_rates and options.schedule is None else [no_loss])
        losses = _rows(run, loss, found[loss])
        rates = None if no_rates else _rows(run, lr, found[lr])
        name = run.stem if place.is_file() else run.relative_to(place).as_posix()
        log = Log(str(run), place.name if name == "." else name, *losses, rates, no_rates)
        are_means = set(tags) >= OWN_TAGS if options.means is None else options.means
        logs.append(log.of_means() if are_means else log)
    return logs


def _rows(run: Path, tag: str, events: list[Any]) -> Rows:
    latest = {event.step: event.value for event in events}
    for step, value in latest.items():
        if not np.isfinite(value):
            raise DataError(
                f"{run}: {tag} is {value:g} at step {step}, so the run diverged",
                "leave it out, and give the folders of the others",
            )
    steps = sorted(latest)
    return np.array(steps, dtype=np.int64), np.array([latest[step] for step in steps], dtype=np.float64)
