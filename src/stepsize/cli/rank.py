"""`stepsize rank`: schedules in the order of a bound from convex optimization, without data."""

from typing import Annotated

import typer

from stepsize.arguments import Whole
from stepsize.cli.given import BaseRate, Reader, Texts, ToolName
from stepsize.cli.options import Functions, numeric
from stepsize.cli.schedules import HorizonText, cut_off
from stepsize.cli.screen import print_table


def rank(
    context: typer.Context,
    texts: Texts,
    steps: Annotated[int | None, numeric("N", "How long they run. [default: their own length]"), Whole(1)] = None,
    horizon: HorizonText = None,
    tool: ToolName = None,
    base_lr: BaseRate = None,
    functions: Functions = False,
) -> None:
    """Rank schedules by a bound from convex optimization.

    Each schedule is scaled to its own best height. This needs no runs and predicts no loss. On real runs its order
    agreed with that of the losses at a rank correlation of 0.5 to 0.87.
    """
    from stepsize.laws import rank as ranked  # late: it loads SciPy

    schedules, steps = Reader(context, tool, base_lr, horizon, steps, functions).runs(texts, factors=True)
    rows = []
    for place, each in enumerate(ranked(schedules, steps), start=1):
        more = "" if place == 1 else f"  +{each.over_best - 1:.1%}"
        rows.append((f"{place}.", f"{each.bound.value:.5f}{more}", each.name))
    print_table(("", "bound", "schedule"), rows, left=[2])
    for note in cut_off(schedules, steps):
        print(f"note: {note}")
    print("A ranking, not a prediction: each shape at its own best height, under a bound from convex optimization.")
