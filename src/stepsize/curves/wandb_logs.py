"""Loss curves from CSV exports of Weights & Biases panels."""

from collections.abc import Sequence
from pathlib import Path

from stepsize.curves.csv_logs import CsvTable
from stepsize.curves.log import Log, ReadOptions, Schedules, curves_of, missing, quoted_list
from stepsize.curves.loss_curve import LossCurve
from stepsize.errors import DataError, quoted


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
    """Read the loss curves in the CSV export of a Weights & Biases panel, one for each run.

    A panel has a column "<run> - <metric>" for each run, and columns __MIN and __MAX, which are ignored. A panel has
    one metric, so the rates are usually in a file of their own.

    Args:
        path: the export of the panel of the loss.
        rates: the export of the panel of the rate; None if it is the same file or a schedule is given.
        step: the name of the column of steps.
        lr: the metric of the rate, `loss` of the loss; the part up to the last "/" may be left out if the rest is
            unique.
        means: as in `read_csv`, like `warmup_steps` and `jumps`; the Trainer of transformers logs means.
        schedule: of every run, or a mapping from names of runs to schedules.

    Raises:
        DataError: as `read_csv`; or no column has the metric, or several of one run have it.
    """
    options = ReadOptions(step, lr, loss, means, schedule, warmup_steps, jumps, rates, "read_wandb")
    return curves_of(wandb_logs(CsvTable.read(path), options), options)


def is_panel(table: CsvTable, options: ReadOptions) -> bool:
    """Whether a table has columns "<run> - <metric>" and none of a plain log."""
    names = table.names
    return (options.step or "Step") in names and (options.loss or "loss") not in names and bool(_measured(table))


def wandb_logs(table: CsvTable, options: ReadOptions) -> list[Log]:
    """The logs of the runs in the export of a panel."""
    step, lr, loss = options.step or "Step", options.lr or "lr", options.loss or "loss"
    columns = _columns(table, loss, "loss")
    if not columns:
        raise missing(str(table.path), "metric", "loss", loss, _metrics(table))
    beside = table if options.rates is None else CsvTable.read(options.rates)
    for each in (table, beside):
        if step not in each.names:
            raise missing(str(each.path), "column", "step", step, each.names)
    rate_columns = _columns(beside, lr, "lr")
    logs = []
    for run, column in columns.items():
        losses = table.pairs(step, column)
        rates = beside.pairs(step, rate_columns[run]) if run in rate_columns else None
        source = f"{table.path}, run {quoted(run)}"
        log = Log(source, run, *losses, rates, missing(source, "metric", "lr", lr, _metrics(beside)))
        logs.append(log.of_means() if options.means else log)
    return logs


def _measured(table: CsvTable) -> list[tuple[str, str]]:
    """The run and the metric of every column "<run> - <metric>"."""
    pairs = [(run, metric) for run, dash, metric in (name.rpartition(" - ") for name in table.names) if dash]
    return [pair for pair in pairs if not pair[1].endswith(("__MIN", "__MAX"))]


def _metrics(table: CsvTable) -> list[str]:
    return list(dict.fromkeys(metric for _, metric in _measured(table)))


def _columns(table: CsvTable, metric: str, word: str) -> dict[str, str]:
    """The column of a metric for each run; `word` is the argument that names the metric."""
    found: dict[str, list[str]] = {}
    for run, measured in _measured(table):
        if metric in (measured, measured.rpartition("/")[2]):
            found.setdefault(run, []).append(measured)
    for run, several in found.items():
        if metric not in several and len(several) > 1:
            raise DataError(
                f"{table.path} has several metrics of run {quoted(run)} that end in {quoted(metric)}: "
                f"{quoted_list(several)}",
                f"name one in full with {{{word}}}",
                **{word: several[0]},
            )
    return {run: f"{run} - {metric if metric in several else several[0]}" for run, several in found.items()}
