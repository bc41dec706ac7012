"""What a law of loss curves can be asked."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import NonNegative, Number, apply_field_rules, checked
from stepsize.laws.rates import Floats, Integers, Rates, rates_of, steps_of


@dataclass(frozen=True)
class Final:
    """The loss after the last update, and its gradient: how it answers to the rate of every step, shape `(steps,)`."""

    loss: float
    gradient: Floats


@dataclass(frozen=True)
class Law(ABC):
    """A law that says the loss curve of a run from its learning rates alone."""

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
        """The loss at the steps 0 .. steps - 1, or at the steps `at`, one each; infinite while no rate was positive.

        The loss at t is that of the weights that update t, the one with the rate eta_t, has left.

        Args:
            schedule_or_rates: a schedule, or the rate of every update, warmup included.
            steps: how many; the schedule's own length, or that of the array, if None.
            at: only at these steps, in any order.
            tolerance: the largest error of the evaluation, in units of the loss; a bound that is kept, and seldom
                reached. 0 evaluates exactly, which takes as long as there are pairs of steps.

        Raises:
            ArgumentError: see `rates_of`: the schedule never ends, a rate is negative, a step is not there.
        """
        rates = rates_of("predict", schedule_or_rates, steps)
        return self._losses(rates, steps_of("predict", at, rates.size), tolerance)

    def final(self, schedule_or_rates: Rates, steps: int | None = None) -> Final:
        """The loss after the last update, exactly, and its gradient with respect to the rate of every step.

        Where a rate is zero its own part of the gradient is the one from above, as far as it is finite.

        Raises:
            ArgumentError: as `predict`; or no rate is positive, so that there is no loss.
        """
        rates = rates_of("final", schedule_or_rates, steps)
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
        """The loss at the last step and its gradient."""


def power(amplitude: float, total: Floats, exponent: float) -> Floats:
    """The part of a law that falls with the sum of the rates: amplitude total^-exponent, infinite at a sum of 0."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(amplitude * np.exp(-exponent * np.log(total)))


Below1 = Annotated[float, Number(above=0.0, most=0.999)]
"""Of gamma: at 1 the law has no limit where the rate goes to zero, at 0 another one."""
