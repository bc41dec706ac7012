"""`stepsize compare`: train under several schedules and compare the results."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.arguments import SEEDS, Choice, Count, Maybe, Number, Whole, nearest
from stepsize.cli.options import (
    Accumulation,
    BatchSize,
    Device,
    Functions,
    OptimizerName,
    Seeds,
    TaskName,
    numbers,
    numeric,
    typed,
)
from stepsize.cli.screen import print_table
from stepsize.cli.verb import typed_in
from stepsize.errors import ArgumentError, DataError, StepsizeError, visible
from stepsize.processes import start_server
from stepsize.schedules.named_text import named

PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".html")


def _schedules(owner: str, name: str, texts: Sequence[str]) -> Any:
    """The rule of NAME=TEXT; lengths and functions are read later, by the experiment."""
    from stepsize.lab.names import check_text, named_schedules  # late: other verbs need not have the extra lab

    return named_schedules(owner, name, _named(texts, partial(check_text, owner, name)))


def _feedback(owner: str, name: str, texts: Sequence[str]) -> Any:
    """The rule of NAME=TEXT, which names a schedule."""
    from stepsize.lab.experiment_rules import named_feedback  # late: they load PyTorch
    from stepsize.pytorch import Plateau

    return named_feedback(owner, name, _named(texts, Plateau.parse))


def _named(texts: Sequence[str], read: Callable[[str], object]) -> list[tuple[str, str]]:
    """The names and the texts; a text without a name is its own name."""
    return [(name or text, text) for name, text in (named(each, read) for each in texts)]


def _file(owner: str, name: str, path: Path) -> Path:
    """The rule of an experiment file, which is looked for before PyTorch is loaded."""
    if not path.exists():
        advice = "a schedule is given as {schedule}" if "(" in path.name else ""
        advice = advice or nearest(path.name, os.listdir(path.parent) if path.parent.is_dir() else ())
        raise DataError(f"no such file: {path}", advice or "`stepsize init FILE` writes one", schedule=...)
    if path.is_dir():
        raise DataError(
            f"{path} is a folder", "name an experiment file, or continue a comparison with {resume}", resume=path
        )
    return path


def _directory(owner: str, name: str, path: Path) -> Path:
    if path.suffix.lower() in PICTURES:
        raise ArgumentError(owner, name, "a directory", str(path), "it will have the picture comparison.png")
    return path


def _named_texts(help: str) -> Any:
    """An option that takes NAME=TEXT, again and again; the rule beside it reads the text."""
    return typer.Option(parser=str, metavar="NAME=TEXT", help=f"{help}; repeatable.")


def compare(
    context: typer.Context,
    experiment: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="An experiment file in TOML, as `stepsize init` writes it; options override it."
        ),
        Maybe(_file),
    ] = None,
    schedule: Annotated[
        list[Any] | None, _named_texts("A schedule by name, e.g. 'cos=Cosine(0.2, 0.02, \"100%\")'"), _schedules
    ] = None,
    feedback: Annotated[
        list[Any] | None,
        _named_texts("Feedback on the rates of the schedule NAME, e.g. 'flat=Plateau(factor=0.5, patience=2)'"),
        _feedback,
    ] = None,
    task: TaskName = "fashion-mnist",
    epochs: Annotated[Count, numeric("N", "Passes over the training set.")] = 3,
    seeds: Seeds = "0",
    batch_size: BatchSize = None,
    accumulation: Accumulation = 1,
    steps: Annotated[
        int | None,
        numeric("N", "Updates of a run, for a training loop, a command, or a loader without a length."),
        Maybe(Whole(1)),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="A program that trains one run, instead of a task, e.g. 'python train.py --rates {rates} "
            "--seed {seed} --out {folder}'; also {schedule}, {name}, {steps}.",
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The metric on which the runs are judged first, e.g. test_loss.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(metavar="min|max", help="Which values of --metric are better, for a metric of your own."),
        Maybe(Choice(("min", "max"))),
    ] = None,
    timeout: Annotated[
        float | None,
        numeric(
            "SECONDS", "How long a training loop of your own, or a command, may log nothing before it counts as failed."
        ),
        Maybe(Number(above=0.0)),
    ] = None,
    optimizer: OptimizerName = "sgd",
    device: Device = "auto",
    until_told: Annotated[
        bool,
        typer.Option(
            "--until-told",
            help="Add seeds in rounds until each difference to the first schedule is told apart from zero.",
        ),
    ] = False,
    most_seeds: Annotated[int, numeric("N", "The most seeds that --until-told may use."), Whole(2)] = 20,
    margin: Annotated[
        float | None,
        numeric("X", "A difference that does not matter: --until-told also accepts one that is shown to be smaller."),
        Number(above=0.0),
    ] = None,
    tune_peak: Annotated[
        int, numeric("N", "First find the best peak rate of each schedule, in N trials."), Whole(0)
    ] = 0,
    engine: Annotated[
        str,
        typer.Option(
            metavar="auto|local|stacked|ray",
            help="What trains the runs: local (a process each), stacked (one program), ray (a cluster).",
        ),
        Choice(("auto", "local", "stacked", "ray")),
    ] = "auto",
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Also print the difference of every schedule to every other.")
    ] = False,
    functions: Functions = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new directory for the results. [default: runs/<date and time>]"),
        _directory,
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Continue the comparison in DIR from its checkpoints.")
    ] = None,
    add_seeds: Annotated[Any, typed("N,N,...", "With --resume: add seeds, e.g. 5..9.", numbers), SEEDS] = None,
    add_schedule: Annotated[list[Any] | None, _named_texts("With --resume: add a schedule"), _schedules] = None,
    elsewhere: Annotated[
        bool,
        typer.Option(
            "--elsewhere",
            help="Resume even if the machine, Python, PyTorch or the data have changed, so that results may differ.",
        ),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write event files for TensorBoard, during training.")
    ] = False,
) -> None:
    """Train under several schedules and compare the results.

    Without options: six schedules on Fashion-MNIST, 3 epochs, one seed. A length in a schedule's text may have a
    unit, as in "1ep" (epochs) and "30%" (of the run). One length may be "rest".
    """
    given = typed_in(context)
    of_a_resume = {"elsewhere", "add_seeds", "add_schedule"}
    if resume is not None and (others := given - of_a_resume - {"resume", "tensorboard", "all_pairs"}):
        typed = {each.name: each.opts[0] for each in context.command.params} | {"experiment": "FILE"}
        named_here = [word for name, word in typed.items() if name in others]
        rule = "given without settings, which are those of the comparison"
        raise ArgumentError("--resume", "", rule, None, f"leave out {', '.join(named_here)}")
    if resume is None and (alone := given & of_a_resume):
        option = f"--{min(alone).replace('_', '-')}"
        raise ArgumentError(option, "", "given together with --resume", None)
    start_server()  # while this process loads PyTorch, so does the server of the workers
    from stepsize import lab  # late: it loads PyTorch, which a wrong word need not wait for
    from stepsize.lab.experiment_file import locate

    asked = {} if experiment is None else vars(lab.read_experiment(experiment))
    settings = {each.name for each in fields(lab.Experiment)}
    overruled = {name: value for name, value in context.params.items() if name in given & settings}
    if schedule is not None:
        overruled["schedules"] = schedule
    if str(asked.get("optimizer", "")).lower() != optimizer.lower() and "optimizer" in overruled:
        overruled["optimizer_args"] = ()  # the file's belong to another optimizer
    asked = {**asked, **overruled}
    signal.signal(signal.SIGTERM, _terminated)  # a polite end, as by Ctrl-C
    try:
        if resume is None:
            comparison = lab.compare(lab.Experiment(**asked), out, tensorboard=tensorboard)
        elif add_seeds or add_schedule:
            comparison = lab.extend(
                resume,
                seeds=add_seeds or (),
                schedules=tuple(add_schedule or ()),
                tensorboard=tensorboard,
                elsewhere=elsewhere,
            )
        else:
            comparison = lab.resume(resume, tensorboard=tensorboard, elsewhere=elsewhere)
    except StepsizeError as error:
        if experiment is not None:
            locate(error, experiment, overruled)
        raise
    for trial in comparison.trials:
        if trial.chosen:
            print(f"{trial.schedule}: {trial.factor:g} times its rates was the best trial")
    tables: list[tuple[Any, Sequence[int]]] = [(comparison.table.narrow(), [0])]
    if all_pairs:
        tables.append((comparison.all_pairs, [0, 1, 4]))
    for table, left in tables:
        print_table(table.columns, table.lines, left=left)
        for note in table.notes:
            print(visible(note))
    print(f"Report and picture: {comparison.directory}")


class Terminated(KeyboardInterrupt):
    """By SIGTERM."""


def _terminated(*_: object) -> None:
    raise Terminated
