"""A schedule, or the rates that a run used, as one array: what every law and bound takes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Length
from stepsize.errors import ArgumentError, shown
from stepsize.schedules import Schedule

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Rates = Schedule | ArrayLike
Curves = Sequence[tuple[Floats, Integers]]
"""For each run the rate of every update, and the steps of its rows."""


def rates_of(owner: str, schedule_or_rates: Rates, steps: int | None = None) -> Floats:
    """The rate of every update, shape `(steps,)`: all of them finite and none below zero. Errors speak of `owner`.

    Raises:
        ArgumentError: it is neither a schedule nor a row of rates, has no end and `steps` is left out, is shorter than
            `steps`, or holds a rate that cannot be one.
    """
    if steps is not None:
        steps = int(Length(1)(owner, "steps", steps))
    if isinstance(schedule_or_rates, Schedule):
        schedule = schedule_or_rates
        if steps is None and not 0 < schedule.steps < np.inf:
            length = "never ends" if schedule.steps else "has no steps"
            raise ArgumentError(f"{owner} needs a number of steps, as {shown(schedule)} {length}; write steps=1000")
        rates = schedule.sample(steps)
    else:
        rates = _row(owner, schedule_or_rates, steps)
    wrong = np.flatnonzero(~((rates >= 0) & np.isfinite(rates)))
    if wrong.size:
        step = int(wrong[0])
        raise ArgumentError(
            f"{owner} takes rates that are finite and not below zero, got {rates[step]:g} at step {step}; "
            "bound a schedule with .clip(0)"
        )
    return rates


def _row(owner: str, values: ArrayLike, steps: int | None) -> Floats:
    try:
        rates = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(
            owner, "schedule_or_rates", "a schedule, or an array with a rate for every step", values
        ) from None
    if rates.ndim != 1 or rates.size == 0:
        rule = "a schedule, or a row of at least one rate"
        raise ArgumentError(f"{owner}(schedule_or_rates=...) must be {rule}, got an array of shape {rates.shape}")
    if steps is not None and steps > rates.size:
        advice = f"write steps={rates.size} or give a schedule, which holds its end"
        raise ArgumentError(owner, "steps", f"at most the {rates.size} rates that are given", steps, advice)
    return rates[:steps]


def steps_of(owner: str, at: ArrayLike | None, length: int) -> Integers:
    """The steps at which a prediction is wanted: all 0 .. length - 1 where `at` is None.

    Raises:
        ArgumentError: one is no whole step below `length`.
    """
    if at is None:
        return np.arange(length)
    steps = np.atleast_1d(np.asarray(at))
    if steps.dtype.kind not in "iu" or steps.ndim != 1 or steps.size == 0:
        raise ArgumentError(owner, "at", "a row of whole steps", at)
    if steps.min() < 0 or steps.max() >= length:
        raise ArgumentError(owner, "at", f"steps from 0 to {length - 1}", at)
    return steps.astype(np.int64)
