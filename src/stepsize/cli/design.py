"""`stepsize design`: the schedule with the lowest loss that a law, fitted to runs, predicts."""

from pathlib import Path
from typing import Annotated

import typer

from stepsize.arguments import NonNegative, Number, Whole
from stepsize.cli.options import PictureFile, numeric, writable
from stepsize.cli.runs import LawName, LogOptions, Runs, fitted, with_log_options
from stepsize.cli.screen import print_table
from stepsize.errors import FitError
from stepsize.files import write_whole


@with_log_options
def design(
    runs: Runs,
    steps: Annotated[int, numeric("N", "Length of the schedule, warmup included."), Whole(3)],
    logs: LogOptions,
    peak: Annotated[
        float | None, numeric("RATE", "The highest rate. [default: that of the runs]"), Number(above=0.0)
    ] = None,
    warmup: Annotated[int, numeric("N", "Steps of a linear warmup from 0 to the peak."), Whole(0)] = 0,
    lowest: Annotated[NonNegative, numeric("RATE", "The lowest rate after the warmup.")] = 0.0,
    rises: Annotated[bool, typer.Option("--rises", help="Let the rate rise again after the warmup.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the first schedule of the table to FILE as text, for predict, plot and parse()."
        ),
        writable,
    ] = None,
    law: LawName = "auto",
    out: PictureFile = None,
) -> None:
    """Find the schedule with the lowest predicted loss.

    It also finds the best schedule of each well-known family. A law is fitted to finished runs of at least two
    different schedules. The best schedule may lie far from the runs: train it before you trust it.
    """
    from stepsize.laws import design as best_schedule  # late: it loads SciPy
    from stepsize.laws.designing import Limits
    from stepsize.laws.forecast import check_peak
    from stepsize.laws.law import loss_format

    curves = logs.read(runs)
    peak_lr = max(curve.peak_lr for curve in curves) if peak is None else peak
    Limits(steps, peak_lr, warmup, lowest)  # refuses what is impossible before the fit
    check_peak(peak_lr, curves)
    try:
        law_of_runs = fitted(curves, "functional" if law == "auto" else law, logs.words)
    except FitError as error:
        if "law" in error.settings:  # no other law has a best schedule
            error.advice, error.settings = "add a run with another decay or a constant rate", {}
        raise
    found = best_schedule(law_of_runs, peak_lr, steps, warmup_steps=warmup, final_lr=lowest, monotone=not rises)
    best = law_of_runs.predict(found.schedule)
    low, high = best.final_band
    for caution in best.cautions:
        print(f"caution: {caution}")
    form = loss_format(found.final_loss)
    print(f"best of all: final loss {found.final_loss:{form}}, 90% band {low:{form}} to {high:{form}}\n")
    print_table(
        ("excess", "schedule"), [(f"{each.excess:{form}}", str(each.schedule)) for each in found.members], left=[1]
    )
    if save is not None:
        write_whole(save, f"{found.members[0].schedule}\n".encode())
        print(f"\n{save}: {found.members[0].excess:{form}} above the best of all")
    if out is not None:
        from stepsize.plots import Picture, plot_forecasts, save_figure  # late: they load matplotlib

        shown = {"best of all": best, **{str(m.schedule): law_of_runs.predict(m.schedule) for m in found.members[:2]}}
        print(save_figure(plot_forecasts(shown, curves, Picture()), out))
