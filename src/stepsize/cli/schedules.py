"""Schedules as arguments of the command line: what lengths with a unit mean."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from math import inf
from typing import Annotated, Any

import typer

from stepsize.arguments import refuse_unknown
from stepsize.cli.options import number
from stepsize.errors import ArgumentError, ParseError, StepsizeError, gathered, raise_together
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule

EXAMPLE = "samples=60000,batch=256,epochs=10"
EPOCHS = re.compile(r"""["'][\d. ]+(?:ep|[kMBT]?(?:sp|tok)) *["']""")  # a length in epochs, samples or tokens

HorizonText = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="NAME=VALUE,...",
        help=(
            f'The length of the run, e.g. {EXAMPLE}. It gives a meaning to lengths such as "3ep", "500ksp", "10%" and '
            '"rest"; for "2Btok", add tokens_per_sample. With --steps alone, only "10%" and "rest" have a meaning.'
        ),
    ),
]


def length_of(text: str, horizon: str | None, steps: int | None) -> Horizon | None:
    """What lengths with a unit in a text mean: parts of the horizon, or else of `steps`; None if neither is given.

    ParseError if there is a length in epochs, samples or tokens, and no horizon.
    """
    if horizon is not None:
        return horizon_of(horizon)
    if steps is None:
        return None
    if written := EPOCHS.search(text):
        reason = f"{written[0]} needs the length of an epoch"
        raise ParseError(reason, text, written.start(), "give {horizon}", horizon=EXAMPLE)
    return Horizon(samples=steps, batch=1, epochs=1)


def horizon_of(text: str, option: str = "--horizon") -> Horizon:
    """The horizon that `samples=60000,batch=256,epochs=10` describes; ArgumentError if it is none."""
    known = {field.name: field for field in fields(Horizon)}
    given = assignments(option, text, EXAMPLE)
    errors: list[StepsizeError] = []
    with gathered(errors):
        refuse_unknown(option, given, known)
    missing = [name for name, field in known.items() if field.default is MISSING and name not in given]
    if missing and not errors:  # a misspelled name may be a missing one
        lacking = f"given {' and '.join(missing)} too"
        errors.append(ArgumentError(option, "", lacking, text, f"write e.g. {EXAMPLE}"))
    raise_together(errors)
    try:
        return Horizon(**{name: _value(value) for name, value in given.items()})
    except StepsizeError as error:
        for each in error.problems:
            each.owner, each.argument = "", f"{option} {each.argument}"
        raise


def assignments(option: str, text: str, example: str) -> dict[str, str]:
    """The names and values in NAME=VALUE,...; each name once. A comma belongs to a value unless a name follows it."""
    found: dict[str, str] = {}
    for part in re.split(r",(?=\s*\w+\s*=)", text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise ArgumentError(option, "", "NAME=VALUE,...", text, f"write e.g. {example}")
        if name in found:
            raise ArgumentError(option, "", "given each name once", text)
        found[name] = value
    return found


def cut_off(schedules: Mapping[str, Schedule], steps: int | None) -> list[str]:
    """A note for each schedule that is longer than `steps`."""
    return [
        f"{name} is {schedule.steps:,} steps long; what comes after the first {steps:,} is left out"
        for name, schedule in schedules.items()
        if steps is not None and steps < schedule.steps < inf
    ]


def _value(text: str) -> Any:
    """True, False or a number; another text stays as it is, for the horizon to refuse."""
    return {"true": True, "false": False}.get(text.lower(), number(text))
