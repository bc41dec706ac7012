"""Loss curves from wherever paths lead."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stepsize.curves.csv_logs import CsvTable, csv_logs, panel_logs
from stepsize.curves.event_logs import event_folders, event_logs
from stepsize.curves.log import Filling, Log, Schedules, curves_of
from stepsize.curves.loss_curve import LossCurve
from stepsize.curves.store_logs import store_at, store_logs
from stepsize.errors import ArgumentError, DataError


def read_curves(
    paths: Path | str | Iterable[Path | str],
    *,
    rates: Path | str | None = None,
    step: str | None = None,
    lr: str | None = None,
    loss: str | None = None,
    means: bool | None = None,
    schedule: Schedules = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in stores of the lab, in TensorBoard's event files, in CSV files: wherever the paths lead.

    Of a store, and of what its `write_csv` wrote, the rates are those of each run's schedule where that is a text, and
    runs that diverged are left out. A CSV file whose columns are those of a Weights & Biases panel is read as
    `read_wandb` does, any other as `read_csv` does. Runs of one name have their paths added to it.

    Args:
        paths: one, or several.
        rates: the export of the panel of the rate, where that of the loss is among the paths.
        step: the name of the column of steps, `lr` of the column or tag of rates, `loss` of losses, where they are not
            the defaults of `read_csv`, `read_wandb` and `read_tensorboard`.
        means: as in these.
        schedule: of the runs that have none, or a mapping of runs' names to schedules.
        warmup_steps: as in `read_csv`, for every log that does not say how the rate began.
        jumps: as in `read_csv`; each must be there in one of the logs.

    Raises:
        DataError: there is nothing, or nothing that can be read; or as the readers say.
        ArgumentError: a path is given twice, `rates` beside no panel, or a schedule for a run that is not there.
    """
    places = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    names = {"step": step, "lr": lr, "loss": loss}
    filling = Filling(schedule, warmup_steps, jumps)
    return tuple(curve for _, curve in curves_at(places, rates, names, means, filling))


def curves_at(
    places: Sequence[Path],
    rates: Path | str | None,
    names: Mapping[str, str | None],
    means: bool | None,
    filling: Filling,
) -> list[tuple[Path, LossCurve]]:
    """The same, each beside its path; `names` are those of `step`, `lr` and `loss`, as far as they are given."""
    for place, times in Counter(places).items():
        if times > 1:
            raise ArgumentError(f"{place} is given {times} times; give each run once")
    step, lr, loss = (names.get(word) for word in ("step", "lr", "loss"))
    tables = {place: CsvTable.read(place) for place in places if _is_csv(place)}
    panels = {place for place, table in tables.items() if table.is_panel(step or "Step", loss or "loss")}
    if rates is not None and not panels:
        raise ArgumentError(f"rates={str(rates)!r} goes with the export of a panel of the loss, and there is none")
    of_rates = None if rates is None else CsvTable.read(rates)
    found: list[tuple[Path, Log]] = []
    for place in places:
        if place in panels:
            logs = panel_logs(tables[place], of_rates, step or "Step", lr or "lr", loss or "loss", means)
        elif place in tables:
            logs = csv_logs(tables[place], step or "step", lr or "lr", loss or "loss", means)
        elif (store := store_at(place)) is not None:
            logs = store_logs(store)
        else:
            logs = event_logs(place, loss or "train/loss", lr or "rate", means)
        found += [(place, log) for log in logs]
    curves = curves_of([log for _, log in found], filling)
    called = Counter(curve.name for curve in curves)
    return [
        (place, replace(curve, name=f"{curve.name}, {place}") if called[curve.name] > 1 else curve)
        for curve, (place, _) in zip(curves, found, strict=True)
    ]


def _is_csv(place: Path) -> bool:
    """Whether a path leads to a CSV file: to neither a store nor event files.

    Raises:
        DataError: it leads to nothing.
    """
    if not place.exists():
        raise DataError(f"there is no file or folder {place}")
    if store_at(place) is not None:
        return False
    if place.is_dir() and not event_folders(place):
        raise DataError(f"{place} holds neither the store of an experiment nor event files of TensorBoard")
    return not place.is_dir() and "tfevents" not in place.name
