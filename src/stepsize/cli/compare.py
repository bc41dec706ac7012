"""`stepsize compare`: train under several schedules and put the results side by side."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepsize.cli.options import (
    Accumulation,
    BatchSize,
    Device,
    Functions,
    OptimizerName,
    TaskName,
    seeds_of,
)
from stepsize.cli.schedules import named
from stepsize.errors import ArgumentError, DataError, RunError

if TYPE_CHECKING:
    from stepsize.lab.report.summary_table import SummaryTable

_TABLE_WIDTH = 78


def compare(
    context: typer.Context,
    experiment: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="An experiment as TOML, as `stepsize init` writes one; options given beside it win."
        ),
    ] = None,
    schedule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TEXT", help="A schedule by name, e.g. 'cos=Cosine(0.2, 0.02, \"100%\")'; repeatable."
        ),
    ] = None,
    task: TaskName = "fashion-mnist",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set.")] = 3,
    seeds: Annotated[str, typer.Option(metavar="N,N,...", help="One run of each schedule for every seed.")] = "0",
    batch_size: BatchSize = 256,
    accumulation: Accumulation = 1,
    optimizer: OptimizerName = "sgd",
    device: Device = "auto",
    tune_peak: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Give each schedule its own best peak rate first, found in N trials."),
    ] = 0,
    engine: Annotated[
        str, typer.Option(metavar="auto|local|stacked|ray", help="What makes the runs: processes, one program, Ray.")
    ] = "auto",
    functions: Functions = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new directory for the results. [default: runs/<date and time>]"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the comparison in DIR, from its checkpoints.")
    ] = None,
    elsewhere: Annotated[
        bool, typer.Option("--elsewhere", help="Resume even on another machine or PyTorch: the bits may differ.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files for TensorBoard too, while the runs go on.")
    ] = False,
) -> None:
    """Train under several schedules, on equal terms, and put the results side by side.

    Without options: six schedules on Fashion-MNIST, 3 epochs, one seed. Lengths in a schedule's text may have a
    unit: "1ep" (epochs), "30%" (of the run), and once "rest".
    """
    from stepsize import lab  # late: it loads PyTorch, which `stepsize --help` need not wait for
    from stepsize.lab.experiment_file import with_its_place

    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    if resume is not None and given - {"resume", "elsewhere", "tensorboard"}:
        raise ArgumentError("--resume DIR goes on with what was begun there; give no other setting beside it")
    asked = {} if experiment is None else vars(lab.read_experiment(experiment))
    options = {
        "schedules": None if schedule is None else tuple(map(named, schedule)),
        "task": task,
        "epochs": epochs,
        "seeds": seeds_of(seeds),
        "batch_size": batch_size,
        "accumulation": accumulation,
        "optimizer": optimizer,
        "device": device,
        "engine": engine,
        "tune_peak": tune_peak,
        "functions": functions,
    }
    words = {"schedules": "schedule"}
    overruled = {name: value for name, value in options.items() if words.get(name, name) in given}
    if str(asked.get("optimizer", "")).lower() != optimizer.lower() and "optimizer" in overruled:
        overruled["optimizer_args"] = ()  # the file's are those of another
    asked = {**asked, **overruled}
    signal.signal(signal.SIGTERM, _terminated)  # a polite end, as by Ctrl-C
    try:
        if resume is None:
            comparison = lab.compare(lab.Experiment(**asked), out, tensorboard=tensorboard)
        else:
            comparison = lab.resume(resume, tensorboard=tensorboard, elsewhere=elsewhere)
    except (ArgumentError, DataError, RunError) as error:
        if experiment is None:
            raise
        raise with_its_place(experiment, error, overruled) from error
    except KeyboardInterrupt as interrupt:
        print(f"stepsize: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        raise typer.Exit(128 + (signal.SIGTERM if isinstance(interrupt, _Terminated) else signal.SIGINT)) from None
    console = Console()
    # In a narrower terminal the lines of the table wrap; columns that are squeezed or gone would be worse.
    wide = Console(width=max(console.width, _TABLE_WIDTH))
    for trial in comparison.trials:
        if trial.chosen:
            wide.print(Text(f"{trial.schedule}: of its trials, {trial.factor:g} times the rates came out best"))
    table = comparison.table.narrow()
    wide.print(_table(table))
    for note in table.notes:
        wide.print(Text(note))
    print(f"Report and picture: {comparison.directory}")


class _Terminated(KeyboardInterrupt):
    """By SIGTERM."""


def _terminated(*_: object) -> None:
    raise _Terminated


def _table(summary: "SummaryTable") -> Table:
    table = Table(box=None, pad_edge=False)
    for index, column in enumerate(summary.columns):
        table.add_column(Text(column), justify="right" if index else "left", no_wrap=index > 0)
    for line in summary.lines:
        table.add_row(*(Text(cell) for cell in line))
    return table
