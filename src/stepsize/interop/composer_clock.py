"""Composer's time strings, on the clock of a scheduler."""

import re
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import LONGEST, Number
from stepsize.errors import ArgumentError
from stepsize.interop.tool_schedule import Run

_TIME = re.compile(r"(\d+\.?\d*(?:e\+?\d+)?)(ba|ep|sp|tok|dur)", re.ASCII)


@dataclass
class Clock:
    """The clock of one scheduler, which counts in the unit of its times: batches, samples or tokens."""

    run: Run
    max_duration: Any
    scale: float
    unit: str = ""

    def length(self, time: Any, setting: str, scaled: bool = True) -> int:
        """A time string, or a Time of Composer's, on the clock; the schedule's scale stretches it if `scaled`."""
        value, unit = self._parts(time, setting)
        if unit == "dur":
            total, unit = self.duration()
            steps = int(value * total)
        else:
            steps, unit = self._in_batches(int(value), unit, setting)
            steps = int(steps * self.scale) if scaled else steps
        if self.unit not in ("", unit):
            raise ArgumentError(self.run.owner, setting, f"in the unit of the other times, {self.unit}", time)
        self.unit = unit
        return steps

    def duration(self) -> tuple[int, str]:
        """The length of the run, and its unit."""
        if self.max_duration is None:
            return self.run.steps("max_duration"), "ba"
        total, unit = self._parts(self.max_duration, "max_duration")
        return self._in_batches(int(total * self.scale), unit, "max_duration")

    def _parts(self, time: Any, setting: str) -> tuple[float, str]:
        text = time.to_timestring() if hasattr(time, "to_timestring") else str(time)
        found = _TIME.fullmatch(text)
        if found is None:
            raise ArgumentError(self.run.owner, setting, 'a time such as "100ba", "2ep" or "0.1dur"', time)
        return Number(most=LONGEST)(self.run.owner, setting, float(found[1])), found[2]

    def _in_batches(self, value: int, unit: str, setting: str) -> tuple[int, str]:
        return (value * self.run.epoch_steps(setting), "ba") if unit == "ep" else (value, unit)

    def batch(self, unit: str) -> int:
        """How far an update moves a clock of this unit."""
        words = {"sp": "samples", "tok": "tokens"}
        return self.run.update("the scheduler", words[unit]) if unit in words else 1
