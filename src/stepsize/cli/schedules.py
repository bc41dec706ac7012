"""Schedules as arguments of the command line: their texts, their names, and what lengths with a unit mean."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from math import inf
from typing import Annotated, Any

import typer

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, ParseError
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse

EXAMPLE = "samples=60000,batch=256,epochs=10"
EPOCHS = re.compile(r"""["'][\d. ]+ep *["']""")
"""A length in a text."""

HorizonText = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="NAME=VALUE,...",
        help=f'What lengths such as "3ep", "10%" and "rest" mean, "10%" and "rest" also of --steps: {EXAMPLE}',
    ),
]


def schedules_of(texts: Sequence[str], horizon: str | None, steps: int | None, functions: bool) -> list[Schedule]:
    """The schedules of the texts; lengths with a unit are those of the horizon, else parts of so many steps.

    Raises:
        ArgumentError: `horizon` describes none, or a length in epochs is written where it is left out.
        ParseError: a text is no schedule; of several it says which.
    """
    length = None if horizon is None else horizon_of(horizon)
    if length is None and steps is not None:
        length = Horizon(samples=steps, batch=1, epochs=1)
        if written := next(filter(None, map(EPOCHS.search, texts)), None):
            raise ArgumentError(f"{written[0]} wants to know how long an epoch is; give --horizon {EXAMPLE}")
    return [_parsed(text.strip(), length, functions, place, len(texts)) for place, text in enumerate(texts, start=1)]


def horizon_of(text: str) -> Horizon:
    """The horizon that `samples=60000,batch=256,epochs=10` describes.

    Raises:
        ArgumentError: a name is unknown, missing or given twice, or a value is none that it can have.
    """
    known = {field.name: field for field in fields(Horizon)}
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ArgumentError(f'--horizon takes NAME=VALUE,... such as {EXAMPLE}, got "{part}"')
        if name not in known:
            advice = nearest(name, known) or f"known are {', '.join(known)}"
            raise ArgumentError(f'--horizon has no "{name}"; {advice}')
        if name in given:
            raise ArgumentError(f'--horizon is given "{name}" twice')
        given[name] = _value(name, value)
    missing = [name for name, field in known.items() if field.default is MISSING and name not in given]
    if missing:
        raise ArgumentError(f"--horizon lacks {' and '.join(missing)}; write e.g. {EXAMPLE}")
    return Horizon(**given)


def named(text: str) -> tuple[str, str]:
    """The name and the text in NAME=TEXT; a text without a name is its own name."""
    name, equals, rest = text.partition("=")
    return (text, text) if not equals or "(" in name else (name, rest)


def cuts(schedules: Sequence[Schedule], steps: int | None) -> list[str]:
    """Which of the schedules last longer than so many steps, in words."""
    return [
        f"{schedule} lasts {schedule.steps:,} steps: what comes after the first {steps:,} is left out"
        for schedule in schedules
        if steps is not None and steps < schedule.steps < inf
    ]


def _value(name: str, text: str) -> float | str:
    if name == "drop_last":
        return {"true": True, "false": False}.get(text.lower(), text)
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    raise ArgumentError(f'--horizon {name} must be a number, got "{text}"')


def _parsed(text: str, horizon: Horizon | None, functions: bool, place: int, of: int) -> Schedule:
    try:
        return parse(text, horizon, functions=functions)
    except ParseError as error:
        if of > 1:
            error.reason = f"schedule {place} of {of}: {error.reason}"
        raise
