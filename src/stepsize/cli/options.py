"""Options that several verbs share."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.arguments import SEEDS, Count, Maybe, Whole
from stepsize.files import check_place


def number(text: Any) -> Any:
    """The number that a text is; another text stays as it is, for a rule to refuse."""
    for kind in (int, float):
        if isinstance(text, str):
            with suppress(ValueError):
                return kind(text)
    return text


def typed(metavar: str, help: str, parser: Callable[[Any], Any] = str) -> Any:
    """An option whose word the parser reads, and then the rule beside it."""
    return typer.Option(parser=parser, metavar=metavar, help=help)


def numeric(metavar: str, help: str, *names: str) -> Any:
    """An option that takes a number; the rule beside it says which."""
    return typer.Option(*names, parser=number, metavar=metavar, help=help)


def numbers(text: Any) -> Any:
    """The numbers in 0,1,2 or 0..2, or in both as 0..2,7."""
    return tuple(chain.from_iterable(map(_run_of, text.split(",")))) if isinstance(text, str) else text


def _run_of(text: str) -> Iterable[Any]:
    """The whole numbers from the first to the last in 5..9, or one number."""
    first, dots, last = text.partition("..")
    if dots and first.strip().isdecimal() and last.strip().isdecimal() and int(first) <= int(last):
        return range(int(first), int(last) + 1)
    return [number(text)]


def writable(_owner: str, _name: str, path: Path) -> Path:
    """The rule of a file to write, which is checked before the work, not after it."""
    check_place(path)
    return path


def _picture(owner: str, name: str, path: Path) -> Path:
    from stepsize import plots  # late: they load matplotlib

    _ = plots.save_figure  # says what to install if matplotlib is missing
    from stepsize.plots.figures import picture_kind

    path = inside(owner, path)
    picture_kind(path)
    return writable(owner, name, path)


def inside(owner: str, path: Path) -> Path:
    """The picture of a verb in a directory, named after the verb; another path stays as it is."""
    return path / f"{owner.split()[-1]}.png" if path.is_dir() else path


def _task(owner: str, name: str, task: str) -> str:
    from stepsize.lab.names import task_name  # late: other verbs need not have the extra lab

    return task_name(owner, name, task)


Functions = Annotated[
    bool,
    typer.Option("--functions", help='Read Function("package.module:name"), which imports and runs that code.'),
]
PictureFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE|DIR",
        help="Write the picture to FILE: .png, .svg, .pdf, .jpg or .webp; in a directory, the file is named after the "
        "verb.",
    ),
    _picture,
]
TaskName = Annotated[
    str,
    typer.Option(
        "--task",
        "--data",
        metavar="NAME|FOLDER",
        help="What to train: fashion-mnist, digits, stdlib-lm, a folder with Fashion-MNIST's files, or your own "
        "function, package.module:function or file.py:function, which makes a task or is a training loop train(run).",
    ),
    _task,
]
OptimizerName = Annotated[str, typer.Option(metavar="NAME", help="Any optimizer of torch.optim: sgd, adamw, ...")]
BatchSize = Annotated[
    int | None,
    numeric("N", "Samples in a micro-batch; 256 unless the task has loaders, which have their own."),
    Maybe(Whole(1)),
]
Accumulation = Annotated[Count, numeric("K", "Micro-batches in an update.", "--accumulate")]
Seeds = Annotated[Any, typed("N,N,...", "One run for each seed; 0..4 for 0 to 4.", numbers), SEEDS]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to train.")]
