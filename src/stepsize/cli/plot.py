"""`stepsize plot`: schedules as a picture, in the terminal or in a file."""

from typing import Annotated

import typer

from stepsize.arguments import Whole
from stepsize.cli.options import Functions, PictureFile, numeric
from stepsize.cli.schedules import HorizonText, schedules_of
from stepsize.cli.screen import form_here


def plot(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="Schedules, e.g. 'Linear(0, 0.3, 500) >> Constant(0.3)'.")
    ],
    steps: Annotated[int | None, numeric("N", "Show this many steps of each."), Whole(1)] = None,
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
