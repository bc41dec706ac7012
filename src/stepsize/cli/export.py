"""`stepsize export`: figures, tables and methods of a comparison, for a paper."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.arguments import Maybe, Number
from stepsize.cli.options import numeric, typed
from stepsize.errors import ArgumentError

INCHES = {"in": 1.0, "mm": 1 / 25.4, "cm": 1 / 2.54, "pt": 1 / 72.27}
"""Units of a width; pt is TeX's point, in which \\the\\columnwidth is written."""


def _inches(owner: str, name: str, text: str) -> float:
    found = re.fullmatch(rf"(\d+\.?\d*|\.\d+) ?({'|'.join(INCHES)})", text, re.ASCII)
    if found is None:
        raise ArgumentError(owner, name, "a width with a unit, such as 3.3in, 84mm, 8.4cm or 240pt", text)
    return float(found[1]) * INCHES[found[2]]


def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The directory of a comparison, or its store.sqlite.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder for the files, made if needed. [default: DIR/paper]")
    ] = None,
    two_columns: Annotated[
        bool, typer.Option("--two-columns", help="Make figures and tables as wide as two columns, not one.")
    ] = False,
    width: Annotated[
        Any,
        typed(
            "WIDTH", "The width of the figures: 3.3in, 84mm, 8.4cm, 240pt. [default: 3.3in, or 6.75in for two columns]"
        ),
        Maybe(_inches),
    ] = None,
    font: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The font of the figures: serif, sans-serif, monospace, or the name of a font."
        ),
    ] = "serif",
    font_size: Annotated[float, numeric("PT", "The size of all letters in the figures."), Number()] = 8.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier export.")] = False,
) -> None:
    """Write figures, tables and methods of a comparison for a paper.

    The figures are in PDF and SVG, the tables in LaTeX and CSV, and the methods in words. No code that the results
    name is imported or run.
    """
    from stepsize import lab  # late: it loads PyTorch

    exported = lab.export(
        directory,
        out,
        two_columns=two_columns,
        width=width,
        font=font,
        font_size=font_size,
        overwrite=overwrite,
    )
    for path in exported.files:
        print(path)
    for note in exported.notes:
        print(note)
    tables = ", ".join(rf"\input{{{path.stem}}}" for path in exported.files if path.stem.startswith("table-"))
    figures = ", ".join(rf"\includegraphics{{{path.name}}}" for path in exported.files if path.suffix == ".pdf")
    print(rf"In LaTeX: \usepackage{{booktabs}} for {tables}")
    print(rf"          \usepackage{{graphicx}} for {figures}")
