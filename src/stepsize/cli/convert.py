"""`stepsize convert`: a schedule, or the config of another tool, in the form of a tool or language."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from stepsize.arguments import Choice
from stepsize.cli.given import BaseRate, Given, Reader, RunSteps, ToolName
from stepsize.cli.options import Functions, writable
from stepsize.cli.schedules import HorizonText
from stepsize.errors import ArgumentError
from stepsize.files import write_whole
from stepsize.horizon import Horizon
from stepsize.interop.frameworks import FRAMEWORKS, WRITTEN
from stepsize.interop.writers.forms import FORMS, written

_LANGUAGE_OF = {"levanter": "optax", "maxtext": "optax", "paddle": "python"}  # of others it is PyTorch


def _form(owner: str, name: str, value: str) -> str:
    """The rule of a form; tools that have no config to write have an answer of their own."""
    rule, titles = "a form that can be written", {each.name: each.title for each in FRAMEWORKS}
    if value == "keras":
        advice = "in Python, stepsize.interop.to_keras(schedule) makes a schedule of Keras"
        raise ArgumentError(owner, name, rule, value, advice)
    if value in titles and value not in FORMS:
        advice = f"stepsize reads configs of {titles[value]} and writes none; {{form}} writes code for a training loop"
        raise ArgumentError(owner, name, rule, value, advice, form=_LANGUAGE_OF.get(value, "torch"))
    return Choice(FORMS)(owner, name, value)


def convert(
    context: typer.Context,
    schedule: Annotated[
        str, typer.Argument(metavar="TEXT|FILE", help="A schedule, or a file with a config of another tool.")
    ],
    form: Annotated[str, typer.Option("--to", metavar="|".join(FORMS), help="What to write."), _form],
    tool: ToolName = None,
    base_lr: BaseRate = None,
    horizon: HorizonText = None,
    steps: RunSteps = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to FILE, not to the terminal."), writable
    ] = None,
    functions: Functions = False,
) -> None:
    """Write a schedule or a config for another tool, or as code.

    The output has the same rate at every update. If the tool has no settings for that, nothing is written.
    """
    reader = Reader(context, tool, base_lr, horizon, steps, functions)
    (given,) = reader.read([schedule])
    text = _written(given, form, reader.run_length()).rstrip("\n") + "\n"
    if out is None:
        print(text, end="")
    else:
        write_whole(out, text.encode())
        print(out)


def _written(given: Given, form: str, run: Horizon | int | None) -> str:
    if form not in ("text", "json"):
        given.refuse_factors("convert")
    if form not in WRITTEN:
        return written(given.value, form)
    try:
        return written(given.rates, form, run)
    except ArgumentError as error:
        end = given.meaning.total_steps if given.meaning and run is None else math.inf
        if end < math.inf:
            with suppress(ArgumentError):
                written(given.rates, form, math.ceil(end))
                error.advice = "it has one for the updates of the run alone: write {horizon}"
                error.settings = {"horizon": math.ceil(end)}
        raise
