"""Loss curves from wherever a path leads."""

from collections.abc import Sequence
from pathlib import Path

from stepsize.errors import DataError
from stepsize.records.csv_curves import read_csv, read_wandb
from stepsize.records.event_curves import event_folders, read_tensorboard
from stepsize.records.loss_curve import LossCurve
from stepsize.records.schema import store_file
from stepsize.records.store_curves import load_curves
from stepsize.schedules import Schedule


def read_curves(
    path: Path | str,
    *,
    step: str | None = None,
    lr: str | None = None,
    loss: str | None = None,
    schedule: Schedule | None = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in a store of the lab, in TensorBoard's event files, or in a CSV file: wherever the path leads.

    A CSV file whose first line has the columns of a Weights & Biases panel is read as `read_wandb` does, any other as
    `read_csv` does. `step`, `lr` and `loss` name columns or tags, where they are not the defaults of these readers and
    of `read_tensorboard`; `schedule`, `warmup_steps` and `jumps` are what they are there. A store needs none of them.

    Raises:
        DataError: there is nothing, or nothing that can be read; or as the readers say.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(f"there is no file or folder {place}")
    store = store_file(place) if place.is_dir() else place
    if store.suffix == ".sqlite" and store.is_file():
        return load_curves(store)
    if place.is_dir() and not event_folders(place):
        raise DataError(f"{place} holds neither the store of an experiment nor event files of TensorBoard")
    names = {"step": step, "lr": lr, "loss": loss}
    named = {word: name for word, name in names.items() if name is not None}
    if place.is_dir() or "tfevents" in place.name:
        named.pop("step", None)  # event files have steps of their own
        return read_tensorboard(place, **named, schedule=schedule, warmup_steps=warmup_steps, jumps=jumps)
    with open(place, encoding="utf-8-sig", errors="replace") as file:
        is_panel = " - " in file.readline()
    if is_panel:
        return read_wandb(place, **named, schedule=schedule, warmup_steps=warmup_steps, jumps=jumps)
    return (read_csv(place, **named, schedule=schedule, warmup_steps=warmup_steps, jumps=jumps),)
