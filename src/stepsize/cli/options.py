"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from stepsize.errors import ArgumentError

N = TypeVar("N", int, float)

Functions = Annotated[
    bool,
    typer.Option("--functions", help='Read Function("package.module:name"), which imports and runs that code.'),
]
PictureFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the picture to FILE.png or FILE.svg.")
]
TaskName = Annotated[
    str,
    typer.Option(
        "--task",
        "--data",
        metavar="NAME|FOLDER",
        help="What to train: fashion-mnist, digits, stdlib-lm, a folder with Fashion-MNIST's files, or a function "
        "of yours as package.module:function or file.py:function.",
    ),
]
OptimizerName = Annotated[str, typer.Option(help="Any optimizer of torch.optim: sgd, adamw, ...")]
BatchSize = Annotated[int, typer.Option(min=1, help="Samples in a micro-batch.")]
Accumulation = Annotated[int, typer.Option("--accumulate", min=1, metavar="K", help="Micro-batches to an update.")]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to train.")]


def numbers_of(option: str, text: str, kind: type[N], example: str) -> tuple[N, ...]:
    """The numbers in `0,1,2`.

    Raises:
        ArgumentError: some part is not a number of this kind.
    """
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        words = "whole numbers" if kind is int else "numbers"
        raise ArgumentError(option, "", f"{words} between commas", text, f"write e.g. {example}") from None
