"""Options that several verbs share, and what their output can show."""

import sys
from typing import Annotated

import typer

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
