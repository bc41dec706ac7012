"""Schedules as arguments of the command line: their texts, their names, and what lengths with a unit mean."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.arguments import refuse_unknown
from stepsize.cli.options import number
from stepsize.errors import ArgumentError, DataError, ParseError, StepsizeError, gathered, raise_together
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse

EXAMPLE = "samples=60000,batch=256,epochs=10"
FILE = re.compile(r"[^\s()'\"]+\.[a-z]\w*", re.IGNORECASE)  # the path of a file, and not the text of a schedule
EPOCHS = re.compile(r"""["'][\d. ]+(?:ep|[kMBT]?(?:sp|tok)) *["']""")  # a length in epochs, samples or tokens

HorizonText = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="NAME=VALUE,...",
        help=(
            'What lengths such as "3ep", "500ksp", "10%" and "rest" mean; "10%" and "rest" also work with --steps: '
            f'{EXAMPLE}; for "2Btok", add tokens_per_sample'
        ),
    ),
]


def schedules_of(
    texts: Sequence[str], horizon: str | None, steps: int | None, functions: bool
) -> tuple[list[Schedule], int | None]:
    """The schedules of the texts or files with texts, and how long they run: `steps`, or else the horizon's, or None.

    Lengths with a unit are those of the horizon, or parts of `steps`.

    Raises:
        ArgumentError: `horizon` is not a horizon.
        DataError: there is no such file, or it is not text.
        ParseError: texts are not schedules, or have a length in epochs, samples or tokens without a horizon; names
            each.
    """
    length = None if horizon is None else horizon_of(horizon)
    texts = [_text_in(Path(text)) if FILE.fullmatch(text) else text for text in texts]
    if length is None and steps is not None:
        length = Horizon(samples=steps, batch=1, epochs=1)
        for text in texts:
            if written := EPOCHS.search(text):
                reason = f"{written[0]} needs the length of an epoch"
                raise ParseError(reason, text, written.start(), "give {horizon}", horizon=EXAMPLE)
    schedules: list[Schedule] = []
    errors: list[StepsizeError] = []
    for place, text in enumerate(texts, start=1):
        with gathered(errors):
            try:
                schedules.append(parse(text.strip(), length, functions=functions))
            except StepsizeError as error:
                raise error if len(texts) == 1 else error.about("", f"schedule {place}") from None
    raise_together(errors)
    return schedules, length.steps if steps is None and length is not None else steps


def _text_in(path: Path) -> str:
    """The text in a file.

    Raises:
        DataError: there is no such file, or it is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from None


def horizon_of(text: str, option: str = "--horizon") -> Horizon:
    """The horizon that `samples=60000,batch=256,epochs=10` describes.

    Raises:
        ArgumentError: names are unknown, missing or given twice, or values are not allowed.
    """
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


def named(text: str, read: Callable[[str], object]) -> tuple[str, str]:
    """The name, "" if there is none, and the rest of [NAME=]TEXT.

    Names and texts may both contain "=". The name ends at the first "=" after which `read` accepts the rest; if there
    is none, at the last "=" outside brackets.
    """
    parts, end = [("", text)], None
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "=":
            parts.append((_unquoted(text[:place]), text[place + 1 :].strip()))
            end = len(parts) - 1 if depth <= 0 else end
    for name, rest in parts:
        with suppress(StepsizeError):
            read(rest)
            return name, rest
    return parts[end or 0]


def _unquoted(name: str) -> str:
    """A name without blanks and a pair of quotes around it."""
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'" else name


def cut_off(schedules: Sequence[Schedule], steps: int | None) -> list[str]:
    """A note for each schedule that is longer than `steps`."""
    return [
        f"{schedule} is {schedule.steps:,} steps long; what comes after the first {steps:,} is left out"
        for schedule in schedules
        if steps is not None and steps < schedule.steps < inf
    ]


def _value(text: str) -> Any:
    """True, False or a number; another text stays as it is, for the horizon to refuse."""
    return {"true": True, "false": False}.get(text.lower(), number(text))
