"""The curves of the page: rates and sums of rates, at most about a thousand points each."""

from typing import Any

import numpy as np

from stepsize.errors import StepsizeError
from stepsize.horizon import Horizon
from stepsize.play.entries import WORDS, Meaning, Reading, sliders
from stepsize.play.state import State
from stepsize.schedules.curve import curve, drawn_places
from stepsize.schedules.maths import Floats

BINS = 160  # of a curve of rates, with at most six points each
SUMS = 300  # points of a curve of sums, which is smooth
MOST_STEPS = 2**13  # that are looked at; in longer schedules each stands for those up to the next
SHORT = 2**12  # steps; the curve of a shorter schedule also has points between the steps


def curves(state: State) -> dict[str, Any]:
    """Every schedule with its controls and its curves or its error, the clock, and the address of the state."""
    reading = Reading.of(state)
    unit, note = unit_of(state.clock, reading.horizon)
    return {
        "address": state.address,
        "run": f"of {reading.horizon.steps:,} steps" if reading.horizon else "",
        "clock": state.clock if unit else "steps",
        "notes": [each for each in (reading.note, note) if each],
        "schedules": [_entry(each, reading, unit or 1.0, state.log) for each in reading.meanings],
    }


def unit_of(clock: str, horizon: Horizon | None) -> tuple[float, str]:
    """The epochs or tokens of a step; 0 and what is missing if the run does not say how many they are."""
    if clock == "steps":
        return 1.0, ""
    if horizon is None or horizon.batch == 1 == horizon.epochs:
        return 0.0, f"{clock} need the run: fill in samples, batch and epochs"
    if clock == "epochs":
        return 1.0 / horizon.epoch_steps, ""
    if horizon.tokens_per_sample is None:
        return 0.0, "tokens need the run: fill in the tokens in a sample"
    return horizon.epoch_samples * horizon.tokens_per_sample / horizon.epoch_steps, ""


def _entry(meaning: Meaning, reading: Reading, unit: float, log: bool) -> dict[str, Any]:
    drawing: dict[str, Any] = {
        "label": meaning.label,
        "tool": meaning.tool,
        "error": meaning.error,
        "controls": [vars(each) for each in sliders(meaning.entry.text, reading.horizon)],
    }
    if meaning.schedule is None:
        return drawing
    length = reading.length(meaning.schedule)
    try:
        steps = np.unique(np.linspace(0, length, min(length, MOST_STEPS) + 1).round())
        rates = meaning.schedule(steps)
        drawing["steps"] = meaning.schedule.steps if meaning.schedule.steps < np.inf else None
        drawn = (steps, rates) if length > SHORT else curve(meaning.schedule, length)
        places = drawn_places(drawn[1:], BINS)
        drawing["rate"] = points(drawn[0][places] * unit, drawn[1][places], log)
        sums = np.append(0.0, np.cumsum(rates[:-1] * np.diff(steps)))  # of the updates before a step
        few = np.unique(np.linspace(0, len(sums) - 1, SUMS).round().astype(int))
        drawing["sum"] = points(steps[few] * unit, sums[few], log)
    except StepsizeError as error:
        drawing["error"] = error.message(WORDS)
    return drawing


def points(across: Floats, up: Floats, log: bool = False) -> dict[str, list[float | None]]:
    """Points with six digits for the page; on a log scale there is none where a value is not positive."""
    there = np.isfinite(up) & ((up > 0) | (not log))
    rounded = zip(_rounded(up, 6).tolist(), there.tolist(), strict=True)
    return {"x": _rounded(across, 10).tolist(), "y": [value if seen else None for value, seen in rounded]}


def _rounded(values: Floats, digits: int) -> Floats:
    """The values to this number of significant digits; those that are not finite or too large stay as they are."""
    with np.errstate(all="ignore"):
        power = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values))))
        rounded = np.round(values * power) / power
    return np.where(np.isfinite(rounded), rounded, values)
