"""Options that several verbs share."""

from typing import Annotated

import typer

Functions = Annotated[
    bool,
    typer.Option("--functions", help='Read Function("package.module:name"), which imports and runs that code.'),
]
