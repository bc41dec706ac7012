"""`stepsize predict`: the loss of a schedule that was never run, from runs of others."""

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepsize.cli.options import Functions, PictureFile
from stepsize.cli.runs import (
    Columns,
    LawName,
    LogBegin,
    LogJump,
    LogMeans,
    LogSchedule,
    LogWarmup,
    RatesFile,
    Reading,
    Runs,
    Smooth,
    learned,
)
from stepsize.cli.schedules import HorizonText, cuts, horizon_of, schedules_of
from stepsize.cli.screen import form_here
from stepsize.cli.wording import speaks_of_options

if TYPE_CHECKING:
    from stepsize.laws import Forecast

LINES = 10
"""Of the table."""


@speaks_of_options
def predict(
    runs: Runs,
    schedule: Annotated[
        list[str], typer.Option(metavar="TEXT", help="The schedule to foresee, warmup included; repeatable.")
    ],
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How long it runs; its own length if left out.")
    ] = None,
    horizon: HorizonText = None,
    level: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="Of the band: 0.9 holds nine tenths of what the runs leave open.")
    ] = 0.9,
    law: LawName = "auto",
    columns: Columns = None,
    rates: RatesFile = None,
    log_schedule: LogSchedule = None,
    log_warmup: LogWarmup = None,
    log_jump: LogJump = None,
    log_means: LogMeans = None,
    log_begin: LogBegin = 0,
    smooth: Smooth = 1,
    out: PictureFile = None,
    functions: Functions = False,
) -> None:
    """Foresee the loss curve of a schedule that was never run, from finished runs of others.

    A law of loss curves is fitted to the runs. It takes at least two schedules, one of them with a decay; of one
    alone a simpler law is fitted, and less is to be had.
    """
    plans = schedules_of(schedule, horizon, steps, functions)
    if steps is None and horizon is not None:
        steps = horizon_of(horizon).steps
    reading = Reading(columns, rates, log_schedule, log_warmup, log_jump, log_means, log_begin, smooth)
    curves = reading.of(runs)
    found = learned(curves, law)
    for cut in cuts(plans, steps):
        print(f"note: {cut}")
    forecasts = {str(plan): found.predict(plan, steps, level=level) for plan in plans}
    for text, forecast in forecasts.items():
        print(text)
        Console(width=78).print(_table(forecast))
        low, high = forecast.final_band
        print(f"final loss {forecast.final_loss:.4f}, {level:.0%} band {low:.4f} to {high:.4f}")
        for caution in forecast.cautions:
            print(f"caution: {caution}")
        print()
    if out is not None:
        from stepsize.plots import Picture, plot_forecasts, save_figure  # late: they load matplotlib

        print(save_figure(plot_forecasts(forecasts, curves, Picture()), out))
        return
    print(_sketch(forecasts))


def _table(forecast: "Forecast") -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("step", "rate", "loss", "low", "high"):
        table.add_column(column, justify="right")
    for at in np.unique(np.linspace(0, forecast.steps.size - 1, LINES + 1).round().astype(int))[1:]:
        values = (forecast.losses[at], forecast.low[at], forecast.high[at])
        cells = (f"{forecast.steps[at]:,}", f"{forecast.rates[at]:.3g}", *(f"{value:.4f}" for value in values))
        table.add_row(*map(Text, cells))
    return table


def _sketch(forecasts: "dict[str, Forecast]") -> str:
    """The curves without their first quarter, in which losses fall so far that the rest would be a line."""
    from stepsize.plots import sketch_curves

    lowest = min(float(forecast.losses.min()) for forecast in forecasts.values())
    base = math.floor(10 * lowest) / 10
    late = {}
    for text, forecast in forecasts.items():
        shown = forecast.steps >= forecast.steps[-1] // 4
        late[text] = forecast.steps[shown], forecast.losses[shown] - base
    return sketch_curves(late, title=f"foreseen loss above {base:g}", **form_here(around=8))
