"""Loss curves from paths to logs of any known format."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from stepsize.curves.csv_logs import CsvTable, csv_logs
from stepsize.curves.log import Log, ReadOptions, Schedules, curves_of
from stepsize.curves.loss_curve import LossCurve
from stepsize.curves.store_logs import store_at, store_logs
from stepsize.curves.tensorboard_logs import event_folders, tensorboard_logs
from stepsize.curves.wandb_logs import is_panel, wandb_logs
from stepsize.errors import ArgumentError, DataError, StepsizeError, gathered


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
    """Read the loss curves at paths: stores of the lab, TensorBoard's event files, or CSV files.

    The format of each path is recognized. A CSV file with the columns of a Weights & Biases panel is read as
    `read_wandb` does, any other as `read_csv` does. Runs of a store, or of its `write_csv`, have the rates of their
    schedule if that is a text; runs that diverged are left out. Runs of one name have their path added to it.

    Args:
        paths: one or several.
        rates: the export of the panel of the rate, if the panel of the loss is among the paths.
        step: the name of the column of steps, `lr` of the column or tag of rates, `loss` of losses; the defaults of
            `read_csv`, `read_wandb` and `read_tensorboard` if None.
        means: as in these.
        schedule: of the runs without one of their own, or a mapping from names of runs to schedules.
        warmup_steps: as in `read_csv`, for every log with unknown first rates.
        jumps: as in `read_csv`; each must be in one of the logs.

    Raises:
        DataError: a path does not exist or cannot be read; or as the readers say.
        ArgumentError: a path is given twice, `rates` is given without a panel, or a schedule for an unknown run.
    """
    places = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    options = ReadOptions(step, lr, loss, means, schedule, warmup_steps, jumps, rates)
    return tuple(curve for _, curve in curves_at(places, options))


def curves_at(places: Sequence[Path], options: ReadOptions) -> list[tuple[Path, LossCurve]]:
    """The curves at the paths, each with its path."""
    errors: list[StepsizeError] = []
    found: list[tuple[Path, Log]] = []
    panels = 0
    for place, times in Counter(places).items():
        if times > 1:
            errors.append(ArgumentError("read_curves", "paths", "different from one another", place))
        with gathered(errors):
            if (store := store_at(place)) is not None:
                logs = store_logs(store)
            elif _has_events(place):
                logs = tensorboard_logs(place, options)
            else:
                table = CsvTable.read(place)
                panel = is_panel(table, options)
                panels += panel
                logs = wandb_logs(table, options) if panel else csv_logs(table, options)
            found += [(place, log) for log in logs]
    if options.rates is not None and not panels and not errors:
        rule = "given with the export of a panel of the loss"
        raise ArgumentError("read_curves", "rates", rule, Path(options.rates), "none of the paths is one")
    curves = curves_of([log for _, log in found], options, errors)
    named = Counter(curve.name for curve in curves)
    return [
        (place, replace(curve, name=f"{curve.name}, {place}") if named[curve.name] > 1 else curve)
        for curve, (place, _) in zip(curves, found, strict=True)
    ]


def _has_events(place: Path) -> bool:
    """Whether a path leads to event files or else may be a CSV file; DataError if it is neither."""
    if not place.exists():
        raise DataError(f"there is no file or folder {place}")
    if place.is_dir() and not event_folders(place):
        raise DataError(f"{place} holds neither the store of an experiment nor event files of TensorBoard")
    return place.is_dir() or "tfevents" in place.name
