"""Options that several verbs share, and what their output can show."""

import sys
from typing import Annotated

import typer

from stepsize.errors import ArgumentError

Functions = Annotated[
    bool,
    typer.Option("--functions", help='Read Function("package.module:name"), which imports and runs that code.'),
]


def can_encode(characters: str) -> bool:
    """Whether the standard output has these characters."""
    try:
        characters.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds in `0,1,2`.

    Raises:
        ArgumentError: one of them is no whole number.
    """
    return tuple(_seed(seed) for seed in text.split(","))


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentError(f'--seeds takes whole numbers such as 0,1,2, and "{text}" is none') from None
