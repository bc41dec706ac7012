"""`stepsize predict`: the loss of a schedule that was never run, from runs of others."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from stepsize.arguments import Number, Whole
from stepsize.cli.given import BaseRate, Reader, ToolName
from stepsize.cli.options import Functions, PictureFile, numeric
from stepsize.cli.runs import LawName, LogOptions, Runs, fitted, with_log_options
from stepsize.cli.schedules import HorizonText, cut_off
from stepsize.cli.screen import form_here, print_sketch, print_table
from stepsize.errors import StepsizeError, first_few, gathered, raise_together

if TYPE_CHECKING:
    from stepsize.laws import Forecast, RankedForecast

ROWS = 10  # of the table


@with_log_options
def predict(
    runs: Runs,
    schedule: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]TEXT|FILE",
            help="The schedule to predict, warmup included, or a file with a config of another tool; repeatable.",
        ),
    ],
    logs: LogOptions,
    steps: Annotated[int | None, numeric("N", "How long it runs. [default: its own length]"), Whole(1)] = None,
    horizon: HorizonText = None,
    tool: ToolName = None,
    base_lr: BaseRate = None,
    level: Annotated[
        float, numeric("P", "Level of the prediction band, e.g. 0.9 for a 90% band."), Number(least=0.01, most=0.999)
    ] = 0.9,
    law: LawName = "auto",
    out: PictureFile = None,
    functions: Functions = False,
) -> None:
    """Predict the loss of a schedule that was never run.

    A law of loss curves is fitted to finished runs of other schedules. The full law needs at least two schedules,
    one of them with a decay; for a single schedule a simpler law is fitted, which predicts less well. Several
    schedules are ranked.
    """
    from stepsize.laws import rank_forecasts  # late: they load SciPy
    from stepsize.laws.forecast import check_peak
    from stepsize.laws.law import loss_format, rates_of

    errors: list[StepsizeError] = []
    with gathered(errors):
        curves = logs.read(runs)
    with gathered(errors):
        reader = Reader(logs.context, tool, base_lr, horizon, steps, functions)
        schedules, steps = reader.runs(schedule, factors=False)
        peaks = [rates_of("predict", each, steps, positive=True).max() for each in schedules.values()]
    raise_together(errors)
    for peak in peaks:
        check_peak(peak, curves)
    found = fitted(curves, law, logs.words)
    for note in cut_off(schedules, steps):
        print(f"note: {note}")
    ranked = rank_forecasts(found, schedules, steps, level=level)
    forecasts = {each.name: each.forecast for each in ranked}
    form = loss_format(ranked[0].forecast.final_loss)
    if len(ranked) == 1:
        print(ranked[0].schedule)
        print_table(("step", "rate", "loss", "low", "high"), _rows(ranked[0].forecast, form))
        print()
    if out is None:
        print_sketch(_sketch(forecasts) + "\n")
    cautioned: dict[str, list[str]] = {}
    for name, forecast in forecasts.items():
        for caution in forecast.cautions:
            cautioned.setdefault(caution, []).append(name)
    for caution, names in cautioned.items():  # what holds for all schedules is said once
        whose = "" if len(names) == len(ranked) else f"{first_few(names, 3, '; ')}: "
        print(f"caution: {whose}{caution}")
    if len(ranked) == 1:
        low, high = ranked[0].forecast.final_band
        print(f"final loss {ranked[0].forecast.final_loss:{form}}, {level:.0%} band {low:{form}} to {high:{form}}")
    else:
        lengths = {int(forecast.steps[-1]) + 1 for forecast in forecasts.values()}
        if len(lengths) > 1:
            print(f"caution: the schedules have different lengths, from {min(lengths):,} to {max(lengths):,} steps")
        _print_ranking(ranked, level, form)
    if out is not None:
        from stepsize.plots import Picture, plot_forecasts, save_figure  # late: they load matplotlib

        print(save_figure(plot_forecasts(forecasts, curves, Picture()), out))


def _print_ranking(ranked: "Sequence[RankedForecast]", level: float, form: str) -> None:
    best, *others = ranked
    rows = [
        (
            *(f"{loss:{form}}" for loss in (each.forecast.final_loss, *each.forecast.final_band)),
            "best" if each is best else f"+{each.excess:{form}} ± {each.margin:{form}}",
            each.name,
        )
        for each in ranked
    ]
    print_table(("final loss", "low", "high", "difference", "schedule"), rows, left=[4])
    alike = sum(not each.distinct for each in others)
    error = f"its error, the {level:.0%} band after ±"
    if alike:
        which = f"{alike} of {len(others)} others" if len(others) > 1 else "The other"
        print(f"{which} cannot be told from the best: the difference is within {error}")
    else:
        print(f"The first is the best: each difference is larger than {error}")


def _rows(forecast: "Forecast", form: str) -> list[tuple[str, ...]]:
    chosen = np.unique(np.linspace(0, forecast.steps.size - 1, ROWS + 1)[1:].round().astype(int))
    return [
        (
            f"{forecast.steps[at]:,}",
            f"{forecast.rates[at]:.3g}",
            *(f"{each[at]:{form}}" for each in (forecast.losses, forecast.low, forecast.high)),
        )
        for at in chosen
    ]


def _sketch(forecasts: "dict[str, Forecast]") -> str:
    """The curves without their first quarter, in which losses fall so far that the rest would look flat."""
    from stepsize.plots import sketch_curves

    lowest = min(float(forecast.losses.min()) for forecast in forecasts.values())
    base = math.floor(10 * lowest) / 10
    late = {}
    for text, forecast in forecasts.items():
        shown = forecast.steps >= forecast.steps[-1] // 4
        late[text] = forecast.steps[shown], forecast.losses[shown] - base
    return sketch_curves(late, title=f"predicted loss above {base:g}", **form_here(around=8))
