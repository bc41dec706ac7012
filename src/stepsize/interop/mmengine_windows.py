"""MMEngine's schedulers at work in their windows, one after another or at the same time."""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.mmengine_shapes import SHAPES
from stepsize.interop.phases import in_turn
from stepsize.schedules import Constant, Schedule

INFINITE = 10**9
"""MMEngine's end of a window that never ends."""


@dataclass(frozen=True)
class Window:
    """A scheduler at work from the update `begin` for n steps of `each` updates.

    After an update, the schedulers take their turns: those that count updates first, each kind in the order of the
    config.
    """

    kind: str
    settings: dict[str, Any]
    begin: int
    n: int
    each: int
    turn: tuple[bool, int]

    @property
    def end(self) -> float:
        return math.inf if self.n >= INFINITE else self.begin + self.n * self.each

    @property
    def last(self) -> float:
        return self.end - self.each

    @property
    def low(self) -> float:
        return self.settings.get("eta_min") or 0.0

    @property
    def multiplies(self) -> bool:
        """Whether it multiplies what it finds, as long as the window is open."""
        rises = self.kind == "CosineAnnealing" and self.n - 1 > (self.settings.get("T_max") or self.n)
        lifts = self.low or self.settings.get("eta_min_ratio") or self.kind in ("OneCycle", "CosineRestart")
        return not (rises or lifts)

    def schedule(self, start: float, base: float) -> Schedule:
        made = SHAPES[self.kind](start, base, self.n, **self.settings)
        if self.n == 1 or isinstance(made, Constant):
            return Constant(made(0))
        if self.n < INFINITE and made.steps > self.n - 1:
            made = made.head(self.n - 1)
        return made.every(self.each) if self.each > 1 else made


def combined(base: float, windows: Sequence[Window]) -> Schedule:
    """What windows, in the order of their beginnings, do together."""
    first, *others = windows
    if any(_overlap(*pair) for pair in itertools.combinations(windows, 2)):
        if not all(each.multiplies for each in windows):
            rule = "schedulers one after another, or schedulers that multiply"
            raise ArgumentError("MMEngine", "param_scheduler", rule, [f"{each.kind}LR" for each in windows])
        return functools.reduce(mul, [_delayed(first, base), *(_delayed(each, 1.0) for each in others)])
    parts: list[tuple[Schedule, float]] = [(Constant(base), first.begin)]
    value = base
    for window, end in zip(windows, [*(each.begin for each in others), math.inf], strict=True):
        length = end - window.begin
        parts.append((window.schedule(value, base), length))
        value = parts[-1][0](length) if length < math.inf else value
    return in_turn(parts)


def _overlap(window: Window, after: Window) -> bool:
    """Whether `after` begins before the other's last change."""
    return (after.begin, after.turn) < (window.last, window.turn)


def _delayed(window: Window, start: float) -> Schedule:
    made = window.schedule(start, start)
    return Constant(start, window.begin) >> made if window.begin else made
