"""Schedules written in samples, under a batch size that is itself a schedule: `reclock`."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from stepsize.errors import ArgumentError, StepError, shown
from stepsize.schedules import arithmetic
from stepsize.schedules.base import Schedule, batch_size
from stepsize.schedules.clock import Chain, Every
from stepsize.schedules.formulas import Constant
from stepsize.schedules.maths import Column, Maths, Value, computed_once
from stepsize.schedules.piecewise import MultiStep, Piecewise
from stepsize.schedules.shape import Wrapper

_MAX_UPDATES = 1_000_000  # under a batch size of unknown form, whose updates are listed


@dataclass(frozen=True, repr=False)
class Reclock(Wrapper):
    """`a.reclock(batch)`: a schedule of samples as one of steps, f(s(t)).

    Update t uses batch(s(t)) samples, and s is a straight line between whole steps:

        s(0) = 0,    s(t + 1) = s(t) + batch(s(t))
    """

    batch: Annotated[Schedule, batch_size]

    def _validate(self) -> None:
        _ = self.steps

    @computed_once
    def steps(self) -> float:
        firsts, used, sizes = self.equal_batches
        samples = self.schedule.steps
        if samples == math.inf or samples == 0:
            return samples
        run = bisect_left(used, samples) - 1
        return int(firsts[run] - (used[run] - samples) // sizes[run])  # the division rounds up

    @computed_once
    def equal_batches(self) -> tuple[Column, Column, Column]:
        """Updates in a row with one size: the first step of each row, the samples used before it, and the size."""
        jumps = _jumps(self.batch) if _is_constant_between_jumps(self.batch) else None
        last = min(self.batch.steps, self.schedule.steps)
        if jumps is None and last == math.inf:
            advice = "end the schedule or the batch with .head(n), or write the batch with Piecewise"
            raise ArgumentError("Reclock", "batch", "constant between jumps, or have an end", self.batch, advice)
        for jump in jumps or ():
            self._size(jump)
        firsts, used, sizes = [0], [0], [self._size(0)]
        step = samples = 0
        while True:
            if jumps is None:
                end = samples + 1 if samples < last else math.inf
            else:
                after = bisect_right(jumps, samples)
                end = jumps[after] if after < len(jumps) else math.inf
            if end == math.inf:
                return Column(firsts), Column(used), Column(sizes)
            updates = -int((samples - end) // sizes[-1])
            step, samples = step + updates, samples + updates * sizes[-1]
            if jumps is None and step > _MAX_UPDATES:
                rule = f"constant between jumps, or end within {_MAX_UPDATES} updates"
                raise ArgumentError("Reclock", "batch", rule, self.batch, "write it with Piecewise")
            if (size := self._size(samples)) != sizes[-1]:
                firsts.append(step)
                used.append(samples)
                sizes.append(size)

    def _size(self, sample: int) -> int:
        size = self.batch(sample)
        if size < 1.0 or size != math.floor(size):
            advice = f"it is {size} at sample {sample}"
            raise ArgumentError("Reclock", "batch", "a whole number of at least 1 at every sample", self.batch, advice)
        return int(size)

    def _at(self, t: Value, m: Maths) -> Value:
        if self._most > m.largest_step:
            reason = f"{shown(self)} uses {self._most} samples, and the step's library counts to {m.largest_step}"
            raise StepError(reason, "end it with .head(n), or let JAX count further with jax_enable_x64")
        firsts, used, sizes = self.equal_batches
        run = m.count(firsts, t) - 1
        samples = m.scaled(t - m.take(firsts, run), m.take(sizes, run), 1, self._most) + m.take(used, run)
        if self.steps < math.inf:  # the last update may use more samples than the schedule has
            samples = m.where(t >= self.steps, int(self.schedule.steps), samples)
        return self.schedule._at(samples, m)

    @computed_once
    def _most(self) -> float:
        """The samples that are used before the end."""
        firsts, used, sizes = self.equal_batches
        return used[-1] + max(self.steps - firsts[-1], 0) * sizes[-1]

    @property
    def _children(self) -> Sequence[Schedule]:
        return self.schedule, self.batch


def _is_constant_between_jumps(batch: Schedule) -> bool:
    known = (Constant, Piecewise, MultiStep, Chain, Every, *arithmetic.OPERATORS)
    return isinstance(batch, known) and all(map(_is_constant_between_jumps, batch._children))


def _jumps(batch: Schedule) -> list[int]:
    """The samples at which a schedule that is constant between jumps may change, in rising order."""
    match batch:
        case Piecewise() | MultiStep():
            jumps = list(batch.boundaries)
        case Every():
            jumps = [jump * batch.n for jump in _jumps(batch.schedule)]
        case Chain():
            starts = zip(batch.starts, batch.parts, strict=True)
            jumps = [start + jump for start, part in starts for jump in (0, *_jumps(part))]
        case _:
            jumps = [jump for operand in batch._children for jump in _jumps(operand)]
    return sorted(set(jumps))


OPERATORS = (Reclock,)
