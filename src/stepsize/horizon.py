"""The length of a run from samples, batches and epochs, and lengths with a unit on the clock of a schedule."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self, runtime_checkable

from stepsize.arguments import (
    BatchSize,
    Choice,
    Count,
    Flag,
    Instance,
    Maybe,
    MaybeCount,
    Positive,
    Whole,
    apply_field_rules,
)
from stepsize.checked_calls import CallChecked, checked
from stepsize.errors import ArgumentError, StepsizeError, raise_together

if TYPE_CHECKING:
    from fractions import Fraction

UNIT = "[kMBT]?(?:sp|tok)|ep|%|s|min|h"
"""A pattern of the units of length: samples, tokens, epochs, percent, and times."""
_LENGTH = rf"\s*(\d{{1,40}}(?:\.\d{{0,40}})?|\.\d{{1,40}})\s*({UNIT}|)\s*"
_THOUSANDS = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_SECONDS = {"s": 1, "min": 60, "h": 3600}

ClockName = Annotated[str, Choice(("steps", "samples", "tokens", "seconds"))]
"""What the steps of a schedule count."""
HorizonClock = Annotated[str, Choice(("steps", "samples", "tokens"))]
"""A clock on which a horizon has a length."""


@runtime_checkable
class BatchSchedule(Protocol):
    """A batch size that depends on the samples used so far: a schedule."""

    steps: float

    def __call__(self, step: float) -> float: ...
    def head(self, n: int) -> Self: ...
    def reclock(self, batch: Any) -> Self: ...


def _batch(owner: str, name: str, value: Any) -> int | BatchSchedule:
    is_schedule = isinstance(value, BatchSchedule) and not isinstance(value, type)
    return value if is_schedule else int(BatchSize()(owner, name, value))


@dataclass(frozen=True)
class Horizon(CallChecked):
    """The length of a training run in optimizer updates.

    With N samples, P processes, a micro-batch of b samples in each, and k micro-batches per update:

        epoch_steps = ceil(ceil(ceil(N / P) / b) / k)        steps = round(epochs * epoch_steps), halves up

    An incomplete group of micro-batches also makes one update. With `drop_last`, the two inner ceilings are floors:
    samples that do not fill the last micro-batch of each process are left out.

    If `batch` is a schedule, it gives the samples of a whole update, over all processes and micro-batches, as a
    function of the samples used before it. Updates then run on across the ends of epochs, and only the last update of
    the run can be incomplete.

    Args:
        samples: N, the size of the training set.
        batch: b, the samples in one process's micro-batch; or a schedule of the samples in an update.
        epochs: passes over the training set; fractions are allowed.
        accumulation: k, the micro-batches per update.
        processes: P, each of which trains on its share of the samples.
        drop_last: leave out a last, smaller micro-batch.
        tokens_per_sample: the tokens in each sample, for lengths in tokens.

    Raises:
        ArgumentError: an argument is out of range, the run has no update, or the batch is not a whole number of at
            least 1 at some sample.

    Example:
        >>> horizon = Horizon(samples=60_000, batch=256, epochs=10)
        >>> horizon.epoch_steps, horizon.steps
        (235, 2350)
        >>> horizon.of("3ep"), horizon.of("10%"), horizon.of("2000"), horizon.of("30ksp")
        (705, 235, 2000, 118)
        >>> Horizon(samples=60_000, batch=Piecewise((128, 256), (120_000,)), epochs=10).steps
        2813
    """

    samples: Count
    batch: Annotated[int | BatchSchedule, _batch]
    epochs: Positive
    accumulation: Count = 1
    processes: Count = 1
    drop_last: Annotated[bool, Flag()] = False
    tokens_per_sample: MaybeCount = None

    def __post_init__(self) -> None:
        apply_field_rules(self)
        if isinstance(self.batch, BatchSchedule):
            self._check_batch_schedule()
        elif self.epoch_steps == 0:
            rule = "at most one process's share of the samples when drop_last=True"
            advice = f"{self.samples} samples over {self.processes} processes do not fill one batch"
            raise ArgumentError("Horizon", "batch", rule, self.batch, advice)
        if self.steps == 0:
            raise ArgumentError("Horizon", "epochs", "long enough for one update", self.epochs)

    def _check_batch_schedule(self) -> None:
        rule, advice = "1 if batch is a schedule", "the schedule gives the samples of a whole update"
        counts = {"accumulation": self.accumulation, "processes": self.processes}
        raise_together([ArgumentError("Horizon", name, rule, n, advice) for name, n in counts.items() if n > 1])
        try:
            _ = self.steps
        except StepsizeError as error:
            raise error.about("Horizon", "batch") from None

    @cached_property
    def epoch_steps(self) -> int:
        """Updates in one epoch; in the first one if the batch is a schedule."""
        if isinstance(self.batch, BatchSchedule):
            return self._updates(self.batch, self.samples)
        return _ceil_div(_ceil_div(self._share, self.batch), self.accumulation)

    @cached_property
    def epoch_samples(self) -> int:
        """Samples that the updates of one epoch use, over all processes."""
        return self.samples if isinstance(self.batch, BatchSchedule) else self._share * self.processes

    @cached_property
    def steps(self) -> int:
        """Updates in the whole run."""
        if isinstance(self.batch, BatchSchedule):
            return self._updates(self.batch, self._run_samples)
        return _round_half_up(self._passes * self.epoch_steps)

    @cached_property
    def _run_samples(self) -> int:
        return _round_half_up(self._passes * self.epoch_samples)

    @property
    def _passes(self) -> "Fraction":
        from fractions import Fraction

        return Fraction(repr(self.epochs))  # repr: 0.7 means seven tenths

    @property
    def _share(self) -> int:
        """Samples that one process uses in an epoch, if the batch is a number."""
        assert isinstance(self.batch, int)
        if self.drop_last:
            return self.samples // self.processes // self.batch * self.batch
        return _ceil_div(self.samples, self.processes)

    def _updates(self, batch: BatchSchedule, samples: int) -> int:
        """Updates that use this many samples; an incomplete one counts unless `drop_last`."""
        if self.drop_last:  # all updates that end before the next sample, except the one that holds it
            return int(batch.head(samples + 1).reclock(batch).steps) - 1
        return int(batch.head(samples).reclock(batch).steps)

    @checked
    def of(self, length: str, clock: HorizonClock = "steps") -> int:
        """The length in steps, or in samples or tokens if the clock counts these.

        `"3ep"` epochs, `"10%"` of the run, `"500ksp"` samples, `"2Btok"` tokens (k, M, B, T: thousand to trillion), and
        `"2000"` steps of the clock. Halves are rounded up. In a number of steps, samples are parts of an epoch.

        Raises:
            ArgumentError: the text is not a number with one of these units; or it is in tokens, and the horizon has no
                `tokens_per_sample`; or its number of steps is not fixed, because the batch is a schedule.

        Example:
            >>> Horizon(samples=1_000_000, batch=512, epochs=1, tokens_per_sample=2048).of("1.5Btok")
            1431
        """
        return length_on(clock, length, self)

    @checked
    def after_update(self, position: Annotated[int, Whole(0)], clock: HorizonClock = "steps") -> int:
        """The position of the clock after the update that begins at `position`.

        Example:
            >>> Horizon(samples=1000, batch=300, epochs=1).after_update(900, "samples")
            1000
        """
        if clock == "steps":
            return position + 1
        each = self.tokens_per_sample if clock == "tokens" else 1
        if each is None:
            raise ArgumentError("Horizon", "tokens_per_sample", "given for a clock of tokens", None)
        begin = position // each
        if isinstance(self.batch, BatchSchedule):
            size, left = int(self.batch(begin)), self._run_samples - begin
        else:
            size = self.batch * self.accumulation * self.processes
            left = self.epoch_samples - begin % self.epoch_samples
        return (begin + (min(size, left) if left > 0 else size)) * each

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from stepsize.schedules.pydantic_field import horizon_schema  # goes upward: a batch may be a schedule

        return horizon_schema(handler)

    def _unit(self, unit: str, clock: str, length: str) -> "Fraction":
        from fractions import Fraction

        if unit == "%" and clock == "steps":
            return Fraction(self.steps, 100)
        if clock == "steps" and isinstance(self.batch, BatchSchedule):
            rule = "in steps or percent if the batch size is a schedule"
            advice = "give lengths in samples to a schedule with .reclock(batch), which turns them into steps"
            raise ArgumentError("a length", "", rule, length, advice)
        if clock == "steps":
            epoch = self.epoch_steps
        else:
            epoch = self.epoch_samples * (self._tokens(length) if clock == "tokens" else 1)
        if unit == "%":
            return self._passes * epoch / 100
        if unit == "ep":
            return Fraction(epoch)
        sample = Fraction(epoch, self.epoch_samples) * _THOUSANDS.get(unit[0], 1)
        return sample if unit.endswith("sp") else sample / self._tokens(length)

    def _tokens(self, length: str) -> int:
        if self.tokens_per_sample is None:
            rule = "in steps, epochs, percent or samples if the horizon has no tokens_per_sample"
            advice = 'write samples, as in "500ksp", or give tokens_per_sample to the horizon'
            raise ArgumentError("a length", "", rule, length, advice)
        return self.tokens_per_sample


MaybeHorizon = Annotated[Horizon | None, Maybe(Instance(Horizon, "a Horizon(samples=..., batch=...)"))]
"""The run that the units in a text refer to."""


def length_on(clock: str, length: str, horizon: Horizon | None) -> int:
    """The number of steps of the clock in a length with a unit; times, as in "30min", need no horizon."""
    from fractions import Fraction

    match = re.fullmatch(_LENGTH, str(length), re.ASCII)
    unit = match[2] if match else ""
    timed = unit in _SECONDS
    if match is None or (unit and timed != (clock == "seconds")) or not isinstance(length, str):
        if clock == "seconds":
            rule = 'a time such as "45s", "30min", "2h" or "2000" (seconds)'
            of_a_run = unit or str(length).strip() == "rest"
            advice = 'a clock of seconds has no horizon, so no epochs, percent or "rest"' if of_a_run else ""
            raise ArgumentError("a length", "", rule, length, advice)
        rule = (
            'a number with a unit such as "3ep" (epochs), "10%" (of the run), "500ksp" (samples), "2Btok" (tokens) or '
            f'"2000" ({clock})'
        )
        advice = 'a time needs a scheduler with clock="seconds"' if timed else ""
        raise ArgumentError("a length", "", rule, length, advice)
    each = Fraction(1)
    if timed:
        each *= _SECONDS[unit]
    elif unit:
        assert horizon is not None
        each = horizon._unit(unit, clock, length)
    return _round_half_up(Fraction(match[1]) * each)


def is_time(length: str) -> bool:
    """Whether it is a length in seconds, minutes or hours."""
    match = re.fullmatch(_LENGTH, length, re.ASCII)
    return match is not None and match[2] in _SECONDS


def _ceil_div(amount: int, by: int) -> int:
    return -(-amount // by)


def _round_half_up(amount: "Fraction") -> int:
    return math.floor((2 * amount + 1) / 2)
