"""The second tab: a surface, and optimizers that descend it under the schedule that is followed."""

import math
from typing import Any

import numpy as np

from stepsize.arguments import nearest
from stepsize.descent import SURFACES, Optimizer, Surface, Trajectory, descend, optimizer_from
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.play.entries import WORDS, Reading
from stepsize.play.state import State
from stepsize.schedules import Schedule, Table
from stepsize.schedules.maths import Floats

MOST_OPTIMIZERS = 7  # as many as there are colours
_BEYOND_WINDOW = 1.0  # paths are drawn to this many widths of the window beyond it
FINENESS = {1: 241, 2: 101}  # points along each axis, by dimensions


def descents(state: State) -> dict[str, Any]:
    """The ground and the paths on it; or what is wrong."""
    try:
        surface = _surface(state.surface)
        start = state.start if len(state.start) == surface.dimensions else surface.start
        assert start is not None  # as every named surface has a window
        rules = _rules(state.optimizers)
        name, rates = _rates(Reading.of(state), state)
        paths = [
            {"name": str(rule), **_path(descend(surface, rule, start, len(rates), Table(tuple(rates.tolist()))))}
            for rule in rules
        ]
    except StepsizeError as error:
        return {"error": error.message(WORDS)}
    return {
        "surface": surface.name,
        "formula": surface.text,
        "start": [float(f"{each:.6g}") for each in start],
        "schedule": name,
        "rates": [float(f"{each:.6g}") for each in rates.tolist()],
        "paths": paths,
        "error": "",
        **_ground(surface),
    }


def _surface(name: str) -> Surface:
    if name not in SURFACES:
        raise ArgumentError("play", "surface", "the name of a surface", name, nearest(name, SURFACES))
    return SURFACES[name]


def _rules(text: str) -> list[Optimizer[Any]]:
    texts = [each for each in text.splitlines() if each.strip()]
    if not 0 < len(texts) <= MOST_OPTIMIZERS:
        advice = "write one on each line, e.g. momentum(0.9)"
        raise ArgumentError("play", "optimizers", f"1 to {MOST_OPTIMIZERS} lines", len(texts), advice)
    return list({str(rule): rule for rule in map(optimizer_from, texts)}.values())


def _rates(reading: Reading, state: State) -> tuple[str, Floats]:
    """The name of the schedule that is followed, and its rates over the updates, the highest of which is the peak."""
    followed = [each for each in reading.meanings[state.followed : state.followed + 1] if each.schedule]
    if not followed:
        raise StepsizeError("there is no schedule to follow", "choose one whose text can be read")
    schedule = followed[0].schedule
    assert isinstance(schedule, Schedule)
    rates = schedule(np.arange(state.updates) * (reading.length(schedule) / state.updates))
    highest = float(rates.max())
    if not 0 < highest < math.inf:
        raise StepsizeError(f"{followed[0].label} has no positive rate to scale to the peak")
    return followed[0].label, np.asarray(rates / highest * state.peak)


def _path(trajectory: Trajectory) -> dict[str, Any]:
    (path,) = trajectory.paths()
    surface = trajectory.surface
    values = surface(path)
    up = path[:, 1] if surface.dimensions == 2 else values
    ended = f"f = {values[-1]:.4g} after {len(path) - 1:,} updates"
    if trajectory.diverged:
        ended = f"diverged at update {len(path):,}"
    assert surface.window is not None
    low, high = np.array([*surface.window, *([] if surface.dimensions == 2 else [(-math.inf, math.inf)])]).T
    reach = np.where(np.isfinite(high - low), _BEYOND_WINDOW * (high - low), 0.0)
    across, up = np.clip(np.stack([path[:, 0], up], axis=-1), low - reach, high + reach).T
    return {"x": _short(across), "y": _short(up), "values": _short(values), "ended": ended}


def _short(values: Floats) -> list[float | None]:
    return [float(f"{each:.5g}") if math.isfinite(each) else None for each in values.tolist()]


def _ground(surface: Surface) -> dict[str, Any]:
    """The window, the known minima and saddles, and contours in two dimensions or the curve in one."""
    from stepsize.plots.surfaces import lines_of  # late: it loads matplotlib, and the other tab does not need it

    assert surface.window is not None
    window, lines = lines_of(surface, surface.window, FINENESS[surface.dimensions])
    flat = surface.dimensions == 1
    marks = {
        name: [[*point, *([float(surface(point))] if flat else [])] for point in known]
        for name, known in (("minima", surface.minima), ("saddles", surface.saddles))
    }
    return {
        "window": [list(each) for each in window],
        "lines": {"xs": [_short(each[:, 0]) for each in lines], "ys": [_short(each[:, 1]) for each in lines]},
        "dimensions": surface.dimensions,
        **marks,
    }
