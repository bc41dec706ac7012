"""`stepsize cooldown`: when to begin the cooldown of a run that is still training, and how long to make it."""

from pathlib import Path
from typing import Annotated

import typer

from stepsize.arguments import Many, NonNegative, Number, Whole
from stepsize.cli.options import PictureFile, numeric
from stepsize.cli.runs import LawName, LogOptions, Runs, fitted, with_log_options
from stepsize.cli.screen import print_table
from stepsize.schedules.transitions import WORDS, shape_rule


@with_log_options
def cooldown(
    runs: Runs,
    running: Annotated[Path, typer.Option(metavar="RUN", help="The log so far of the run that is still training.")],
    logs: LogOptions,
    total: Annotated[
        int | None, numeric("N", "End the run at step N: how long should the cooldown be?"), Whole(1)
    ] = None,
    target: Annotated[
        float | None, numeric("LOSS", "Reach this loss: when must the cooldown begin?"), Number(above=0.0)
    ] = None,
    at: Annotated[
        list[int] | None, numeric("STEP", "A step at which the cooldown might begin; repeatable."), Many(Whole(1))
    ] = None,
    steps: Annotated[
        int | None, numeric("N", "Length of the cooldown. [default: a fifth of the whole run]"), Whole(1)
    ] = None,
    shape: Annotated[
        str, typer.Option(metavar="SHAPE", help=f"Shape of the cooldown: {', '.join(WORDS)}."), shape_rule
    ] = "linear",
    end: Annotated[NonNegative, numeric("RATE", "The rate at the end of the cooldown.")] = 0.0,
    law: LawName = "auto",
    out: PictureFile = None,
) -> None:
    """Say when a run should begin its cooldown.

    It predicts the final loss for a cooldown that begins now or later. A law is fitted to the run that is still
    training and to finished runs with a decay. --total finds the best length of the cooldown for a run that ends at
    a given step, and --target the step at which to begin for a given loss.
    """
    from stepsize.laws import plan_cooldowns  # late: it loads SciPy
    from stepsize.laws.cooldowns import check_cooldowns
    from stepsize.laws.law import loss_format

    finished, so_far = logs.read_with_running(runs, running)
    check_cooldowns(so_far, at, steps, target, total, end)  # before the fit
    others = [run for run in finished if run is not so_far]
    found = plan_cooldowns(
        fitted([*others, so_far], law, logs.words), so_far, at, steps,
        target_loss=target, total_steps=total, final_lr=end, shape=shape,
    )  # fmt: skip
    form = loss_format(min((each.final_loss for each in found.forecasts), default=1.0))
    rows = [
        (
            each.label, f"{each.at:,}", f"{each.at + each.steps:,}",
            *(
                f"{loss:{form}}"
                for loss in (each.final_loss, *each.forecast.final_band, each.waiting, each.lengthening)
            ),
        )
        for each in found.forecasts
    ]  # fmt: skip
    if rows:
        print_table(("", "begins", "ends", "final loss", "low", "high", "later", "longer"), rows, left=[0])
        print(f"later, longer: the gain of each {found.unit:,} steps more, before the cooldown or within it\n")
    for caution in found.cautions:
        print(f"caution: {caution}")
    print(f"{found.recommendation.message(logs.words)}.")
    if out is not None and not found.forecasts:
        print(f"{out} is not written: there is no cooldown to draw")
    elif out is not None:
        from stepsize.plots import Picture, plot_forecasts, save_figure  # late: they load matplotlib

        shown = {
            f"{each.label or 'begins'}: steps {each.at:,} to {each.at + each.steps:,}": each.forecast
            for each in found.forecasts
        }
        print(save_figure(plot_forecasts(shown, [found.so_far], Picture()), out))
