"""OLMo-core's schedules of one shape, over its own step t = 0, 1, ..."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from stepsize.arguments import Many, Maybe, MaybePhase, MaybeSteps, NonNegative, Number, Positive, Real, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.phases import joined, minus, phase, times
from stepsize.schedules import Constant, Cosine, Geometric, InversePower, Linear, Schedule, warmup

MaybePart = Annotated[float | None, Maybe(Number(least=0.0, most=1.0))]


class Way(NamedTuple):
    """The length of a warmup or a decay, and the rate at its low end."""

    steps: int
    low: float


def length_of(owner: str, name: str, total: int, whole: int | None, part: float | None) -> int:
    """The length of a warmup or a decay, given in steps or as a part of the total."""
    if part is None:
        if whole is None:
            raise ArgumentError(owner, name, f"given, or {name}_fraction", None)
        return whole
    if whole is not None:
        raise ArgumentError(owner, name, f"left out, if {name}_fraction is given", whole)
    return round(total * part)


def constant(peak: float, total: int) -> Schedule:
    """The peak."""
    return Constant(peak)


def constant_with_warmup(peak: float, total: int, up: Way) -> Schedule:
    """A warmup, and the peak."""
    return warmup(Constant(peak), up.steps, up.low)


def wsd(peak: float, total: int, up: Way, tail: Way) -> Schedule:
    """Warmup, stable, decay."""
    return _with_tail(peak, lambda steps: Constant(peak, steps), peak, total, up, tail)


def power(peak: float, total: int, up: Way, tail: Way, *, b: Real = -0.51) -> Schedule:
    """A warmup, a power of t / warmup, and a line down."""
    if up.steps == 0:
        raise ArgumentError("power_lr", "warmup", "at least 1, since OLMo-core divides by it", 0)
    top = peak * ((total - tail.steps) / up.steps) ** b
    return _with_tail(peak, InversePower(peak, 1 / up.steps, -b).head, top, total, up, tail)


def _with_tail(peak: float, middle: Callable[[int], Schedule], top: float, total: int, up: Way, tail: Way) -> Schedule:
    """A warmup, a middle, and a line down from `top`; the line may have begun when the warmup ends."""
    rise, fall = phase(Linear, up.low, peak, up.steps), Linear(top, tail.low, tail.steps)
    begun = up.steps + tail.steps - total
    if begun <= 0:
        return joined(rise, middle(-begun) if begun else None, fall)
    hold = Constant(peak, 1) if up.steps else None
    begun += hold is not None
    return joined(rise, hold, fall.tail(begun) if begun < tail.steps else Constant(tail.low))


def linear(peak: float, total: int, up: Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    """A warmup and a line."""
    low = times(peak, alpha_f)
    down = phase(Linear, peak, low, (t_max or total) - up.steps)
    return joined(phase(Linear, up.low, peak, up.steps), down, Constant(low))


def cosine(peak: float, total: int, up: Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    """A warmup and half a wave."""
    low = times(peak, alpha_f)
    down = phase(Cosine, peak, low, (t_max or total) - up.steps)
    return joined(phase(Linear, up.low, peak, up.steps), down, Constant(low))


def half_cosine(peak: float, total: int, up: Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    """A warmup to the middle of a cosine, and its second half."""
    low, steps = times(peak, alpha_f), (t_max or total) - up.steps
    down = Cosine(peak, low, 2 * steps).tail(steps) if steps > 0 else None
    return joined(phase(Linear, up.low, low + minus(peak, low) / 2, up.steps), down, Constant(low))


def cosine_with_tail(
    peak: float, total: int, up: Way, tail: Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None
) -> Schedule:
    """A cosine that a line cuts short."""
    rates = cosine(peak, total, up, alpha_f=alpha_f, t_max=t_max)
    return rates.cooldown(max(0, total - tail.steps), tail.steps, tail.low)


def inverse_sqrt(peak: float, total: int, up: Way, *, alpha_f: Real = 0.1) -> Schedule:
    """A warmup, and the inverse square root of t above the minimum."""
    low = times(peak, alpha_f)
    if up.steps == 0:
        return Constant(low)
    down = InversePower(minus(peak, low), 1 / up.steps)
    return Linear(up.low, peak, up.steps) >> (low + down if low else down)


def exponential(peak: float, total: int, *, lr_min: Positive = 1e-9) -> Schedule:
    """Up to the peak by a factor a step."""
    return Geometric(lr_min, peak, total)


def wsds(
    peak: float,
    total: int,
    *,
    period_lengths: Annotated[tuple[int, ...], Many(Whole(1))],
    period_lr_multipliers: Annotated[tuple[float, ...] | None, Maybe(Many(Number(above=0.0)))] = None,
    warmup: MaybePhase = None,
    warmup_fraction: MaybePart = None,
    decay: MaybeSteps = None,
    decay_fraction: MaybePart = None,
    warmup_min_lr: NonNegative = 0.0,
    decay_min_lr: NonNegative = 0.0,
) -> Schedule:
    """WSD-S: several stable phases, each with its decay."""
    rise = length_of("wsds", "warmup", period_lengths[0], warmup, warmup_fraction)
    phases: list[Schedule | None] = []
    for index, length in enumerate(period_lengths):
        top = times(peak, period_lr_multipliers[index]) if period_lr_multipliers else peak
        fall = length_of("wsds", "decay", length, decay, decay_fraction)
        stable = length - fall - (rise if index == 0 else 0)
        if fall == 0 or stable < 0:
            raise ArgumentError("wsds", "decay", f"from 1 to {length - (rise if index == 0 else 0)} updates", fall)
        down: Schedule = Linear(top, decay_min_lr, fall)
        if index == 0:
            phases += [phase(Linear, warmup_min_lr, top, rise), Constant(top, stable) if stable else None, down]
        else:  # the period before has its minimum at the first step of this one
            hold = Constant(top, stable - 1) if stable > 1 else None
            phases += [Constant(decay_min_lr, 1), hold, down if stable else down.tail(1)]
    return joined(*phases)
