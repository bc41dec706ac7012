"""The drawings of the report: curves with their bands as paths of SVG, and where diverged runs ended."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stepsize.lab.report.scales import UNIT, Scale, Tick, step_scale, step_ticks, value_scale
from stepsize.plots.curves import COLOURS, Floats, line_style
from stepsize.plots.traces import (
    Band,
    Trace,
    accuracy_trace,
    band,
    highest_rate_in_view,
    loss_trace,
    rate_ends,
    rate_trace,
    test_loss_trace,
)
from stepsize.store.run import Logged

LOSS_LOG, OTHER_LOG = 10, 1000
"""How many times the least value the largest is where a logarithmic scale is taken."""
MOST_STRAYS = 5
"""So many of the diverged runs of a schedule are drawn."""
FEW = 30
"""A curve of at most so many points has a dot at each."""


@dataclass(frozen=True)
class Curve:
    """One schedule in one drawing: paths within `UNIT` x `UNIT`, and the ends of its diverged runs in percent."""

    index: int
    line: str
    band: str
    dots: str
    strays: tuple[str, ...]
    crosses: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """One drawing: its title, the curves, the numbers at its edges, and the values for the pointer."""

    title: str
    curves: tuple[Curve, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    log: bool
    data: dict[str, Any]


@dataclass(frozen=True)
class _Kind:
    title: str
    trace: Callable[[Logged], Trace]
    log_beyond: float
    from_zero: bool = False
    top: float = math.inf
    """What lies above runs along the edge."""


def panels(groups: Sequence[Sequence[Logged]], judged_on: str = "test") -> tuple[Panel, ...]:
    """The drawings of runs, a group for each schedule: the rate, and what there are finite values of."""
    last = max((float(steps[-1]) for group in groups for run in group if (steps := run.column("step")).size), default=0)
    across = step_scale(last)
    kept = [[run for run in group if run.status != "diverged"] for group in groups]
    lost = [[run for run in group if run.status == "diverged"][:MOST_STRAYS] for group in groups]
    longest = [[max(group, key=lambda run: run.column("step").size)] for group in groups]  # its rates are those of all
    to_zero = min(rate_ends([group[0] for group in groups]), default=1.0) <= 0.0  # on a log scale an abyss
    top = highest_rate_in_view(run for group in groups for run in group)
    rate = replace(_RATE, top=top, log_beyond=math.inf if to_zero else OTHER_LOG)
    kinds = [replace(kind, title=kind.title.replace("test", judged_on)) for kind in _METRICS]
    drawn = [_panel(rate, longest, lost, across), *(_panel(kind, kept, lost, across) for kind in kinds)]
    return tuple(panel for panel in drawn if panel is not None)


_RATE = _Kind("learning rate", rate_trace, OTHER_LOG, from_zero=True)
_METRICS = (
    _Kind("train loss", loss_trace, LOSS_LOG),
    _Kind("test accuracy", accuracy_trace, OTHER_LOG),
    _Kind("test loss", test_loss_trace, LOSS_LOG),
)


def _panel(
    kind: _Kind, kept: Sequence[Sequence[Logged]], lost: Sequence[Sequence[Logged]], across: Scale
) -> Panel | None:
    """Groups of runs drawn as one curve each, and those of the same schedules that diverged, run by run."""
    bands = [band([kind.trace(run) for run in group]) for group in kept]
    strays = [[found for run in group if (found := _stray(kind, run))] for group in lost]
    begun = [stray.mean[:1] for group in strays for stray in group]  # a loss that shot up leaves the view
    begun = [values for values in begun if np.isfinite(values).all()]
    shown = [values for each in bands if each for values in (each.low, each.high)] + begun
    if not shown:
        return None
    up = value_scale([np.minimum(values, kind.top) for values in shown], kind.log_beyond, kind.from_zero)
    curves = [_curve(index, *pair, across, up) for index, pair in enumerate(zip(bands, strays, strict=True))]
    data = {
        "last": across.high,
        "low": up.low,
        "high": up.high,
        "log": up.log,
        "curves": [{"index": index, **_numbers(each)} for index, each in enumerate(bands) if each],
    }
    return Panel(kind.title, tuple(curves), step_ticks(across), up.ticks(), up.log, data)


def _stray(kind: _Kind, run: Logged) -> Band | None:
    """A run that diverged; where it never had a loss that is a number, it left the view as it ended."""
    found, steps = band([kind.trace(run)]), run.column("step")
    if found is None and kind.trace is loss_trace and steps.size:
        beyond = np.array([math.inf])
        return Band(steps[-1:], beyond, beyond, beyond, 1)
    return found


def _curve(index: int, held: Band | None, strays: Sequence[Band], across: Scale, up: Scale) -> Curve:
    line = shade = dots = ""
    if held:
        line = _path(held.x, held.mean, across, up)
        if held.count > 1:
            back = _path(held.x[::-1], held.low[::-1], across, up)
            shade = f"{_path(held.x, held.high, across, up)}L{back[1:]}Z"
        if held.x.size <= FEW:
            dots = "".join(f"{place}h0" for place in _places(held.x, held.mean, across, up, "M"))
    crosses = tuple((_percent(across, stray.x[-1]), _percent(up, stray.mean[-1])) for stray in strays)
    return Curve(index, line, shade, dots, tuple(_path(each.x, each.mean, across, up) for each in strays), crosses)


def _percent(scale: Scale, value: float) -> float:
    return round(float(scale.along(np.array(value))) * 100 / UNIT, 2)


def _path(x: Floats, y: Floats, across: Scale, up: Scale) -> str:
    return "M" + "L".join(_places(x, y, across, up, ""))


def _places(x: Floats, y: Floats, across: Scale, up: Scale, before: str) -> list[str]:
    right, down = across.along(x).round(1).tolist(), (UNIT - up.along(y)).round(1).tolist()
    return [f"{before}{a:g},{b:g}" for a, b in zip(right, down, strict=True)]


def _numbers(held: Band) -> dict[str, list[float]]:
    """The values for the pointer, to six digits."""
    columns = {"x": held.x.round(2), "mean": held.mean}
    if held.count > 1:
        columns |= {"low": held.low, "high": held.high}
    return {name: [float(f"{value:.6g}") for value in column.tolist()] for name, column in columns.items()}


def stroke(index: int) -> tuple[str, str]:
    """The colour and the dashes of the curve of this index, the same as in the pictures."""
    dashes = line_style(index)["linestyle"]
    return COLOURS[index % len(COLOURS)], "" if dashes == "solid" else " ".join(f"{2 * part:g}" for part in dashes[1])
