"""What the position of a scheduler counts: steps, samples, tokens, or seconds that all processes agree on."""

import math
import time
from collections.abc import Mapping

from stepsize.arguments import Length, Number, Rule, Whole
from stepsize.errors import ArgumentError, StepError
from stepsize.horizon import Horizon
from stepsize.pytorch.processes import of_first_process
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Schedule

COUNTED = {"steps": "update", "samples": "sample", "tokens": "token", "seconds": "second"}
"""One of what each clock counts."""


class Clock:
    """How far an update moves the position, and where the horizon ends."""

    def __init__(self, name: str, horizon: Horizon | None, auto: bool) -> None:
        self.name = name
        self._horizon = horizon
        if name == "seconds" and horizon is not None:
            advice = 'write lengths as times, such as "30min"'
            raise ArgumentError("Scheduler", "horizon", "left out if the clock counts seconds", horizon, advice)
        if name == "tokens" and horizon is not None and horizon.tokens_per_sample is None:
            rule = "a Horizon with tokens_per_sample if the clock counts tokens"
            advice = "write Horizon(..., tokens_per_sample=2048)"
            raise ArgumentError("Scheduler", "horizon", rule, horizon, advice)
        if name in ("samples", "tokens") and auto and horizon is None:
            rule = f"left out if the clock counts {name} and there is no horizon"
            advice = f"give {{horizon}}, or report the {name} of each update with advance(n)"
            raise ArgumentError("Scheduler", "auto", rule, auto, advice, horizon=...)
        self.end: float = math.inf if horizon is None else horizon.of("100%", name)
        self.restart()

    def restart(self) -> None:
        """Measure seconds from now on."""
        self._since = time.monotonic()

    def after_update(self, position: float) -> float:
        if self.name == "seconds":
            return position + self._measured()
        if self.name == "steps" or self._horizon is None:
            return position + 1
        return self._horizon.after_update(int(position), self.name)

    def passed(self, n: float | None) -> float:
        """The argument of `advance`; seconds that are left out are measured."""
        if self.name != "seconds":
            return Length(0)("advance", "n", n)
        if n is None:
            return self._measured()
        seconds = Number(least=0.0)("advance", "n", n)
        self.restart()
        return seconds

    def _measured(self) -> float:
        """The seconds since the last call or restart; those of the first process in all processes."""
        before = self._since
        self.restart()
        seconds = of_first_process(self._since - before)
        if seconds < 0.0:
            raise StepError(f"the clock ran backwards by {-seconds:g} seconds", "measure them and call advance(n)")
        return seconds

    def warn_of_lengths(self, schedules: Mapping[str, Schedule]) -> None:
        """Warn of schedules that end an update or more before or after the horizon."""
        if self._horizon is None:
            return
        update = self._horizon.after_update(0, self.name)
        for name, schedule in schedules.items():
            if schedule.steps < math.inf and abs(schedule.steps - self.end) >= update:
                lasts = f"lasts {schedule.steps} {COUNTED[self.name]}s, but the horizon has {self.end}"
                mend = f"write .stretch({self.end}) after the schedule, or correct {self._horizon}"
                caution(f"{name} = {schedule} {lasts}; {mend}")


def position_rule(clock: str) -> Rule:
    """The rule of a position on this clock."""
    return Number(least=0.0) if clock == "seconds" else Whole(0)
