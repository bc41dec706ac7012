"""What each of transformers' schedulers does, and the minimum that its arguments name."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from stepsize.arguments import Choice, Count, Maybe, NonNegative, Number, Phase, Real, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.phases import divided, joined, phase, times, wave
from stepsize.interop.tool_schedule import Run
from stepsize.schedules import Constant, Cosine, InversePower, Linear, OneMinusSqrt, Polynomial, Schedule, warmup

Found = tuple[Schedule, float | None]
MaybeRate = Annotated[float | None, Maybe(Number(least=0.0))]
Shape = Annotated[str, Choice(("linear", "cosine", "1-sqrt"))]


@dataclass(frozen=True)
class Lengths:
    """The lengths of a training; `warmup_steps` is a part of it if it is below 1."""

    run: Run
    warmup_steps: float
    max_steps: int

    @property
    def total(self) -> int:
        """The number of updates."""
        return self.max_steps if self.max_steps > 0 else self.run.steps("num_train_epochs")

    @property
    def warmup(self) -> int:
        """The updates of the warmup."""
        is_part = 0 < self.warmup_steps < 1
        return math.ceil(self.total * self.warmup_steps) if is_part else int(self.warmup_steps)

    @property
    def decay(self) -> int:
        """The updates after the warmup, but at least 1."""
        return max(1, self.total - self.warmup)


def _constant(peak: float, n: Lengths) -> Found:
    return Constant(peak), None


def _constant_with_warmup(peak: float, n: Lengths) -> Found:
    return warmup(Constant(peak), n.warmup), None


def _linear(peak: float, n: Lengths) -> Found:
    down = phase(Linear, peak, 0.0, n.total - n.warmup)
    return joined(phase(Linear, 0.0, peak, n.warmup), down, Constant(0.0)), None


def _cosine(peak: float, n: Lengths, *, num_cycles: Real = 0.5) -> Found:
    return joined(phase(Linear, 0.0, peak, n.warmup), wave(peak, 0.0, n.decay, num_cycles)), None


def _cosine_with_restarts(peak: float, n: Lengths, *, num_cycles: Count = 1) -> Found:
    if n.decay % num_cycles:
        cycles = Cosine(peak, 0.0, 1).repeat(num_cycles).stretch(n.decay)
    else:
        cycle = Cosine(peak, 0.0, n.decay // num_cycles)
        cycles = cycle.repeat(num_cycles) if num_cycles > 1 else cycle
    return joined(phase(Linear, 0.0, peak, n.warmup), cycles), None


def _polynomial(peak: float, n: Lengths, *, lr_end: NonNegative = 1e-7, power: Real = 1.0) -> Found:
    if lr_end >= peak:
        raise ArgumentError("polynomial", "lr_end", f"below the learning rate {peak:g}", lr_end)

    def shape(start: float, end: float, steps: int) -> Schedule:
        return Linear(start, end, steps) if power == 1 else Polynomial(start, end, steps, power)

    down = phase(shape, peak, lr_end, n.total - n.warmup)
    return joined(phase(Linear, 0.0, peak, n.warmup), down, Constant(lr_end)), lr_end


def _inverse_sqrt(peak: float, n: Lengths, *, timescale: Annotated[int | None, Maybe(Whole(1))] = None) -> Found:
    down = InversePower(peak, 1 / (timescale or n.warmup or 10_000))
    return joined(phase(Linear, 0.0, peak, n.warmup), down), None


def _cosine_with_min_lr(
    peak: float, n: Lengths, *, min_lr: MaybeRate = None, min_lr_rate: MaybeRate = None, num_cycles: Real = 0.5
) -> Found:
    low = _minimum("cosine_with_min_lr", peak, min_lr, min_lr_rate)
    return joined(phase(Linear, 0.0, peak, n.warmup), wave(peak, low, n.decay, num_cycles)), low


def _cosine_warmup_with_min_lr(
    peak: float,
    n: Lengths,
    *,
    min_lr: MaybeRate = None,
    min_lr_rate: MaybeRate = None,
    warmup_lr_rate: MaybeRate = None,
    num_cycles: Real = 0.5,
) -> Found:
    low = _minimum("cosine_warmup_with_min_lr", peak, min_lr, min_lr_rate)
    down = wave(peak, low, n.decay, num_cycles)
    start = divided(peak, max(1, n.warmup)) if warmup_lr_rate is None else times(peak, warmup_lr_rate)
    if n.warmup == 1 and start != peak:
        return Constant(start, 1) >> down.tail(1), low
    return joined(phase(Linear, start, peak, n.warmup - 1), down if n.warmup else down.tail(1)), low


def _warmup_stable_decay(
    peak: float,
    n: Lengths,
    *,
    num_decay_steps: Phase,
    num_stable_steps: Annotated[int | None, Maybe(Whole(0))] = None,
    warmup_type: Shape = "linear",
    decay_type: Shape = "cosine",
    min_lr_ratio: NonNegative = 0.0,
    num_cycles: Real = 0.5,
) -> Found:
    low = times(peak, min_lr_ratio)
    stable = n.total - n.warmup - num_decay_steps if num_stable_steps is None else num_stable_steps
    down = phase(_DOWN[decay_type], peak, low, num_decay_steps)
    if decay_type == "cosine" and num_cycles != 0.5 and down:
        down = wave(peak, low, num_decay_steps, num_cycles).head(num_decay_steps)
    if stable < 0 and down:  # the decay began during the warmup
        down = down.tail(-stable) if -stable < num_decay_steps else None
    up = phase(_UP[warmup_type], low, peak, n.warmup)
    return joined(up, Constant(peak, stable) if stable > 0 else None, down, Constant(low)), low


_UP: dict[str, Callable[[float, float, int], Schedule]] = {
    "linear": Linear,
    "cosine": Cosine,
    "1-sqrt": lambda start, end, steps: Polynomial(start, end, steps, 0.5),
}
_DOWN = {"linear": Linear, "cosine": Cosine, "1-sqrt": OneMinusSqrt}


def _minimum(name: str, peak: float, min_lr: float | None, min_lr_rate: float | None) -> float:
    if min_lr_rate is None and min_lr is not None:
        return min_lr
    if min_lr_rate is None or min_lr is not None:
        advice = "write one of {min_lr} and {min_lr_rate}"
        raise ArgumentError(name, "min_lr", "given, or min_lr_rate", min_lr, advice, min_lr=1e-5, min_lr_rate=0.1)
    return times(peak, min_lr_rate)


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
