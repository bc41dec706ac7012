"""A schedule as windows of MMEngine's schedulers: one for each of its shapes, from where the last one ended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.code import to_code
from stepsize.interop.mmengine_windows import INFINITE
from stepsize.interop.tool_schedule import Run
from stepsize.interop.writers.exact import ratio
from stepsize.interop.writers.mmengine_shapes import SETS_ITS_START, close, scheduler_of
from stepsize.interop.writers.pieces import pieces
from stepsize.schedules import Constant, Cosine, MultiStep, Schedule
from stepsize.schedules.clock import Chain, Every, Repeat

INSTEAD = "let a hook set the rate with the code of {form}"


@dataclass(frozen=True)
class Part:
    """A shape from the update `start` on, each of whose steps takes `each` updates."""

    start: int
    shape: Schedule
    each: int = 1

    @property
    def first(self) -> float:
        return self.shape(0)


def parts_of(schedule: Schedule, run: Run) -> list[Part]:
    """The shapes of a schedule, those of epochs too; what one scheduler makes of several cosines is one shape."""
    epoch = run.horizon.epoch_steps if run.horizon else None
    found: list[Part] = []
    for start, piece in pieces(schedule):
        found = [each for each in found if each.start < start]
        if isinstance(piece, Every) and piece.n == epoch and start % epoch == 0:
            found += [Part(start + step * epoch, shape, epoch) for step, shape in pieces(piece.schedule)]
        else:
            found.append(Part(start, piece))
    merged: list[Part] = []
    for part in found:
        if merged and _goes_on(merged[-1], part):
            merged[-1] = replace(merged[-1], shape=merged[-1].shape >> part.shape)
        else:
            merged.append(part)
    return merged


def _goes_on(part: Part, after: Part) -> bool:
    """Whether a scheduler of cosines goes on after one: it restarts, or rises for ever and falls again."""
    if part.each != after.each or part.start + part.shape.steps * part.each != after.start:
        return False
    match part.shape, after.shape:
        case Cosine(_, low) | Chain((*_, Cosine(_, low))), Cosine(high, end):
            return low == end != high
        case Cosine(_, low), Repeat(Chain((Cosine(start), Cosine())), math.inf):
            return low == start
    return False


def windows_of(parts: Sequence[Part], base: float, run: Run) -> list[dict[str, Any]]:
    """The windows of schedulers that make the parts, if the optimizer's rate is `base`."""
    windows = _Windows(base, run)
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        windows.make(part, after)
    return windows.made or [{"type": "ConstantLR", "factor": 1.0, "by_epoch": False, "begin": 0, "end": 1}]


class _Windows:
    """Windows one after another, and the rate that they have come to."""

    def __init__(self, base: float, run: Run) -> None:
        self.made: list[dict[str, Any]] = []
        self.base = self.rate = base
        self.run = run
        self.free = 0  # the first update after the last change

    def make(self, part: Part, after: Part | None) -> None:
        last = _last_change(part, after)
        if isinstance(part.shape, Constant):
            if after and close(after.first, self.rate) and 0.0 < part.first < self.rate:
                self._add(part.start, after.start - part.start, 1, "ConstantLR", factor=ratio(part.first, self.rate))
            else:
                self._jump(part.start, part.first)
            return
        found = scheduler_of(part.shape, last, self.rate, self.base)
        if found is None:
            rule = "made of shapes that MMEngine has"
            raise ArgumentError(self.run.owner, "schedule", rule, part.shape, INSTEAD, form=to_code)
        name, settings = found
        if last == 0 or name not in SETS_ITS_START:
            self._jump(part.start, part.first)
        if last > 0:
            self._add(part.start, last, part.each, name, **settings)
        if after:
            self.rate = part.shape(last)

    def _add(self, start: int, last: float, each: int, name: str, **settings: Any) -> None:
        """A window with changes up to its step `last`."""
        begin = start // each
        if last < math.inf:
            end = begin + int(last) + 1
            self.free = start + int(last) * each + 1
        else:
            end = INFINITE if self.run.horizon is None else max(begin + 1, -(-self.run.steps("end") // each))
        self.made.append({"type": name, **settings, "by_epoch": each > 1, "begin": begin, "end": end})

    def _jump(self, start: int, rate: float) -> None:
        if close(rate, self.rate):
            return
        if self.rate == 0.0 and start > 0:  # a factor would leave it at 0; a PolyLR ends at its minimum
            self._add(start - 1, 1, 1, "PolyLR", eta_min=rate)
        else:
            gamma = ratio(rate, self.rate)
            before = self.made[-1] if self.made else {}
            if before.get("gamma") == gamma and before["type"] == "MultiStepLR" and not before["by_epoch"]:
                before["milestones"].append(start - before["begin"])
                before["end"] = self.free = start + 1
            else:
                self._add(self.free, start - self.free, 1, "MultiStepLR", milestones=[start - self.free], gamma=gamma)
        self.rate = rate


def _last_change(part: Part, after: Part | None) -> float:
    """The last step at which a part changes the rate; the first of the next part if that goes on from there."""
    milestones = part.shape.boundaries if isinstance(part.shape, MultiStep) else ()
    if after is None:
        return milestones[-1] if milestones else part.shape.steps
    length = after.start - part.start
    steps, rest = divmod(length, part.each)
    goes_on = rest == 0 and close(part.shape(steps), after.first)
    end = steps if goes_on else (length - 1) // part.each
    if milestones:
        return max((each for each in milestones if each <= end), default=0)
    return min(part.shape.steps, end)
