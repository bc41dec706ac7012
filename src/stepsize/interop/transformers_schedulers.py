"""What each of transformers' schedulers does, and the minimum that its arguments name."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from stepsize.arguments import Choice, Count, MaybeCount, MaybeNonNegative, MaybePhase, NonNegative, Phase, Real
from stepsize.errors import ArgumentError
from stepsize.interop.phases import Way, divided, joined, level, phase, polynomial, times, wave, waves
from stepsize.interop.tool_schedule import Run
from stepsize.schedules import Constant, Cosine, InversePower, Linear, OneMinusSqrt, Polynomial, Schedule

Found = tuple[Schedule, float | None]
Shape = Annotated[str, Choice(("linear", "cosine", "1-sqrt"))]


@dataclass(frozen=True)
class Lengths:
    """The lengths of a training; `warmup_steps` is a part of it if it is below 1."""

    run: Run
    warmup_steps: float
    max_steps: int

    @property
    def total(self) -> int:
        return self.max_steps if self.max_steps > 0 else self.run.steps("num_train_epochs")

    @property
    def warmup(self) -> int:
        is_part = 0 < self.warmup_steps < 1
        return math.ceil(self.total * self.warmup_steps) if is_part else int(self.warmup_steps)

    @property
    def decay(self) -> int:
        """The updates after the warmup, but at least 1."""
        return max(1, self.total - self.warmup)

    def warmed_up(self, peak: float, *phases: Schedule | None) -> Schedule:
        return joined(phase(Linear, 0.0, peak, self.warmup), *phases)


def _constant(peak: float, n: Lengths) -> Found:
    return Constant(peak), None


def _constant_with_warmup(peak: float, n: Lengths) -> Found:
    return n.warmed_up(peak, Constant(peak)), None


def _linear(peak: float, n: Lengths) -> Found:
    return n.warmed_up(peak, phase(Linear, peak, 0.0, n.total - n.warmup), Constant(0.0)), None


def _cosine(peak: float, n: Lengths, *, num_cycles: Real = 0.5) -> Found:
    return n.warmed_up(peak, wave(peak, 0.0, n.decay, num_cycles)), None


def _cosine_with_restarts(peak: float, n: Lengths, *, num_cycles: Count = 1) -> Found:
    if n.decay % num_cycles:
        cycles = Cosine(peak, 0.0, 1).repeat(num_cycles).stretch(n.decay)
    else:
        cycle = Cosine(peak, 0.0, n.decay // num_cycles)
        cycles = cycle.repeat(num_cycles) if num_cycles > 1 else cycle
    return n.warmed_up(peak, cycles), None


def _polynomial(peak: float, n: Lengths, *, lr_end: NonNegative = 1e-7, power: Real = 1.0) -> Found:
    if lr_end >= peak:
        raise ArgumentError("polynomial", "lr_end", f"below the learning rate {peak:g}", lr_end)
    down = phase(partial(polynomial, power=power), peak, lr_end, n.total - n.warmup)
    return n.warmed_up(peak, down, Constant(lr_end)), lr_end


def _inverse_sqrt(peak: float, n: Lengths, *, timescale: MaybeCount = None) -> Found:
    return n.warmed_up(peak, InversePower(peak, 1 / (timescale or n.warmup or 10_000))), None


@dataclass(frozen=True, kw_only=True)
class Wave:
    """The settings of a cosine with a minimum."""

    min_lr: MaybeNonNegative = None
    min_lr_rate: MaybeNonNegative = None
    num_cycles: Real = 0.5

    def down(self, peak: float, n: Lengths) -> Found:
        if (self.min_lr is None) == (self.min_lr_rate is None):
            rule = "given, or min_lr_rate, but not both"
            raise ArgumentError("lr_scheduler_kwargs", "min_lr", rule, self.min_lr)
        low = times(peak, self.min_lr_rate) if self.min_lr is None else self.min_lr  # type: ignore[arg-type]
        return wave(peak, low, n.decay, self.num_cycles), low


def _cosine_with_min_lr(peak: float, n: Lengths, *, shape: Wave) -> Found:
    down, low = shape.down(peak, n)
    return n.warmed_up(peak, down), low


def _cosine_warmup_with_min_lr(
    peak: float, n: Lengths, *, shape: Wave, warmup_lr_rate: MaybeNonNegative = None
) -> Found:
    down, low = shape.down(peak, n)
    start = divided(peak, max(1, n.warmup)) if warmup_lr_rate is None else times(peak, warmup_lr_rate)
    if n.warmup == 1 and start != peak:
        return Constant(start, 1) >> down.tail(1), low
    return joined(phase(Linear, start, peak, n.warmup - 1), down if n.warmup else down.tail(1)), low


def _warmup_stable_decay(
    peak: float,
    n: Lengths,
    *,
    num_decay_steps: Phase,
    num_stable_steps: MaybePhase = None,
    warmup_type: Shape = "linear",
    decay_type: Shape = "cosine",
    min_lr_ratio: NonNegative = 0.0,
    num_cycles: Real = 0.5,
) -> Found:
    low = times(peak, min_lr_ratio)
    stable = n.total - n.warmup - num_decay_steps if num_stable_steps is None else num_stable_steps
    ways: dict[str, Way] = {"linear": Linear, "cosine": partial(waves, periods=num_cycles), "1-sqrt": OneMinusSqrt}
    down = phase(ways[decay_type], peak, low, num_decay_steps)
    if stable < 0 and down:  # the decay began during the warmup
        down = down.tail(-stable) if -stable < num_decay_steps else None
    return joined(phase(_UP[warmup_type], low, peak, n.warmup), level(peak, stable), down, Constant(low)), low


_UP: dict[str, Way] = {"linear": Linear, "cosine": Cosine, "1-sqrt": partial(Polynomial, power=0.5)}


SCHEDULERS: dict[str, Callable[..., Found]] = {
    "constant": _constant,
    "constant_with_warmup": _constant_with_warmup,
    "cosine": _cosine,
    "cosine_warmup_with_min_lr": _cosine_warmup_with_min_lr,
    "cosine_with_min_lr": _cosine_with_min_lr,
    "cosine_with_restarts": _cosine_with_restarts,
    "inverse_sqrt": _inverse_sqrt,
    "linear": _linear,
    "polynomial": _polynomial,
    "warmup_stable_decay": _warmup_stable_decay,
}
