"""The drawings of the report: curves with bands as SVG paths, and ends of diverged runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stepsize.errors import first_few
from stepsize.lab.report.tables import judged_label
from stepsize.lab.statistics.findings import KNOWN, Terms
from stepsize.plots.curves import (
    COLOURS,
    Band,
    Floats,
    Trace,
    band,
    line_style,
    metric_trace,
    rate_ends,
    rate_trace,
    runs_by_rates,
)
from stepsize.plots.scales import (
    UNIT,
    Extent,
    Scale,
    Tick,
    metric_extents,
    metric_scale,
    rate_extents,
    rate_scale,
    step_ticks,
)
from stepsize.store.run import Logged

MOST_STRAYS = 5  # diverged runs of a schedule that are drawn
MOST_BEYOND = 3  # schedules out of view that are named
FEW = 30  # a curve with at most this many points has a dot at each


@dataclass(frozen=True)
class Curve:
    """One schedule in one drawing: paths within `UNIT` x `UNIT`, and the ends of its diverged runs in percent.

    `thin` is the curve beside the line, such as the train accuracy. Paths and ends go beyond the edge of the drawing
    if their values are not in view.
    """

    index: int
    line: str
    thin: str
    band: str
    dots: str
    strays: tuple[str, ...]
    crosses: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """One drawing: its title, the curves, the numbers at its edges, and the values for the pointer.

    `thin` says what the thin curves are; "" if there are none. `beyond` names the schedules that leave the view.
    """

    title: str
    thin: str
    curves: tuple[Curve, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    log: bool
    beyond: str
    data: dict[str, Any]


@dataclass(frozen=True)
class _Kind:
    name: str
    title: str
    thin: str = ""  # the metric that is drawn beside it

    def trace(self, run: Logged) -> Trace:
        return rate_trace(run) if self is _RATE else metric_trace(run, self.name)

    def thin_trace(self, run: Logged) -> Trace:
        return metric_trace(run, self.thin)


_RATE = _Kind("lr", "learning rate")
_METRICS = (
    _Kind("train_loss", "train loss"),
    _Kind("test_accuracy", "test accuracy", "train_accuracy"),
    _Kind("test_loss", "test loss"),
)


def panels(groups: Sequence[Sequence[Logged]], terms: Terms) -> tuple[Panel, ...]:
    """The drawings of runs, a group for each schedule: the rate, and every metric that has finite values."""
    last = max((float(steps[-1]) for group in groups for run in group if (steps := run.column("step")).size), default=0)
    across = Scale(0.0, last or 1.0)
    kinds = [replace(kind, title=kind.title.replace("test", terms.judged_on)) for kind in _METRICS]
    if (headline := terms.headline) is not None and headline.field not in KNOWN:
        kinds.append(_Kind(headline.field, judged_label(headline, terms.judged_on)))
    drawn = [_panel(kind, groups, across) for kind in (_RATE, *kinds)]
    return tuple(panel for panel in drawn if panel is not None)


def stroke(index: int) -> tuple[str, str]:
    """The colour and the dashes of the curve of this index, the same as in the pictures."""
    dashes = line_style(index)["linestyle"]
    return COLOURS[index % len(COLOURS)], "" if dashes == "solid" else " ".join(f"{2 * part:g}" for part in dashes[1])


def _panel(kind: _Kind, groups: Sequence[Sequence[Logged]], across: Scale) -> Panel | None:
    """A curve for each group, and its diverged runs one by one."""
    if kind is _RATE:
        extents, kept = rate_extents(groups), [*map(runs_by_rates, groups)]
        up = rate_scale(extents, rate_ends([group[0] for group in groups]))
    else:
        extents = metric_extents(groups, kind.trace, *([kind.thin_trace] if kind.thin else []))
        kept = [[run for run in group if run.status != "diverged"] for group in groups]
        up = metric_scale(extents, kind.name)
    traces = [[kind.trace(run) for run in group] for group in kept]
    beside = [[kind.thin_trace(run) for run in group] if kind.thin else [] for group in kept]
    lost = [[run for run in group if run.status == "diverged"][:MOST_STRAYS] for group in groups]
    strays = [[found for run in group if (found := _stray(kind, run))] for group in lost]
    bands, thin = [*map(band, traces)], [*map(band, beside)]
    if not (any(bands) or any(np.isfinite(stray.mean).any() for group in strays for stray in group)):
        return None
    curves = [_curve(index, *each, across, up) for index, each in enumerate(zip(bands, thin, strays, strict=True))]
    beyond = [group[0].name for group, each in zip(groups, extents, strict=True) if each and up.leaves(each)]
    data = {
        "last": across.high,
        "low": up.low,
        "high": up.high,
        "log": up.log,
        "zero": kind is _RATE and not up.log,
        "thin": kind.thin.replace("_", " "),
        "extents": [[index, *_inner(each, up)] for index, each in enumerate(extents) if each],
        "curves": [
            {"index": index, **_numbers(each), **({"thin": _numbers(other)} if other else {})}
            for index, (each, other) in enumerate(zip(bands, thin, strict=True))
            if each
        ],
    }
    return Panel(
        kind.title,
        kind.thin.replace("_", " ") if any(thin) else "",
        tuple(curves),
        step_ticks(across),
        up.ticks(),
        up.log,
        first_few(beyond, MOST_BEYOND),
        data,
    )


def _inner(extent: Extent, up: Scale) -> tuple[list[float], list[float] | None]:
    """The ends of an extent as the scale has them, for the page, which rescales if a schedule is hidden."""
    every = up.inner(np.array(extent.every)).tolist()
    return every, None if extent.calm is None else up.inner(np.array(extent.calm)).tolist()


def _stray(kind: _Kind, run: Logged) -> Band | None:
    """A diverged run; if it never had a finite loss, it leaves the view at its end."""
    found, steps = band([kind.trace(run)]), run.column("step")
    if found is None and kind.name == "train_loss" and steps.size:
        beyond = np.array([math.inf])
        return Band(steps[-1:], beyond, beyond, beyond, 1)
    return found


def _curve(
    index: int, held: Band | None, beside: Band | None, strays: Sequence[Band], across: Scale, up: Scale
) -> Curve:
    line = shade = dots = ""
    thin = _path(beside.x, beside.mean, across, up) if beside else ""
    if held:
        line = _path(held.x, held.mean, across, up)
        if held.count > 1:
            back = _path(held.x[::-1], held.low[::-1], across, up)
            shade = f"{_path(held.x, held.high, across, up)}L{back[1:]}Z"
        if held.x.size <= FEW:
            dots = "".join(f"M{place}h0" for place in _places(held.x, held.mean, across, up))
    ends = [(across.percent(stray.x[-1]), float(up.along(stray.mean[-1:])[0]) * 100 / UNIT) for stray in strays]
    crosses = tuple((x, float(f"{y:.6g}")) for x, y in ends)
    paths = tuple(_path(each.x, each.mean, across, up) for each in strays)
    return Curve(index, line, thin, shade, dots, paths, crosses)


def _path(x: Floats, y: Floats, across: Scale, up: Scale) -> str:
    return "M" + "L".join(_places(x, y, across, up))


def _places(x: Floats, y: Floats, across: Scale, up: Scale) -> list[str]:
    right, down = across.along(x).round(1).tolist(), (UNIT - up.along(y)).round(1).tolist()
    return [f"{a:g},{b:g}" for a, b in zip(right, down, strict=True)]


def _numbers(held: Band) -> dict[str, list[float]]:
    """The values for the pointer, to six digits."""
    columns = {"x": held.x.round(2), "mean": held.mean}
    if held.count > 1:
        columns |= {"low": held.low, "high": held.high}
    return {name: [float(f"{value:.6g}") for value in column.tolist()] for name, column in columns.items()}
