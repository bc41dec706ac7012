"""`stepsize cooldown`: when to begin the cooldown of a run that is still training."""

from pathlib import Path
from typing import Annotated

import typer

from stepsize.arguments import Many, NonNegative, Whole
from stepsize.cli.options import numeric
from stepsize.cli.runs import LawName, LogOptions, Runs, fitted, with_log_options
from stepsize.cli.screen import print_table
from stepsize.schedules.transitions import SHAPE, WORDS


@with_log_options
def cooldown(
    runs: Runs,
    running: Annotated[Path, typer.Option(metavar="RUN", help="The log so far of the run that is still training.")],
    logs: LogOptions,
    at: Annotated[
        list[int] | None, numeric("STEP", "A step at which the cooldown might begin; repeatable."), Many(Whole(1))
    ] = None,
    steps: Annotated[
        int | None, numeric("N", "Length of the cooldown. [default: a fifth of the whole]"), Whole(1)
    ] = None,
    shape: Annotated[
        str, typer.Option(metavar="SHAPE", help=f"Shape of the cooldown: {', '.join(WORDS)}."), SHAPE
    ] = "linear",
    end: Annotated[NonNegative, numeric("RATE", "The rate at its end.")] = 0.0,
    law: LawName = "auto",
) -> None:
    """Predict the final loss of a run that is still training, for a cooldown that begins now or later.

    A law is fitted to finished runs with a decay, and shifted to the loss of the running run.
    """
    from stepsize.laws import plan_cooldowns  # late: it loads SciPy
    from stepsize.laws.cooldowns import check_cooldowns

    finished, so_far = logs.read_with_running(runs, running)
    check_cooldowns(so_far, at or (), end)  # before the fit
    plans = plan_cooldowns(fitted(finished, law, logs.words), so_far, at, steps, final_lr=end, shape=shape)
    rows = [
        (f"{plan.at:,}", f"{plan.at + plan.steps:,}", *map("{:.4f}".format, (plan.final_loss, plan.low, plan.high)))
        for plan in plans
    ]
    print_table(("begins at", "ends at", "final loss", "low", "high"), rows)
    for caution in dict.fromkeys(caution for plan in plans for caution in plan.cautions):
        print(f"caution: {caution}")
