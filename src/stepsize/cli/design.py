"""`stepsize design`: the schedule that a law, learned from runs, foresees the lowest loss of."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepsize.cli.options import PictureFile
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
from stepsize.cli.wording import speaks_of_options
from stepsize.files import write_whole


@speaks_of_options
def design(
    runs: Runs,
    steps: Annotated[int, typer.Option(min=3, metavar="N", help="Of the schedule, warmup included.")],
    peak: Annotated[
        float | None, typer.Option(metavar="RATE", help="The highest rate; that of the runs if left out.")
    ] = None,
    warmup: Annotated[int, typer.Option(min=0, metavar="N", help="Steps of a linear warmup from 0 to the peak.")] = 0,
    lowest: Annotated[float, typer.Option(min=0, metavar="RATE", help="No rate is lower after the warmup.")] = 0.0,
    rises: Annotated[bool, typer.Option("--rises", help="The rate may rise again after the warmup.")] = False,
    law: LawName = "auto",
    columns: Columns = None,
    rates: RatesFile = None,
    log_schedule: LogSchedule = None,
    log_warmup: LogWarmup = None,
    log_jump: LogJump = None,
    log_means: LogMeans = None,
    log_begin: LogBegin = 0,
    smooth: Smooth = 1,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the best schedule to FILE as text, for parse().")
    ] = None,
    out: PictureFile = None,
) -> None:
    """Find the schedule with the lowest foreseen loss, and the best members of families that have names.

    A multi-power law is fitted to finished runs, at least two of different schedules. What it suggests may lie beyond
    what it was learned from: train it before you believe it.
    """
    from stepsize.laws import design as best_schedule  # late: it loads SciPy

    reading = Reading(columns, rates, log_schedule, log_warmup, log_jump, log_means, log_begin, smooth)
    curves = reading.of(runs)
    found = learned(curves, law)
    height = max(curve.peak_lr for curve in curves) if peak is None else peak
    made = best_schedule(found, height, steps, warmup_steps=warmup, final_lr=lowest, monotone=not rises)
    best = found.predict(made.schedule)
    low, high = best.final_band
    print(f"best of all: final loss {made.final_loss:.4f}, 90% band {low:.4f} to {high:.4f}")
    for caution in best.cautions:
        print(f"caution: {caution}")
    print()
    table = Table(box=None, pad_edge=False)
    table.add_column("loses", justify="right")
    table.add_column("schedule")
    for member in made.members:
        table.add_row(Text(f"{member.excess:.4f}"), Text(str(member.schedule)))
    Console(width=max(Console().width, 78)).print(table)
    if save is not None:
        write_whole(save, f"{made.compact}\n".encode())
        print(save)
    if out is not None:
        from stepsize.plots import Picture, plot_forecasts, save_figure  # late: they load matplotlib

        shown = {"best of all": best, **{str(m.schedule): found.predict(m.schedule) for m in made.members[:2]}}
        print(save_figure(plot_forecasts(shown, curves, Picture()), out))
