"""Loss curves from CSV files: a row for each logged step, the export of a store, or of a Weights & Biases panel."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stepsize.arguments import quoted
from stepsize.errors import DataError
from stepsize.records.csv_table import CsvTable
from stepsize.records.log import Log, lacking, schedule_of
from stepsize.records.logged_rates import Filling, Schedules, curves_of
from stepsize.records.loss_curve import LossCurve


def read_csv(
    path: Path | str,
    *,
    step: str = "step",
    lr: str | None = "lr",
    loss: str = "loss",
    name: str | None = None,
    means: bool | None = None,
    schedule: Schedules = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> LossCurve:
    """The loss curve in a CSV file with a row for each logged step.

    Rows without a loss are left out. The rates of the first steps are known where the log begins at step 0 or 1, or
    with rates that rise in a straight line from 0; any other wants `warmup_steps` or `schedule`.

    Args:
        path: a file whose first line names the columns.
        step: the name of the column of steps, `lr` of rates (None: not looked for), `loss` of losses.
        name: of the curve; the file's own if None.
        means: what a row at step s tells. False: the loss and the rate of update s, the first of which is 0. True: it
            was written when s updates were done, and has the mean loss of those since the row before, which stands at
            the middle of them, and the rate of the last. None: True for what `Results.write_csv` wrote, else False.
        schedule: of the run, from which the rates are taken; those of the file must agree with it.
        warmup_steps: before its first row the rate rose in a straight line from 0 over so many steps, and was then
            held; 0: it was held from the start. Not looked at where the first steps are known.
        jumps: the steps from which on the rate was suddenly another; between any other rows it went straight.

    Raises:
        DataError: the file cannot be read, is empty, or lacks a column; a step is repeated, smaller than the one
            before, or too large for one; a loss or a rate is no number; the rates disagree with the schedule; the
            rates of the first steps are not known; the rate does not jump at one of `jumps`.

    Example:
        >>> import io, tempfile, pathlib
        >>> from stepsize.records import read_csv
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "run.csv"
        ...     _ = path.write_text("step,rate,loss\\n0,0.2,4.0\\n2,0.1,3.0\\n")
        ...     read_csv(path, lr="rate").rates
        array([0.2 , 0.15, 0.1 ])
    """
    logs = csv_logs(CsvTable.read(path), step, lr, loss, means)
    if len(logs) > 1:
        raise DataError(f"{path} has the rows of {len(logs)} runs; read_curves() reads them all")
    log = logs[0] if name is None else replace(logs[0], name=name)
    return curves_of([log], Filling(schedule, warmup_steps, jumps))[0]


def read_wandb(
    path: Path | str,
    rates: Path | str | None = None,
    *,
    step: str = "Step",
    lr: str = "lr",
    loss: str = "loss",
    means: bool = False,
    schedule: Schedules = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """The loss curves in the CSV export of a Weights & Biases panel, one for each run in it.

    A panel has a column "<run> - <metric>" for each run, beside its __MIN and __MAX, which are left out. Panels have
    one metric each, so that the rates usually stand in a file of their own.

    Args:
        path: the export of the panel of the loss.
        rates: the export of the panel of the rate; None where it is the same file, or a schedule is given.
        step: the name of the column of steps.
        lr: the metric of the rate, `loss` of the loss; what stands before the last "/" may be left out where that is
            enough to know it by.
        means: as in `read_csv`, and so are `warmup_steps` and `jumps`; the Trainer of transformers logs means.
        schedule: of every run, or a mapping of the runs' names to schedules, where there is no log of the rates.

    Raises:
        DataError: as `read_csv`; or no column has the metric, or several of one run have it.
    """
    logs = panel_logs(CsvTable.read(path), None if rates is None else CsvTable.read(rates), step, lr, loss, means)
    return curves_of(logs, Filling(schedule, warmup_steps, jumps))


def csv_logs(table: CsvTable, step: str, lr: str | None, loss: str, means: bool | None) -> list[Log]:
    """What was logged in a CSV file: of one run, or, in what `Results.write_csv` wrote, of several."""
    if table.is_exported:
        return _exported_logs(table, "train_loss" if loss == "loss" else loss, means is not False)
    if lr is not None and lr in table.names:
        rates, lack = table.pairs(step, lr, "lr"), ""
    else:
        rates, lack = None, lacking("column", lr or "lr", table.names, "lr")
    log = Log(str(table.path), table.path.stem, *table.pairs(step, loss, "loss"), rates, no_rates=lack)
    return [log.of_means() if means else log]


def panel_logs(
    table: CsvTable, of_rates: CsvTable | None, step: str, lr: str, loss: str, means: bool | None
) -> list[Log]:
    """What was logged of each run in the export of a panel."""
    columns = table.metric(loss, "loss")
    if not columns:
        raise DataError(f"{table.path} {lacking('metric', loss, table.metrics, 'loss')}")
    beside = of_rates or table
    rate_columns = beside.metric(lr, "lr")
    lack = lacking("metric", lr, beside.metrics, "lr")
    logs = []
    for run, column in columns.items():
        losses = table.pairs(step, column, "loss")
        rates = beside.pairs(step, rate_columns[run], "lr") if run in rate_columns else None
        log = Log(f"{table.path}, run {quoted(run)}", run, *losses, rates, no_rates=lack)
        logs.append(log.of_means() if means else log)
    return logs


def _exported_logs(table: CsvTable, loss: str, means: bool) -> list[Log]:
    """What a store had logged of each run; diverged ones are left out, as of the store."""
    runs = [part for part in table.by("run").values() if part.first("status") != "diverged"]
    if not runs:
        raise DataError(f"{table.path} has no run with a loss curve")
    several = len({part.first("seed") for part in runs}) > 1
    logs = []
    for part in runs:
        name, text, seed = map(part.first, ("name", "schedule", "seed"))
        rates = part.pairs("step", "lr", "lr") if "lr" in part.names else None
        label = f"{name}, seed {seed}" if several else name
        losses = part.pairs("step", loss, "loss")
        log = Log(f"{table.path}, {label}", label, *losses, rates, schedule=schedule_of(text))
        logs.append(log.of_means() if means else log)
    return logs
