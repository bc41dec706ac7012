"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from stepsize.errors import ArgumentError

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


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds in `0,1,2`.

    Raises:
        ArgumentError: one of them is not a whole number.
    """
    return tuple(_seed(seed) for seed in text.split(","))


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentError(f'--seeds takes whole numbers such as 0,1,2, and "{text}" is none') from None
