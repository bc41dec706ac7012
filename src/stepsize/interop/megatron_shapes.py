"""What Megatron's decay styles do after the warmup, and how its batch size ramps up."""

from fractions import Fraction
from math import ceil

from stepsize.interop.phases import level, minus
from stepsize.schedules import Constant, Cosine, Geometric, InversePower, Linear, OneMinusSqrt, Piecewise, Schedule


def phases_after_warmup(
    style: str, wsd_style: str, peak: float, low: float, warmup: int, end: int, wsd: int
) -> tuple[Schedule | None, ...]:
    """The phases from the end of the warmup to `end`, and what follows; lengths in ticks of the clock."""
    if style == "constant":
        return (Constant(peak),)
    if style == "inverse-square-root":
        hold = Constant(peak, 1) if warmup == 0 else None  # updates 0 and 1 of the clock have the same rate
        down: Schedule = InversePower(peak, 1 / max(1, warmup))
        steps = end - max(1, warmup)
        return hold, (down.clip(low) if down(steps) < low else down).head(steps + 1), Constant(low)
    if style != "WSD":
        return (Linear if style == "linear" else Cosine)(peak, low, end - warmup), Constant(low)
    down = _wsd(wsd_style, peak, low, wsd)
    stable = end - wsd - warmup
    if stable < 0:  # the decay began during the warmup, whose last update is still at the peak
        begun = min(wsd, int(warmup > 0) - stable)
        return Constant(peak, 1) if warmup else None, down.tail(begun) if begun < wsd else None, Constant(low)
    return level(peak, stable), down, Constant(low)


def _wsd(style: str, peak: float, low: float, steps: int) -> Schedule:
    span = minus(peak, low)
    if style == "exponential" and span > 0:  # 2 * 0.5^z - 1 of the span
        return Geometric(2 * span, span, steps) - minus(span, low)
    return {"linear": Linear, "cosine": Cosine}.get(style, OneMinusSqrt)(peak, low, steps)


def rampup(given: tuple[int, ...] | None, batch: int, ticks: int) -> Schedule:
    """The batch size after some samples, in ticks of the clock: constant, or from `start` up in equal increments."""
    if given is None:
        return Constant(batch * ticks)
    start, increment, samples = given
    sizes = range(start, batch + 1, increment)
    boundaries = (ceil(Fraction(samples * k, len(sizes) - 1)) for k in range(1, len(sizes)))
    return Piecewise(tuple(each * ticks for each in sizes), tuple(each * ticks for each in boundaries))
