"""The drawings of the report: scales with round numbers, curves with bands as SVG paths, and ends of diverged runs."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from stepsize.lab.statistics.findings import KNOWN
from stepsize.lab.terms import Terms
from stepsize.plots.curves import COLOURS, Floats, line_style
from stepsize.plots.traces import (
    Band,
    Trace,
    accuracy_trace,
    band,
    highest_rate_in_view,
    loss_trace,
    metric_trace,
    rate_ends,
    rate_trace,
    runs_by_rates,
    test_loss_trace,
    train_accuracy_trace,
)
from stepsize.schedules.curve import round_numbers, whole_powers
from stepsize.store.run import Logged

UNIT = 1000  # the width and the height of a drawing; the page stretches it
LETTERS_ACROSS = 26  # of all numbers along the foot, so that they fit on a phone
LOSS_LOG, OTHER_LOG = 10, 1000  # a scale is logarithmic if the largest value is more than this many times the least
MOST_STRAYS = 5  # diverged runs of a schedule that are drawn
FEW = 30  # a curve with at most this many points has a dot at each


@dataclass(frozen=True)
class Tick:
    """A number at an edge, and its place in percent of the edge."""

    place: float
    label: str


@dataclass(frozen=True)
class Scale:
    """The values from the lower end of an edge to its upper end, or their logarithms."""

    low: float
    high: float
    log: bool = False

    def along(self, values: Floats) -> Floats:
        """The places of values, from 0 to `UNIT`; values beyond the edge are at its end."""
        inner = np.log10(np.maximum(values, np.finfo(float).tiny)) if self.log else values
        inner = np.clip(inner, self.low, self.high)
        # Halves, so that the difference of the largest floats is finite.
        return UNIT * ((inner / 2 - self.low / 2) / (self.high / 2 - self.low / 2))

    def percent(self, value: float) -> float:
        """The place of a value in percent of the edge."""
        return round(float(self.along(np.array(value))) * 100 / UNIT, 2)

    def ticks(self) -> tuple[Tick, ...]:
        """Some three to eight round numbers."""
        places = self._log_numbers() if self.log else round_numbers(self.low, self.high)
        values = [10.0**place if self.log else place for place in places]
        return tuple(Tick(self.percent(value), number(value)) for value in values)

    def _log_numbers(self) -> list[float]:
        if self.high - self.low > 2:
            return [float(power) for power in whole_powers(self.low, self.high)]
        digits = (1, 2, 5) if self.high - self.low > 0.7 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        decades = range(math.floor(self.low), math.floor(self.high) + 1)
        places = (power + math.log10(digit) for power in decades for digit in digits)
        return [place for place in places if self.low - 1e-9 <= place <= self.high + 1e-9]


def value_scale(values: Iterable[Floats], log_beyond: float, from_zero: bool = False) -> Scale:
    """A scale with a little room at both ends: logarithmic if max / min > `log_beyond` and all values are positive.

    With `from_zero` a linear scale starts at zero, unless a value is below.
    """
    every = np.concatenate([*values, np.zeros(0)])
    if not every.size:
        return Scale(0.0, 1.0)
    low, high = float(every.min()), float(every.max())
    if low > 0 and high / log_beyond > low:
        low, high = math.log10(low), math.log10(high)
        return Scale(low - 0.03 * (high - low), high + 0.03 * (high - low), log=True)
    if from_zero and low >= 0:
        return Scale(0.0, 1.05 * high or 1.0)
    room = 0.05 * (high / 2 - low / 2) or 0.05 * abs(high) or 1.0
    return Scale(low - room, high + room)


def step_ticks(scale: Scale) -> tuple[Tick, ...]:
    """Whole steps with thousands separators, as many as fit beside each other on a phone."""
    labels = {step: f"{step:,.0f}" for step in round_numbers(scale.low, scale.high) if step == int(step)}
    every = math.ceil(sum(map(len, labels.values())) / LETTERS_ACROSS) or 1
    return tuple(Tick(scale.percent(step), label) for step, label in list(labels.items())[::every])


def number(value: float) -> str:
    """At most six digits: `0.25`, `1e-7`, `10,000`.

    Example:
        >>> from stepsize.lab.report.panels import number
        >>> number(0.1 + 0.2), number(0.0000001), number(12_000_000.0)
        ('0.3', '1e-7', '1.2e7')
    """
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:,.6g}")


@dataclass(frozen=True)
class Curve:
    """One schedule in one drawing: paths within `UNIT` x `UNIT`, and the ends of its diverged runs in percent.

    `thin` is the curve beside the line, such as the train accuracy.
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

    `thin` says what the thin curves are; "" if there are none.
    """

    title: str
    thin: str
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
    top: float = math.inf  # values above it are drawn along the edge
    thin: str = ""  # what is drawn beside it
    thin_trace: Callable[[Logged], Trace] | None = None


_RATE = _Kind("learning rate", rate_trace, OTHER_LOG, from_zero=True)
_METRICS = (
    _Kind("train loss", loss_trace, LOSS_LOG),
    _Kind("test accuracy", accuracy_trace, OTHER_LOG, thin="train accuracy", thin_trace=train_accuracy_trace),
    _Kind("test loss", test_loss_trace, LOSS_LOG),
)


def panels(groups: Sequence[Sequence[Logged]], terms: Terms) -> tuple[Panel, ...]:
    """The drawings of runs, a group for each schedule: the rate, and every metric that has finite values."""
    last = max((float(steps[-1]) for group in groups for run in group if (steps := run.column("step")).size), default=0)
    across = Scale(0.0, last or 1.0)
    kept = [[run for run in group if run.status != "diverged"] for group in groups]
    lost = [[run for run in group if run.status == "diverged"][:MOST_STRAYS] for group in groups]
    to_zero = min(rate_ends([group[0] for group in groups]), default=1.0) <= 0.0  # which has no place on a log scale
    top = highest_rate_in_view(run for group in groups for run in group)
    rate = replace(_RATE, top=top, log_beyond=math.inf if to_zero else OTHER_LOG)
    kinds = [replace(kind, title=kind.title.replace("test", terms.judged_on)) for kind in _METRICS]
    if (headline := terms.headline) is not None and headline.field not in KNOWN:
        kinds.append(_Kind(headline.label, partial(metric_trace, name=headline.field), OTHER_LOG))
    drawn = [
        _panel(rate, [*map(runs_by_rates, groups)], lost, across),
        *(_panel(kind, kept, lost, across) for kind in kinds),
    ]
    return tuple(panel for panel in drawn if panel is not None)


def stroke(index: int) -> tuple[str, str]:
    """The colour and the dashes of the curve of this index, the same as in the pictures."""
    dashes = line_style(index)["linestyle"]
    return COLOURS[index % len(COLOURS)], "" if dashes == "solid" else " ".join(f"{2 * part:g}" for part in dashes[1])


def _panel(
    kind: _Kind, kept: Sequence[Sequence[Logged]], lost: Sequence[Sequence[Logged]], across: Scale
) -> Panel | None:
    """A curve for each group of `kept`, and the diverged runs of the same schedules one by one."""
    bands = [band([kind.trace(run) for run in group]) for group in kept]
    thin = [band([kind.thin_trace(run) for run in group]) if kind.thin_trace else None for group in kept]
    strays = [[found for run in group if (found := _stray(kind, run))] for group in lost]
    begun = [stray.mean[:1] for group in strays for stray in group]  # a loss that shot up leaves the view
    begun = [values for values in begun if np.isfinite(values).all()]
    shown = [values for each in bands if each for values in (each.low, each.high)] + begun
    if not shown:
        return None
    shown += [each.mean for each in thin if each]
    up = value_scale([np.minimum(values, kind.top) for values in shown], kind.log_beyond, kind.from_zero)
    held = zip(bands, thin, strays, strict=True)
    curves = [_curve(index, *each, across, up) for index, each in enumerate(held)]
    data = {
        "last": across.high,
        "low": up.low,
        "high": up.high,
        "log": up.log,
        "thin": kind.thin,
        "curves": [
            {"index": index, **_numbers(each), **({"thin": _numbers(beside)} if beside else {})}
            for index, (each, beside) in enumerate(zip(bands, thin, strict=True))
            if each
        ],
    }
    beside = kind.thin if any(thin) else ""
    return Panel(kind.title, beside, tuple(curves), step_ticks(across), up.ticks(), up.log, data)


def _stray(kind: _Kind, run: Logged) -> Band | None:
    """A diverged run; if it never had a finite loss, it leaves the view at its end."""
    found, steps = band([kind.trace(run)]), run.column("step")
    if found is None and kind.trace is loss_trace and steps.size:
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
    crosses = tuple((across.percent(stray.x[-1]), up.percent(stray.mean[-1])) for stray in strays)
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
