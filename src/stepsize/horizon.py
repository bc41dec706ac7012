"""What turns samples, batches, epochs and fractions into a number of steps."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from stepsize.arguments import Count, Flag, Positive, apply_field_rules
from stepsize.errors import ArgumentError, shown

_LENGTH = re.compile(r"\s*(\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})\s*(ep|%|)\s*", re.ASCII)


@dataclass(frozen=True)
class Horizon:
    """How long a training run is, in optimizer updates.

    With N samples, P processes, a micro-batch of b samples in each, and k micro-batches to an update:

        epoch_steps = ceil(ceil(ceil(N / P) / b) / k)        steps = round(epochs * epoch_steps), halves up

    A leftover group of micro-batches makes one update. With `drop_last`, the two inner ceilings are floors: samples
    that do not fill the last micro-batch of each process are left out.

    Args:
        samples: N, in the training set.
        batch: b, one process's micro-batch.
        epochs: passes over the training set; need not be whole.
        accumulation: k, micro-batches to an update.
        processes: P, training side by side, each on its share of the samples.
        drop_last: leave the last, smaller micro-batch out.

    Raises:
        ArgumentError: an argument is not a number in its range, or nothing is left to train on.

    Example:
        >>> horizon = Horizon(samples=60_000, batch=256, epochs=10)
        >>> horizon.epoch_steps, horizon.steps
        (235, 2350)
        >>> horizon.of("3ep"), horizon.of("10%"), horizon.of("2000")
        (705, 235, 2000)
    """

    samples: Count
    batch: Count
    epochs: Positive
    accumulation: Count = 1
    processes: Count = 1
    drop_last: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        apply_field_rules(self)
        if self.epoch_steps == 0:
            raise ArgumentError(
                "Horizon",
                "batch",
                "at most one process's share of the samples when drop_last=True",
                self.batch,
                f"{self.samples} samples on {self.processes} processes do not fill one batch",
            )
        if self.steps == 0:
            raise ArgumentError("Horizon", "epochs", "long enough for one update", self.epochs)

    @property
    def epoch_steps(self) -> int:
        """Updates in one epoch."""
        if self.drop_last:
            batches = self.samples // self.processes // self.batch
        else:
            batches = _ceil_div(_ceil_div(self.samples, self.processes), self.batch)
        return _ceil_div(batches, self.accumulation)

    @property
    def steps(self) -> int:
        """Updates in the whole run."""
        return _round_half_up(Fraction(repr(self.epochs)) * self.epoch_steps)  # repr: 0.7 means seven tenths

    def of(self, length: str) -> int:
        """The number of steps in a length with a unit: `"3ep"` epochs, `"10%"` of the run, `"2000"` steps.

        Halves are rounded up.

        Raises:
            ArgumentError: the text is not a number with one of these units.
        """
        match = _LENGTH.fullmatch(str(length))
        if match is None or not isinstance(length, str):
            raise ArgumentError(
                f'{shown(length)} is not a length; write "3ep" (epochs), "10%" (of the run) or "2000" (steps)'
            )
        amount = Fraction(match[1])
        scale = {"ep": Fraction(self.epoch_steps), "%": Fraction(self.steps, 100), "": Fraction(1)}
        return _round_half_up(amount * scale[match[2]])


def _ceil_div(amount: int, by: int) -> int:
    return -(-amount // by)


def _round_half_up(amount: Fraction) -> int:
    return math.floor(amount + Fraction(1, 2))
