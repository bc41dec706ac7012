"""The curves of the page: rates and sums of rates, at most about a thousand points each."""

from typing import Any

import numpy as np

from stepsize.errors import StepsizeError
from stepsize.horizon import Horizon
from stepsize.play.entries import WORDS, Meaning, Reading
from stepsize.play.state import State
from stepsize.schedules import Schedule
from stepsize.schedules.curve import curve, drawn_places
from stepsize.schedules.maths import Floats

BINS = 160  # of a curve, with at most six points each
MOST_SUMMED = 2**16  # steps that are summed one by one; of more, evenly spaced ones stand for their neighbours


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
    told: dict[str, Any] = {
        "label": meaning.label,
        "tool": meaning.tool,
        "error": meaning.error,
        "controls": [vars(each) for each in meaning.controls],
    }
    if meaning.schedule is None:
        return told
    length = reading.length(meaning.schedule)
    try:
        steps, rates = curve(meaning.schedule, length)
        places = drawn_places([rates], BINS)
        told["steps"] = meaning.schedule.steps if meaning.schedule.steps < np.inf else None
        told["rate"] = points(steps[places] * unit, rates[places], log)
        told["sum"] = points(*_sums(meaning.schedule, length, unit), log)
    except StepsizeError as error:
        told["error"] = error.message(WORDS)
    return told


def _sums(schedule: Schedule, length: int, unit: float) -> tuple[Floats, Floats]:
    """Steps in the unit, and the sum of the rates of the updates before each."""
    ends = np.unique(np.linspace(0, length, min(length, MOST_SUMMED) + 1).round())
    sums = np.append(0.0, np.cumsum(schedule(ends[:-1]) * np.diff(ends)))
    places = drawn_places([sums], BINS)
    return ends[places] * unit, sums[places]


def points(across: Floats, up: Floats, log: bool = False) -> dict[str, list[float | None]]:
    """Points with six digits for the page; on a log scale there is none where a value is not positive."""
    there = np.isfinite(up) & ((up > 0) | (not log))
    return {
        "x": [float(f"{each:.10g}") for each in across.tolist()],
        "y": [float(f"{each:.6g}") if seen else None for each, seen in zip(up.tolist(), there.tolist(), strict=True)],
    }
