"""The scale of values in a picture of runs: logarithmic or not, which values are in view, and round numbers beside it.

The axes fit the runs that train. A run that is stuck or diverges does not stretch them far.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.plots.curves import Floats, Trace, loss_trace, rate_trace, runs_by_rates
from stepsize.schedules.curve import round_numbers, whole_powers
from stepsize.store.run import Logged

UNIT = 1000  # the length of an edge
LOSS_LOG, OTHER_LOG = 10, 1000  # a scale is logarithmic if the largest value is more than this many times the least
MOST_STRETCHED = 3  # times the height that the runs that train need
LEAST_DROP = 0.1  # of the first train loss; a run whose loss falls by less is stuck
LETTERS_ACROSS = 26  # of all numbers along the foot, so that they fit on a phone
FARTHEST = 1e36  # a place in a drawing, whose numbers have 32 bits


def is_stuck(run: Logged) -> bool:
    """Whether a run diverged, or ends with a train loss that is hardly below its first one, or above it."""
    losses = loss_trace(run).y
    if run.status == "diverged" or losses.size < 2:
        return run.status == "diverged"
    return bool(losses[-1] >= losses[0] - LEAST_DROP * abs(losses[0]))


def in_trouble(runs: Sequence[Logged]) -> bool:
    """Whether most of the runs of a schedule are stuck."""
    return 2 * sum(map(is_stuck, runs)) > len(runs)


@dataclass(frozen=True)
class Extent:
    """The lowest and the highest value of some runs, and of those among them that are not stuck, if there are any."""

    every: tuple[float, float]
    calm: tuple[float, float] | None

    @classmethod
    def of(cls, values: Iterable[tuple[Floats, bool]]) -> "Extent | None":
        """The extent of the values of each run, with whether it is stuck; None if there are no values."""
        held = [(float(each.min()), float(each.max()), stuck) for each, stuck in values if each.size]
        every = _ends([(low, high) for low, high, _ in held])
        return None if every is None else cls(every, _ends([(low, high) for low, high, stuck in held if not stuck]))


def rate_extents(groups: Iterable[Sequence[Logged]]) -> list[Extent | None]:
    """The extent of the rates of each group, the runs of one schedule."""
    troubled = ((group, in_trouble(group)) for group in groups)
    return [Extent.of([(rate_trace(run).y, stuck) for run in runs_by_rates(group)]) for group, stuck in troubled]


def metric_extents(groups: Iterable[Sequence[Logged]], *traces: Callable[[Logged], Trace]) -> list[Extent | None]:
    """The extent of metrics of each group; of a run that diverged only the first value counts."""
    return [
        Extent.of(
            [
                (trace(run).y[: 1 if run.status == "diverged" else None], is_stuck(run))
                for run in group
                for trace in traces
            ]
        )
        for group in groups
    ]


def _ends(pairs: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    return (min(low for low, _ in pairs), max(high for _, high in pairs)) if pairs else None


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

    @property
    def ends(self) -> tuple[float, float]:
        return (10.0**self.low, 10.0**self.high) if self.log else (self.low, self.high)

    def inner(self, values: Floats) -> Floats:
        """The values, or their logarithms; those that have none count as the smallest number."""
        return np.log10(np.maximum(values, np.finfo(float).tiny)) if self.log else values

    def along(self, values: Floats) -> Floats:
        """The places of values: from 0 to `UNIT`, and beyond the edge for values that are not in view."""
        # Halves, so that the difference of the largest floats is finite.
        places = UNIT * ((self.inner(values) / 2 - self.low / 2) / (self.high / 2 - self.low / 2))
        return np.clip(places, -FARTHEST, FARTHEST)

    def percent(self, value: float) -> float:
        """The place of a value in percent of the edge; values beyond it are at its end."""
        return round(min(100.0, max(0.0, float(self.along(np.array(value))) * 100 / UNIT)), 2)

    def leaves(self, extent: Extent) -> bool:
        """Whether some of the values are out of view."""
        low, high = self.inner(np.array(extent.every))
        return bool(low < self.low or high > self.high)

    def numbers(self) -> list[float]:
        if not self.log:
            return round_numbers(self.low, self.high)
        if self.high - self.low > 2:
            return [10.0**power for power in whole_powers(self.low, self.high)]
        digits = (1, 2, 5) if self.high - self.low > 0.7 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        decades = range(math.floor(self.low), math.floor(self.high) + 1)
        places = (power + math.log10(digit) for power in decades for digit in digits)
        return [10.0**place for place in places if self.low - 1e-9 <= place <= self.high + 1e-9]

    def ticks(self) -> tuple[Tick, ...]:
        return tuple(Tick(self.percent(value), number(value)) for value in self.numbers())


def rate_scale(extents: Iterable[Extent | None], ends: Iterable[float]) -> Scale:
    """The scale of the learning rate of schedules with these end values, of which one of zero rules out a log scale."""
    return value_scale(extents, OTHER_LOG if all(end > 0 for end in ends) else math.inf, from_zero=True)


def metric_scale(extents: Iterable[Extent | None], name: str) -> Scale:
    """The scale of the metric of this name, a loss or another."""
    return value_scale(extents, LOSS_LOG if name.endswith("loss") else OTHER_LOG)


def value_scale(extents: Iterable[Extent | None], log_beyond: float, from_zero: bool = False) -> Scale:
    """A scale with a little room at both ends: logarithmic if max / min > `log_beyond` and all values are positive.

    Values of stuck runs are left out if the others need less than a third of the height that all would need. With
    `from_zero` a linear scale starts at zero, unless a value is below.
    """
    held = [each for each in extents if each is not None]
    every = _ends([each.every for each in held])
    if every is None:
        return Scale(0.0, 1.0)
    calm = _ends([each.calm for each in held if each.calm is not None]) or every
    log = calm[0] > 0 and calm[1] / log_beyond > calm[0]
    from_zero = from_zero and not log and calm[0] >= 0
    as_drawn = Scale(0.0, 1.0, log)
    (low, high), (lowest, highest) = (as_drawn.inner(np.array(ends)).tolist() for ends in (calm, every))
    if from_zero:
        low, lowest = 0.0, min(0.0, lowest)
    if highest / 2 - lowest / 2 <= MOST_STRETCHED * (high / 2 - low / 2):
        low, high = lowest, highest
    if log:
        return Scale(low - 0.03 * (high - low), high + 0.03 * (high - low), log=True)
    if from_zero and low == 0:
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
        >>> from stepsize.plots.scales import number
        >>> number(0.1 + 0.2), number(0.0000001), number(12_000_000.0)
        ('0.3', '1e-7', '1.2e7')
    """
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:,.6g}")
