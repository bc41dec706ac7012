"""Values along the edge of a drawing: how far up or across each lies, and the round numbers to read it by."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepsize.schedules.curve import round_numbers, whole_powers

Floats = NDArray[np.float64]
UNIT = 1000
"""A drawing is this wide and this high; the page stretches it."""
LETTERS_ACROSS = 26
"""What the numbers along the foot may have together, with a phone in mind."""


@dataclass(frozen=True)
class Tick:
    """A number, and where it stands: in percent of the edge."""

    place: float
    label: str


@dataclass(frozen=True)
class Scale:
    """The values from the lower end of an edge to its upper, or their logarithms."""

    low: float
    high: float
    log: bool = False

    def along(self, values: Floats) -> Floats:
        """Where values lie, from 0 to `UNIT`; those beyond the edge, at its end."""
        inner = np.log10(np.maximum(values, np.finfo(float).tiny)) if self.log else values
        inner = np.clip(inner, self.low, self.high)
        # Of halves, so that the largest numbers have a difference too.
        return UNIT * ((inner / 2 - self.low / 2) / (self.high / 2 - self.low / 2))

    def ticks(self) -> tuple[Tick, ...]:
        """Some three to eight round numbers."""
        places = self._log_numbers() if self.log else round_numbers(self.low, self.high)
        values = [10.0**place if self.log else place for place in places]
        at = self.along(np.array(values)) * (100 / UNIT)
        return tuple(Tick(round(float(place), 2), number(value)) for place, value in zip(at, values, strict=True))

    def _log_numbers(self) -> list[float]:
        if self.high - self.low > 2:
            return [float(power) for power in whole_powers(self.low, self.high)]
        digits = (1, 2, 5) if self.high - self.low > 0.7 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        decades = range(math.floor(self.low), math.floor(self.high) + 1)
        places = (power + math.log10(digit) for power in decades for digit in digits)
        return [place for place in places if self.low - 1e-9 <= place <= self.high + 1e-9]


def value_scale(values: Iterable[Floats], log_beyond: float, from_zero: bool = False) -> Scale:
    """The scale of some values: logarithmic where all are positive and the largest is `log_beyond` times the least.

    A little room is left at both ends; a linear scale starts at zero if asked, where no value is below.
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


def step_scale(last: float) -> Scale:
    """Steps 0 .. last."""
    return Scale(0.0, last or 1.0)


def step_ticks(scale: Scale) -> tuple[Tick, ...]:
    """Whole steps with thousands separators, as many as have room beside each other on a phone."""
    numbers = [step for step in round_numbers(scale.low, scale.high) if step == int(step)]
    labels = [f"{step:,.0f}" for step in numbers]
    every = math.ceil(sum(map(len, labels)) / LETTERS_ACROSS) or 1
    return tuple(
        Tick(round(100 * step / scale.high, 2), label)
        for step, label in list(zip(numbers, labels, strict=True))[::every]
    )


def number(value: float) -> str:
    """At most six digits: `0.25`, `1e-7`, `10,000`.

    Example:
        >>> from stepsize.lab.report.scales import number
        >>> number(0.1 + 0.2), number(0.0000001), number(12_000_000.0)
        ('0.3', '1e-7', '1.2e7')
    """
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:,.6g}")
