"""The interface of a law of loss curves, and the rates that every law and bound takes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Length, NonNegative, apply_field_rules
from stepsize.checked_calls import checked
from stepsize.curves.loss_curve import MOST_UPDATES
from stepsize.curves.loss_curve import Floats as Floats
from stepsize.errors import ArgumentError, shown
from stepsize.schedules import Schedule

Integers = NDArray[np.int64]
Rates = Schedule | ArrayLike
Curves = Sequence[tuple[Floats, Integers]]
"""For each run, the rate of every update and the steps of its rows."""


@dataclass(frozen=True)
class Final:
    """The loss after the last update, and its gradient with respect to the rate of every step, shape `(steps,)`."""

    loss: float
    gradient: Floats


@dataclass(frozen=True)
class Law(ABC):
    """A law that predicts the loss curve of a run from its learning rates alone."""

    def __post_init__(self) -> None:
        apply_field_rules(self)

    @checked
    def predict(
        self,
        schedule_or_rates: Rates,
        steps: int | None = None,
        *,
        at: ArrayLike | None = None,
        tolerance: NonNegative = 1e-4,
    ) -> Floats:
        """The loss at the steps 0 .. steps - 1, or at the steps `at`; infinite until a rate is positive.

        The loss at t is the loss of the weights after update t, which uses the rate eta_t.

        Args:
            schedule_or_rates: a schedule, or the rate of every update, warmup included.
            steps: number of steps; the length of the schedule or array if None.
            at: only these steps, in any order.
            tolerance: upper bound on the evaluation error, in units of the loss; the error is usually far smaller. 0
                evaluates exactly, in time proportional to the number of pairs of steps.

        Raises:
            ArgumentError: the schedule never ends and `steps` is None; a rate is negative; a step is out of range.
        """
        rates = rates_of("predict", schedule_or_rates, steps)
        return self._losses(rates, steps_of("predict", at, rates.size), tolerance)

    def final(self, schedule_or_rates: Rates, steps: int | None = None) -> Final:
        """The exact loss after the last update, and its gradient with respect to the rate of every step.

        At a rate of zero, the gradient has the one-sided derivative from above, if it is finite.

        Raises:
            ArgumentError: as `predict`; or no rate is positive.
        """
        rates = rates_of("final", schedule_or_rates, steps, positive=True)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._final(rates)

    @abstractmethod
    def _losses(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        """The losses at some steps."""

    @abstractmethod
    def _derivatives(self, rates: Floats, at: Integers, tolerance: float) -> Floats:
        """The derivatives of the losses at some steps by the parameters, shape `(steps, parameters)`."""

    @abstractmethod
    def _final(self, rates: Floats) -> Final:
        """The loss at the last step and its gradient; at least one rate is positive."""


def loss_format(like: float) -> str:
    """The format of losses and differences shown beside a loss: four decimals, more if it is small, and no -0."""
    return f"z.{max(4, 4 - math.floor(math.log10(max(abs(like), 1e-12))))}f"


def power(amplitude: float, total: Floats, exponent: float) -> Floats:
    """The term amplitude total^-exponent, infinite at a total of 0."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(amplitude * np.exp(-exponent * np.log(total)))


def rates_of(owner: str, schedule_or_rates: Rates, steps: int | None = None, positive: bool = False) -> Floats:
    """The rate of every update, shape `(steps,)`, finite and at least 0; with `positive`, one of them is above 0."""
    name = "schedule_or_rates"
    if steps is not None:
        steps = int(Length(1)(owner, "steps", steps))
    if isinstance(schedule_or_rates, Schedule):
        length = schedule_or_rates.steps
        if steps is None and not 0 < length < np.inf:
            why = "never ends" if length else "has no steps"
            rule = f"a number, because {shown(schedule_or_rates)} {why}"
            raise ArgumentError(owner, "steps", rule, None, "write {steps}", steps=1000)
        if (wanted := length if steps is None else steps) > MOST_UPDATES:
            raise ArgumentError(owner, name if steps is None else "steps", f"of at most {MOST_UPDATES:,} steps", wanted)
        rates = schedule_or_rates.sample(steps)
    else:
        try:
            rates = np.array(schedule_or_rates, dtype=np.float64)
        except (TypeError, ValueError):
            rule = "a schedule, or an array with a rate for every step"
            raise ArgumentError(owner, name, rule, schedule_or_rates) from None
        if rates.ndim != 1 or rates.size == 0:
            rule = "a schedule, or a row of at least one rate"
            raise ArgumentError(owner, name, rule, schedule_or_rates, f"it is an array of shape {rates.shape}")
        if steps is not None and steps > rates.size:
            rule = f"at most the {rates.size} given rates"
            advice = "write {steps}, or give a schedule, which holds its last value"
            raise ArgumentError(owner, "steps", rule, steps, advice, steps=rates.size)
        rates = rates[:steps]
    wrong = np.flatnonzero(~((rates >= 0) & np.isfinite(rates)))
    if wrong.size:
        step = int(wrong[0])
        advice = f"it is {rates[step]:g} at step {step}; bound a schedule with .clip(0)"
        raise ArgumentError(owner, name, "finite and at least 0 at every step", schedule_or_rates, advice)
    if positive and not rates.any():
        raise ArgumentError(owner, name, "positive at some step", schedule_or_rates)
    return rates


def steps_of(owner: str, at: ArrayLike | None, length: int) -> Integers:
    """The steps at which a prediction is wanted; 0 .. length - 1 if `at` is None."""
    if at is None:
        return np.arange(length)
    steps = np.atleast_1d(np.asarray(at))
    if steps.dtype.kind not in "iu" or steps.ndim != 1 or steps.size == 0:
        raise ArgumentError(owner, "at", "a row of whole steps", at)
    if steps.min() < 0 or steps.max() >= length:
        raise ArgumentError(owner, "at", f"steps from 0 to {length - 1}", at)
    return steps.astype(np.int64)
