"""Numbers of steps from samples, batches, epochs and fractions."""

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from stepsize.arguments import Count, Flag, Positive, apply_field_rules
from stepsize.errors import ArgumentError

if TYPE_CHECKING:
    from fractions import Fraction

_LENGTH = r"\s*(\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})\s*(ep|%|)\s*"


@dataclass(frozen=True)
class Horizon:
    """The length of a training run in optimizer updates.

    With N samples, P processes, a micro-batch of b samples in each, and k micro-batches per update:

        epoch_steps = ceil(ceil(ceil(N / P) / b) / k)        steps = round(epochs * epoch_steps), halves up

    An incomplete group of micro-batches also makes one update. With `drop_last`, the two inner ceilings are floors:
    samples that do not fill the last micro-batch of each process are left out.

    Args:
        samples: N, the size of the training set.
        batch: b, the samples in one process's micro-batch.
        epochs: passes over the training set; fractions are allowed.
        accumulation: k, the micro-batches per update.
        processes: P, each of which trains on its share of the samples.
        drop_last: leave out a last, smaller micro-batch.

    Raises:
        ArgumentError: an argument is out of range, or the run has no update.

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
                f"{self.samples} samples over {self.processes} processes do not fill one batch",
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
        from fractions import Fraction

        return _round_half_up(Fraction(repr(self.epochs)) * self.epoch_steps)  # repr: 0.7 means seven tenths

    def of(self, length: str) -> int:
        """The number of steps in a length with a unit: `"3ep"` epochs, `"10%"` of the run, `"2000"` steps.

        Halves are rounded up.

        Raises:
            ArgumentError: the text is not a number with one of these units.
        """
        from fractions import Fraction

        match = re.fullmatch(_LENGTH, str(length), re.ASCII)
        if match is None or not isinstance(length, str):
            rule = 'a number with a unit such as "3ep" (epochs), "10%" (of the run) or "2000" (steps)'
            raise ArgumentError("a length", "", rule, length)
        unit = {"ep": Fraction(self.epoch_steps), "%": Fraction(self.steps, 100), "": Fraction(1)}[match[2]]
        return _round_half_up(Fraction(match[1]) * unit)


def _ceil_div(amount: int, by: int) -> int:
    return -(-amount // by)


def _round_half_up(amount: "Fraction") -> int:
    return math.floor((2 * amount + 1) / 2)
