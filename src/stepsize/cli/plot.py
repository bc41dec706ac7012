"""`stepsize plot`: schedules as a picture, in the terminal or in a file."""

from contextlib import suppress
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from stepsize.arguments import nearest
from stepsize.cli.options import Functions
from stepsize.cli.screen import form_here
from stepsize.errors import ArgumentError, ParseError
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse

EXAMPLE = "samples=60000,batch=256,epochs=10"


class PlotCommand(TyperCommand):
    """A command of which -1 * Linear(0, 0.3, 500) is an argument, not an unknown option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The same, with a blank before what begins with one dash and has a bracket in it."""
        return super().parse_args(ctx, [f" {arg}" if _is_negative(arg) else arg for arg in args])


def _is_negative(argument: str) -> bool:
    return argument.startswith("-") and not argument.startswith("--") and "(" in argument


def plot(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="Schedules, e.g. 'Linear(0, 0.3, 500) >> Constant(0.3)'.")
    ],
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Show all of them over this many steps.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the picture to FILE.png or FILE.svg.")] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help=f'What lengths such as "3ep", "10%" and "rest" mean: {EXAMPLE}',
        ),
    ] = None,
    functions: Functions = False,
) -> None:
    """Show schedules as curves, in the terminal or in a picture file."""
    length = None if horizon is None else horizon_of(horizon)
    schedules = [
        _parsed(text.strip(), length, functions, place, len(texts)) for place, text in enumerate(texts, start=1)
    ]
    if out is not None:
        from stepsize.plots import save_figure, schedules_figure  # late: they load matplotlib

        print(save_figure(schedules_figure(schedules, steps=steps), out))
        return
    from stepsize.plots import sketch_schedules

    print(sketch_schedules(schedules, steps=steps, **form_here(around=8)))


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
        if of == 1:
            raise
        raise ParseError(f"schedule {place} of {of}: {error.reason}", error.text, error.position) from None
