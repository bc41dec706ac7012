"""`stepsize plot`: schedules as a picture, in the terminal or in a file."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from stepsize.cli.options import Functions, PictureFile
from stepsize.cli.schedules import HorizonText, schedules_of
from stepsize.cli.screen import form_here


class PlotCommand(TyperCommand):
    """A command that reads -1 * Linear(0, 0.3, 500) as an argument, not as an unknown option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a blank before each word that begins with a single dash and has a bracket."""
        return super().parse_args(ctx, [f" {arg}" if _is_negative(arg) else arg for arg in args])


def _is_negative(argument: str) -> bool:
    return argument.startswith("-") and not argument.startswith("--") and "(" in argument


def plot(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="Schedules, e.g. 'Linear(0, 0.3, 500) >> Constant(0.3)'.")
    ],
    steps: Annotated[int | None, typer.Option(metavar="N", min=1, help="Show this many steps of each.")] = None,
    out: PictureFile = None,
    horizon: HorizonText = None,
    functions: Functions = False,
) -> None:
    """Show schedules as curves, in the terminal or in a picture file."""
    schedules, _ = schedules_of(texts, horizon, steps, functions)
    if out is not None:
        from stepsize.plots import Picture, plot_schedules, save_figure  # late: they load matplotlib

        print(save_figure(plot_schedules(schedules, Picture(), steps=steps), out))
        return
    from stepsize.plots import sketch_schedules

    print(sketch_schedules(schedules, steps=steps, **form_here(around=8)))
