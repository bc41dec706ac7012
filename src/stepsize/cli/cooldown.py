"""`stepsize cooldown`: when to begin the cooldown of a running run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

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


@speaks_of_options
def cooldown(
    runs: Runs,
    running: Annotated[Path, typer.Option(metavar="RUN", help="The log so far of the run that is going on.")],
    at: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="STEP", help="A step at which the cooldown might begin; repeatable."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the cooldown; a fifth of the whole if left out.")
    ] = None,
    shape: Annotated[str, typer.Option(metavar="linear|cosine|1-sqrt", help="The way down.")] = "linear",
    end: Annotated[float, typer.Option(min=0, metavar="RATE", help="The rate at its end.")] = 0.0,
    law: LawName = "auto",
    columns: Columns = None,
    rates: RatesFile = None,
    log_schedule: LogSchedule = None,
    log_warmup: LogWarmup = None,
    log_jump: LogJump = None,
    log_means: LogMeans = None,
    log_begin: LogBegin = 0,
    smooth: Smooth = 1,
) -> None:
    """Foresee what a running run would end at if its cooldown began now, or later.

    A law is fitted to finished runs with a decay, and moved to where the running run lies.
    """
    from stepsize.laws import plan_cooldowns  # late: it loads SciPy

    reading = Reading(columns, rates, log_schedule, log_warmup, log_jump, log_means, log_begin, smooth)
    finished, so_far = reading.with_running(runs, running)
    found = learned(finished, law)
    plans = plan_cooldowns(found, so_far, at, steps, final_lr=end, shape=shape)
    table = Table(box=None, pad_edge=False)
    for column in ("begins at", "ends at", "final loss", "low", "high"):
        table.add_column(column, justify="right")
    for plan in plans:
        losses = (plan.final_loss, plan.low, plan.high)
        table.add_row(
            *(Text(cell) for cell in (f"{plan.at:,}", f"{plan.at + plan.steps:,}", *map("{:.4f}".format, losses)))
        )
    Console(width=78).print(table)
    for caution in dict.fromkeys(caution for plan in plans for caution in plan.cautions):
        print(f"caution: {caution}")
