"""The loss curve of a run with the rate of every update: the data to which laws of loss curves are fitted."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Count, Instance, Phase
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError, quoted
from stepsize.schedules import Schedule

Floats = NDArray[np.float64]
MOST_UPDATES = 20_000_000  # a curve holds the rate of each; a larger step counts something else, such as tokens


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The losses of one run at some of its updates, and the rate of every update up to the last of them.

    `losses[i]` is the loss after update `steps[i]` (counted from 0), whose rate was `rates[steps[i]]`. Arrays are
    copied and read-only.

    Args:
        name: of the run.
        steps: whole, rising, at most 20 million, shape `(rows,)`.
        losses: positive, shape `(rows,)`.
        rates: of the updates 0 .. steps[-1] at least, warmup included; a schedule is sampled.
        notes: how a log was read, such as the columns that were chosen.

    Raises:
        ArgumentError: steps do not rise, a loss or a rate is not allowed, or there are fewer rates than updates.

    Example:
        >>> from stepsize.curves import LossCurve
        >>> LossCurve("short", [0, 2, 4], [4.0, 3.1, 2.9], Linear(0.1, 0.0, 5)).rates
        array([0.1 , 0.08, 0.06, 0.04, 0.02])
    """

    name: str
    steps: NDArray[np.int64]
    losses: Floats
    rates: Floats
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        run = f"run {quoted(str(self.name))}"
        steps = _whole_and_rising(f"the steps of {run}", self.steps)
        losses = _row(f"the losses of {run}", self.losses)
        if losses.shape != steps.shape:
            raise ArgumentError(f"the losses of {run}", "", f"one for each of the {steps.size} steps", self.losses)
        wrong = np.flatnonzero(~(np.isfinite(losses) & (losses > 0)))
        if wrong.size:
            advice = f"this is the loss at step {steps[wrong[0]]}; leave out what a run logged after it diverged"
            raise ArgumentError(f"the losses of {run}", "", "positive and finite", float(losses[wrong[0]]), advice)
        last = int(steps[-1])
        given: Any = self.rates
        rates = _row(f"the rates of {run}", given.sample(last + 1) if isinstance(given, Schedule) else given)
        if rates.size <= last:
            advice = f"there are {rates.size} rates"
            raise ArgumentError(f"the rates of {run}", "", f"one for every update from 0 to {last}", given, advice)
        wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
        if wrong.size:
            advice = f"this is the rate at step {wrong[0]}"
            raise ArgumentError(f"the rates of {run}", "", "finite and at least 0", float(rates[wrong[0]]), advice)
        for field, value in (("steps", steps), ("losses", losses), ("rates", rates)):
            value.setflags(write=False)
            object.__setattr__(self, field, value)

    def __repr__(self) -> str:
        return f"<LossCurve {self.name!r}: {self.steps.size} rows, steps {self.steps[0]} to {self.steps[-1]}>"

    @property
    def peak_lr(self) -> float:
        """The highest rate up to the last row."""
        return float(self.rates[: self.steps[-1] + 1].max())

    @checked
    def smoothed(self, rows: Count = 5) -> "LossCurve":
        """Each loss as the mean over `rows` neighbouring rows, fewer rows at the ends.

        If `rows` is even, `rows - 1` are used. The mean takes as many rows before as after, so it does not shift the
        curve, but it smears a sudden fall.
        """
        half = min((rows - 1) // 2, self.steps.size)
        if not half:
            return self
        sums = np.concatenate([[0.0], np.cumsum(self.losses)])
        places = np.arange(self.steps.size)
        reach = np.minimum(half, np.minimum(places, self.steps.size - 1 - places))
        begin, end = places - reach, places + reach + 1
        return replace(self, losses=(sums[end] - sums[begin]) / (end - begin))

    @checked
    def thinned(self, rows: Count = 500) -> "LossCurve":
        """At most `rows` rows, each the mean over neighbouring ones, losses and steps alike."""
        if self.steps.size <= rows:
            return self
        bounds = np.linspace(0, self.steps.size, rows + 1).astype(int)[:-1]
        sizes = np.diff(bounds, append=self.steps.size)
        steps = np.add.reduceat(self.steps, bounds) // sizes
        return replace(self, steps=steps, losses=np.add.reduceat(self.losses, bounds) / sizes)

    @checked
    def after(self, step: Phase) -> "LossCurve":
        """The rows from update `step` on, with all rates: without the steep beginning, which laws do not describe.

        Raises:
            ArgumentError: there are no such rows.
        """
        kept = self.steps >= step
        if not kept.any():
            rule = f"at most the last step of run {quoted(str(self.name))}, {self.steps[-1]}"
            raise ArgumentError("after", "step", rule, step)
        return replace(self, steps=self.steps[kept], losses=self.losses[kept])


# The rule of an argument that is a loss curve:
LOSS_CURVE = Instance(LossCurve, "a LossCurve", "read_curves() makes them from a file")


def _row(owner: str, values: ArrayLike) -> Floats:
    try:
        row = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(owner, "", "a row of numbers", values) from None
    if row.ndim != 1:
        raise ArgumentError(owner, "", "a row of numbers", values, f"it is an array of shape {row.shape}")
    return row


def _whole_and_rising(owner: str, values: ArrayLike) -> NDArray[np.int64]:
    steps = _row(owner, values)
    if not steps.size:
        raise ArgumentError(owner, "", "at least one step", values)
    wrong = np.flatnonzero(~np.isfinite(steps) | (steps != np.floor(steps)) | (steps < 0))
    if wrong.size:
        raise ArgumentError(owner, "", "whole numbers of at least 0", float(steps[wrong[0]]))
    if steps.max() > MOST_UPDATES:
        advice = "no run makes more updates; are these tokens or samples?"
        raise ArgumentError(owner, "", f"at most {MOST_UPDATES}", int(steps.max()), advice)
    falls = np.flatnonzero(np.diff(steps) <= 0)
    if falls.size:
        before, after = steps[falls[0] : falls[0] + 2].astype(int)
        advice = f"{before} is followed by {after}; sort the rows, and keep one of each step"
        raise ArgumentError(owner, "", "rising", values, advice)
    return steps.astype(np.int64)
