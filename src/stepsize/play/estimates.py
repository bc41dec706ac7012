"""What schedules are expected to be worth: their order by the convex bound, and losses predicted from logs."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.play.curves import points, unit_of
from stepsize.play.entries import WORDS, Reading
from stepsize.play.state import State
from stepsize.schedules import Schedule

if TYPE_CHECKING:
    from stepsize.laws import Fit

MOST_RANKED = 1_000_000  # steps
MOST_PREDICTED = 200_000  # steps
POINTS = 160  # of a predicted loss curve


def ranking(state: State) -> dict[str, Any]:
    """The schedules that are shown in the order of the convex bound, over the steps of the longest."""
    from stepsize.laws import rank  # late: it loads SciPy
    from stepsize.laws.law import rates_of

    reading = Reading.of(state)
    steps = max((reading.length(schedule) for _, _, schedule in reading.shown), default=0)
    if steps > MOST_RANKED:
        return {"rows": [], "notes": [f"at most {MOST_RANKED:,} steps are ranked, and these are {steps:,}"]}
    ranked, notes = dict[str, Schedule](), list[str]()
    for index, name, schedule in reading.shown:
        try:
            rates_of("rank", schedule, steps, positive=True)
            ranked[str(index)] = schedule
        except StepsizeError as error:
            notes.append(f"{name}: {error.message(WORDS)}")
    rows = [
        {"index": int(each.name), "bound": f"{each.bound.value:.5f}", "more": f"+{each.over_best - 1:.1%}"}
        for each in (rank(ranked, steps) if ranked else ())
    ]
    if rows:
        rows[0]["more"] = ""
    return {"rows": rows, "steps": steps, "notes": notes}


def losses(state: State, runs: Sequence[LossCurve]) -> dict[str, Any]:
    """The predicted loss of each schedule that is shown, with a 90% band; and the rows of the runs."""
    reading = Reading.of(state)
    unit, _ = unit_of(state.clock, reading.horizon)
    try:
        found, about = fitted(tuple(runs))
    except StepsizeError as error:
        return {"error": error.message(WORDS)}
    forecasts, notes = [], []
    for index, name, schedule in reading.shown:
        try:
            forecasts.append({"index": index, **_forecast(found, schedule, reading.length(schedule), unit or 1.0)})
        except StepsizeError as error:
            notes.append(f"{name}: {error.message(WORDS)}")
    few = [run.thinned(80) for run in runs]
    logged = [{"name": run.name, **points(run.steps * np.float64(unit or 1.0), run.losses)} for run in few]
    return {
        "about": f"{about}; grey dots are logged losses",
        "forecasts": forecasts,
        "runs": logged,
        "notes": notes,
        "view": _view([*forecasts, *logged]),
    }


def _view(curves: Sequence[dict[str, Any]]) -> list[float]:
    """The lowest and the highest loss to show: without the first tenth of each, which would make the rest look flat."""
    late = [each["y"][len(each["y"]) // 10 :] for each in curves]
    values = [value for each in late for value in each if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (high - low) or 0.5
    return [low - room, high + room]


@cache
def fitted(runs: tuple[LossCurve, ...]) -> tuple["Fit", str]:
    """The law of the runs, and how well it fits; the simplest law if all runs have one schedule."""
    from stepsize.laws import FunctionalLaw, MomentumLaw, fit
    from stepsize.laws.diagnosis import groups_by_schedule

    several = len(groups_by_schedule(runs)) > 1
    found = fit(runs, FunctionalLaw if several else MomentumLaw)
    law = "functional law" if several else "momentum law (one schedule determines no more)"
    rows = sum(run.steps.size for run in runs)
    about = f"{law}, fitted to {rows:,} rows of {len(runs)} run{'s' * (len(runs) > 1)}, scatter {found.scatter:.2%}"
    return found, about


def _forecast(found: "Fit", schedule: Schedule, steps: int, unit: float) -> dict[str, Any]:
    from stepsize.laws.law import loss_format, rates_of

    if steps > MOST_PREDICTED:
        raise ArgumentError("play", "steps", f"at most {MOST_PREDICTED:,} for a prediction", steps)
    rates = rates_of("play", schedule, steps, positive=True)
    logged = min(int(run.steps[0]) for run in found.runs)  # a law says nothing about what comes before
    first = min(max(int(np.flatnonzero(rates)[0]), logged), steps - 1)
    at = np.unique(np.linspace(first, steps - 1, min(POINTS, steps - first)).round().astype(np.int64))
    forecast, along = found.predict(rates, at=at), at * np.float64(unit)
    form = loss_format(forecast.final_loss)
    low, high = forecast.final_band
    return {
        **points(along, forecast.losses),
        "low": points(along, forecast.low)["y"],
        "high": points(along, forecast.high)["y"],
        "final": f"{forecast.final_loss:{form}}",
        "band": f"{low:{form}} to {high:{form}}",
        "cautions": list(forecast.cautions),
    }
