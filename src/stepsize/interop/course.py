"""The rates of a tool's schedule over a run, and as long after its end."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stepsize.horizon import Horizon
from stepsize.interop.tool_schedule import ToolSchedule

Places = NDArray[np.bool_]
"""Which of the updates of a course."""

EXACT = 1e-9
"""Parts of the highest rate that count as none."""
_MOST = 500_000  # updates of a run that are all looked at; of longer runs, as many, and all near the ends of phases
_NEAR = 2_000


@dataclass(frozen=True)
class Course:
    """The rates of a schedule at the updates of a run, and as many after its end."""

    meaning: ToolSchedule
    horizon: Horizon | None

    @property
    def word(self) -> str:
        return "factor" if self.meaning.relative else "rate"

    @cached_property
    def run(self) -> float:
        """The updates of the run; inf if neither the horizon nor the config says."""
        return self.horizon.steps if self.horizon else self.meaning.total_steps

    @property
    def ends_in_warmup(self) -> bool:
        return 0 < self.meaning.warmup_steps >= self.run

    @property
    def goes_on(self) -> bool:
        """Whether the run is known to go on after the end of its schedule."""
        return self.run > self.meaning.total_steps

    @cached_property
    def updates(self) -> NDArray[np.int64]:
        lengths = [each for each in (self.run, self.meaning.total_steps, self.meaning.rates.steps) if each < math.inf]
        last = 2 * int(max([*lengths, 10 * self.meaning.warmup_steps, 500]))
        if last <= 2 * _MOST:
            return np.arange(last + 1)
        near = [int(each) + np.arange(-_NEAR, _NEAR) for each in (_NEAR, self.meaning.warmup_steps, *lengths)]
        found = np.unique(np.concatenate([np.linspace(0, last, _MOST).astype(np.int64), *near]))
        return found[found >= 0]

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        return self.meaning.rates(self.updates)

    @cached_property
    def scale(self) -> float:
        """The highest rate of all, regardless of its sign."""
        return float(np.abs(self.rates).max())

    @cached_property
    def highest(self) -> tuple[float, int]:
        """The highest rate of the run, and its first update."""
        return self.top(self.updates < self.run)

    def top(self, places: Places) -> tuple[float, int]:
        top = float(self.rates[places].max())
        return top, self.first(places & (self.rates >= top - EXACT * self.scale))

    def first(self, places: Places) -> int:
        return int(self.updates[np.argmax(places)])

    def at(self, update: float) -> float:
        return float(self.meaning.rates(update))


def distinct_texts(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as few digits as tell them apart."""
    for digits in (4, 6, 9, 12, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts
