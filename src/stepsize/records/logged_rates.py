"""The rate of every update, made whole from what a log says of some of them, or from the run's schedule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Length, shown
from stepsize.errors import DataError
from stepsize.records.loss_curve import LossCurve
from stepsize.records.run import Floats
from stepsize.schedules import Schedule

AGREEMENT = 0.01
"""A logged rate may differ by this part from its schedule's: logs round."""
JUMP = 0.05
"""A rate that changes by a smaller part of itself between two rows has not jumped."""
LATE = 4
"""A log that begins more than so many of its usual distances after step 0 has left something out."""


@dataclass(frozen=True)
class Log:
    """The rows of one run as they were read: losses at some steps, rates at some, and where they come from."""

    source: str
    name: str
    steps: NDArray[np.int64]
    losses: Floats
    logged: tuple[NDArray[np.int64], Floats] | None = None
    """Steps and the rates there; None where the log has none."""


@dataclass(frozen=True)
class Filling:
    """What is known of the rates beside the log.

    Args:
        schedule: the schedule of the run; a log of the rate is then only compared with it.
        warmup_steps: before its first row the rate rose in a straight line from 0, over so many steps, and was then
            held; 0: it was held from the start. Needed where the log begins late.
        jumps: the steps from which on the rate was suddenly another; between any other rows it went straight. In a
            log where the rows on both sides have about the same rate there was no jump.
    """

    schedule: Schedule | None = None
    warmup_steps: int | None = None
    jumps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.warmup_steps is not None:
            object.__setattr__(self, "warmup_steps", Length(0)("read_curves", "warmup_steps", self.warmup_steps))
        jumps = tuple(sorted(int(Length(1)("read_curves", "jumps", step)) for step in self.jumps))
        object.__setattr__(self, "jumps", jumps)


def curve_of(log: Log, filling: Filling) -> LossCurve:
    """The loss curve of what was read.

    Raises:
        DataError: the log has no rates and no schedule was given, the two disagree, or the log begins late.
    """
    if not log.steps.size:
        raise DataError(f"{log.source} has no rows with a loss; is the run's log empty?")
    last = int(log.steps[-1])
    if filling.schedule is not None:
        rates = filling.schedule.sample(last + 1)
        if log.logged is not None:
            _must_agree(log.source, *log.logged, filling.schedule, rates)
    elif log.logged is None or not log.logged[0].size:
        raise DataError(f"{log.source} says nothing of the learning rate; give the run's schedule (schedule=...)")
    else:
        rates = _between(log.source, *log.logged, last, filling)
    return LossCurve(log.name, log.steps, log.losses, rates)


def _between(source: str, steps: NDArray[np.int64], logged: Floats, last: int, filling: Filling) -> Floats:
    warmup, first = filling.warmup_steps, int(steps[0])
    usual = float(np.median(np.diff(steps))) if steps.size > 1 else 1.0
    if warmup is None and first > LATE * usual:
        raise DataError(
            f"{source} begins at step {first} and does not say what the rates were before; give the length of the "
            "warmup (warmup_steps=..., 0 if there was none) or the run's schedule (schedule=...)"
        )
    if warmup is not None and warmup > first:
        raise DataError(f"{source} has rates from step {first} on, which is within a warmup of {warmup} steps")
    x, y = [float(step) for step in steps], logged.tolist()
    between = [int(np.searchsorted(steps, jump)) for jump in filling.jumps]
    for jump, other, place, same in zip(filling.jumps, filling.jumps[1:], between, between[1:], strict=False):
        if place == same and 0 < place < steps.size:
            raise DataError(
                f"{source} has no row between the jumps at {jump} and {other}, so that the rate between them is not "
                "known; name the jumps of each run apart, or give its schedule"
            )
    for jump in filling.jumps:
        after = int(np.searchsorted(steps, jump))
        if 0 < after < steps.size:
            old, new = float(logged[after - 1]), float(logged[after])
            if abs(new - old) > JUMP * max(old, new):
                x += [jump - 1.0, float(jump)]
                y += [old, new]
    if first and warmup:
        x += [0.0, float(warmup)]
        y += [0.0, float(logged[0])]
    # A row that stands where a jump does is there twice, with the same value.
    places, which = np.unique(x, return_index=True)
    return np.asarray(np.interp(np.arange(last + 1), places, np.array(y)[which]))


def _must_agree(source: str, steps: NDArray[np.int64], logged: Floats, schedule: Schedule, rates: Floats) -> None:
    """A logged rate must be one of those that the schedule has within a step: logs differ in what they call a step."""
    inside = steps < len(rates)
    steps, logged = steps[inside], logged[inside]
    near = np.stack([rates[np.clip(steps + shift, 0, len(rates) - 1)] for shift in (-1, 0, 1)])
    low, high = near.min(axis=0), near.max(axis=0)
    room = AGREEMENT * high + 1e-3 * float(rates.max())
    wrong = np.flatnonzero((logged < low - room) | (logged > high + room))
    if wrong.size:
        step = int(steps[wrong[0]])
        raise DataError(
            f"{source}: log and schedule disagree at {wrong.size} of {len(steps)} rows: at step {step} the logged rate "
            f"is {logged[wrong[0]]:g}, and {shown(schedule)} has {rates[step]:g}; leave the schedule out to go by the "
            "log, or give the one that was run"
        )
