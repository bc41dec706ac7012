"""`a >> b`: one schedule after another, each on its own clock."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Any

import numpy as np

from stepsize.arguments import Length, Many, Phase
from stepsize.errors import ArgumentError, shown
from stepsize.schedules.base import Schedule, nested
from stepsize.schedules.maths import ARRAY, SCALAR, Maths, Value


def _phases(owner: str, name: str, value: Any) -> tuple[Schedule, ...]:
    """The rule of the parts: schedules, of which only the last may be endless; chains among them are dissolved."""
    parts: list[Schedule] = []
    for part in Many(nested)(owner, name, value):
        parts.extend(part.parts if isinstance(part, Chain) else [part])
    if len(parts) < 2:
        raise ArgumentError("Chain needs at least two parts")
    for part in parts[:-1]:
        if part.steps == math.inf:
            raise ArgumentError(
                f"nothing can follow {shown(part)}, which never ends; say how long it lasts with .head(n) before >>"
            )
    return tuple(parts)


@dataclass(frozen=True, repr=False)
class Chain(Schedule):
    """The parts one after another; part i starts its own clock where the lengths before it add up to."""

    parts: Annotated[tuple[Schedule, ...], _phases]

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return tuple(accumulate((int(part.steps) for part in self.parts[:-1]), initial=0))

    @property
    def steps(self) -> float:  # type: ignore[override]
        """The sum of the parts' lengths."""
        return self._starts[-1] + self.parts[-1].steps

    def head(self, n: Phase) -> Schedule:
        """The first n steps, then the value at step n; only the part that holds the last step is cut."""
        last = bisect_right(self._starts, Length(0)("head", "n", n) - 1) - 1
        if last < 1:
            return self.parts[0].head(n)
        return Chain((*self.parts[:last], self.parts[last].head(n - self._starts[last])))

    def _at(self, t: Value, m: Maths) -> Value:
        starts = self._starts
        if m is SCALAR:
            i = bisect_right(starts, t) - 1
            return self.parts[i]._at(t - starts[i], SCALAR)
        which = m.count(starts, t) - 1
        if which.size and which.min() == which.max():  # most blocks of steps lie within one part
            return self.parts[which[0]]._at(t - starts[which[0]], ARRAY)
        order = np.argsort(which, kind="stable")
        values = np.empty_like(t)
        for here in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
            if here.size:
                i = which[here[0]]
                values[here] = self.parts[i]._at(t[here] - starts[i], ARRAY)
        return values

    def _text(self) -> str:
        return " >> ".join(part._text() for part in self.parts)

    _binds = 1

    @property
    def _children(self) -> Sequence[Schedule]:
        return self.parts
