"""`stepsize rank`: schedules in the order of a bound from convex optimization, with no data at all."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepsize.cli.options import Functions
from stepsize.cli.schedules import HorizonText, cuts, horizon_of, schedules_of
from stepsize.cli.wording import speaks_of_options


@speaks_of_options
def rank(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="Schedules, e.g. 'Linear(0.3, 0, 1000)' 'Constant(0.3)'.")
    ],
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How long they run; their own length if left out.")
    ] = None,
    horizon: HorizonText = None,
    functions: Functions = False,
) -> None:
    """Rank shapes of schedules by a bound from convex optimization, each at its own best height.

    It needs no runs, and forecasts nothing: on real runs its order agreed with that of the losses at a rank
    correlation of 0.5 to 0.87.
    """
    from stepsize.laws import rank as ranked  # late: it loads SciPy

    schedules = schedules_of(texts, horizon, steps, functions)
    if steps is None and horizon is not None:
        steps = horizon_of(horizon).steps
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("bound", justify="right")
    table.add_column("schedule")
    for place, each in enumerate(ranked(schedules, steps), start=1):
        more = "" if place == 1 else f"  +{each.over_best - 1:.1%}"
        table.add_row(f"{place}.", Text(f"{each.bound.value:.5f}{more}"), Text(each.name))
    Console(width=max(Console().width, 78)).print(table)
    for cut in cuts(schedules, steps):
        print(f"note: {cut}")
    print("A ranking, no forecast: each shape at its own best height, under a bound from convex optimization.")
