"""The loss curve of a run with the rate of every update: what laws of loss curves are learned from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Count, Phase, checked
from stepsize.errors import ArgumentError
from stepsize.schedules import Schedule

Floats = NDArray[np.float64]
MOST_UPDATES = 20_000_000
"""A curve holds the rate of each; a step beyond counts something else, such as tokens."""


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The losses of one run at some of its updates, and the rate of every update up to the last of them.

    `losses[i]` is the loss after update `steps[i]` (counted from 0), whose rate was `rates[steps[i]]`. Arrays are
    copied and cannot be written to.

    Args:
        name: of the run.
        steps: whole, rising, at most 20 million, shape `(rows,)`.
        losses: positive, shape `(rows,)`.
        rates: of the updates 0 .. steps[-1] at least, warmup included; a schedule stands for its values.

    Raises:
        ArgumentError: steps do not rise, a loss or a rate cannot be one, or there are fewer rates than updates.

    Example:
        >>> from stepsize.curves import LossCurve
        >>> LossCurve("short", [0, 2, 4], [4.0, 3.1, 2.9], Linear(0.1, 0.0, 5)).rates
        array([0.1 , 0.08, 0.06, 0.04, 0.02])
    """

    name: str
    steps: NDArray[np.int64]
    losses: Floats
    rates: Floats

    def __post_init__(self) -> None:
        steps = _whole_and_rising(self.name, self.steps)
        losses = _row(self.name, "losses", self.losses)
        if losses.shape != steps.shape:
            raise ArgumentError(f"LossCurve {self.name}: {steps.size} steps and {losses.size} losses are not as many")
        wrong = np.flatnonzero(~(np.isfinite(losses) & (losses > 0)))
        if wrong.size:
            raise ArgumentError(
                f"LossCurve {self.name}: a loss must be positive and finite, got {losses[wrong[0]]:g} at step "
                f"{steps[wrong[0]]}; leave out what a run logged after it diverged"
            )
        last = int(steps[-1])
        given: Any = self.rates
        rates = _row(self.name, "rates", given.sample(last + 1) if isinstance(given, Schedule) else given)
        if rates.size <= last:
            raise ArgumentError(
                f"LossCurve {self.name}: the last row is at step {last}, and there are rates of {rates.size} updates; "
                f"give the rate of every update from 0 to {last}"
            )
        wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
        if wrong.size:
            raise ArgumentError(
                f"LossCurve {self.name}: a rate must be finite and not below zero, got {rates[wrong[0]]:g} at step "
                f"{wrong[0]}"
            )
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
        """Each loss as the mean over so many neighbouring rows, fewer at the ends; an even number counts as one less.

        A mean over rows on both sides: nothing is shifted, but a sudden fall is smeared.
        """
        half = min((rows - 1) // 2, self.steps.size)
        sums = np.concatenate([[0.0], np.cumsum(self.losses)])
        places = np.arange(self.steps.size)
        begin, end = np.maximum(places - half, 0), np.minimum(places + half + 1, self.steps.size)
        # The same number on both sides, so that no end is pulled towards the middle.
        reach = np.minimum(places - begin, end - places - 1)
        begin, end = places - reach, places + reach + 1
        return LossCurve(self.name, self.steps, (sums[end] - sums[begin]) / (end - begin), self.rates)

    @checked
    def thinned(self, rows: Count = 500) -> "LossCurve":
        """At most so many rows, each the mean of a stretch of neighbouring ones, losses and steps alike."""
        if self.steps.size <= rows:
            return self
        bounds = np.linspace(0, self.steps.size, rows + 1).astype(int)[:-1]
        sizes = np.diff(bounds, append=self.steps.size)
        steps = np.add.reduceat(self.steps, bounds) // sizes
        return LossCurve(self.name, steps, np.add.reduceat(self.losses, bounds) / sizes, self.rates)

    @checked
    def after(self, step: Phase) -> "LossCurve":
        """The rows from update `step` on, with the rates of all: without the steep way down that no law is about.

        Raises:
            ArgumentError: there is none.
        """
        kept = self.steps >= step
        if not kept.any():
            raise ArgumentError(f"LossCurve {self.name} has no row from step {step} on: its last is {self.steps[-1]}")
        return LossCurve(self.name, self.steps[kept], self.losses[kept], self.rates)


def _row(name: str, field: str, values: ArrayLike) -> Floats:
    try:
        row = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"LossCurve {name}", field, "a row of numbers", values) from None
    if row.ndim != 1:
        raise ArgumentError(
            f"LossCurve {name}({field}=...) must be a row of numbers, got an array of shape {row.shape}"
        )
    return row


def _whole_and_rising(name: str, values: ArrayLike) -> NDArray[np.int64]:
    given = _row(name, "steps", values)
    if not given.size:
        raise ArgumentError(f"LossCurve {name} has no rows")
    if not np.isfinite(given).all() or (given != np.floor(given)).any() or given.min() < 0:
        raise ArgumentError(f"LossCurve {name}: steps are whole numbers of at least 0")
    if given.max() > MOST_UPDATES:
        raise ArgumentError(
            f"LossCurve {name}: step {given.max():.0f} is more updates than a run makes; are these tokens or samples?"
        )
    falls = np.flatnonzero(np.diff(given) <= 0)
    if falls.size:
        before, after = given[falls[0] : falls[0] + 2]
        raise ArgumentError(
            f"LossCurve {name}: steps must rise, and {before:.0f} is followed by {after:.0f}; "
            "sort the rows, and keep one of each step"
        )
    return given.astype(np.int64)
