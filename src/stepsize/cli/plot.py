"""`stepsize plot`: schedules as a picture, in the terminal or in a file."""

import math
from collections.abc import Sequence
from typing import Annotated

import typer

from stepsize.arguments import Whole
from stepsize.cli.given import BaseRate, Given, Reader, Texts, ToolName
from stepsize.cli.options import Functions, PictureFile, numeric
from stepsize.cli.schedules import HorizonText
from stepsize.cli.screen import form_here, print_sketch

PAST_THE_END = 10  # percent of a tool's schedule that are shown after it


def plot(
    context: typer.Context,
    texts: Texts,
    steps: Annotated[
        int | None,
        numeric("N", "Show this many steps of each. [default: all; of an endless schedule, enough to show its form]"),
        Whole(1),
    ] = None,
    out: PictureFile = None,
    tool: ToolName = None,
    base_lr: BaseRate = None,
    horizon: HorizonText = None,
    functions: Functions = False,
) -> None:
    """Show schedules as curves, in the terminal or in a picture file.

    A config of another tool is shown as the tool follows it, with some updates after its end.
    """
    given = Reader(context, tool, base_lr, horizon, steps, functions).read(texts)
    schedules = {each.name: each.rates for each in given}
    steps = steps or _past_the_ends(given)
    if out is not None:
        from stepsize.plots import Picture, plot_schedules, save_figure  # late: they load matplotlib

        print(save_figure(plot_schedules(schedules, Picture(), steps=steps), out))
        return
    from stepsize.plots import sketch_schedules

    print_sketch(sketch_schedules(schedules, steps=steps, **form_here(around=8)))


def _past_the_ends(given: Sequence[Given]) -> int | None:
    """How many steps to show, so that one sees what tools do after the end; None if all schedules are texts."""
    ends = [min(each.meaning.total_steps, each.rates.steps) for each in given if each.meaning]
    if not any(end < math.inf for end in ends):
        return None
    longest = max(each for each in [*ends, *(each.rates.steps for each in given)] if each < math.inf)
    return math.ceil(longest * (100 + PAST_THE_END) / 100)
