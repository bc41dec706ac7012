"""timm's schedulers that repeat a decay; `s` is the scheduler, or has its attributes."""

import math
from functools import partial
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.phases import Way, above, joined
from stepsize.schedules import Constant, Cosine, Geometric, Polynomial, Schedule


def cosine(base: float, s: Any) -> Schedule:
    """Cosines."""
    return _cycles(base, s, _bent(Cosine, s.k_decay))


def poly(base: float, s: Any) -> Schedule:
    """Polynomials."""
    return _cycles(base, s, _bent(partial(Polynomial, power=s.power), s.k_decay))


def tanh(base: float, s: Any) -> Schedule:
    """(1 - tanh(y)) / 2 is 1 / (1 + e^2y). It does not end at the minimum, but jumps to it."""

    def way(peak: float, low: float, steps: int) -> Schedule:
        return above(low, (peak - low) * (1.0 + Geometric(math.exp(2 * s.lb), math.exp(2 * s.ub), steps)) ** -1.0)

    return _cycles(base, s, way) >> Constant(s.lr_min)


def _bent(way: Way, power: float) -> Way:
    return way if power == 1.0 else lambda start, end, steps: way(start, end, steps).warp(power)


def lengths(s: Any) -> list[int]:
    """The steps of each cycle."""
    factor = getattr(s, "cycle_mul", 1.0)
    found = [s.t_initial * factor**i for i in range(getattr(s, "cycle_limit", 1))]
    if any(length != int(length) for length in found):
        raise ArgumentError("timm", "cycle_mul", "a factor that makes each cycle a whole number of steps", factor)
    return [int(length) for length in found]


def _cycles(base: float, s: Any, way: Way) -> Schedule:
    """The cycles one after another. Rounding makes timm begin some of them a step late: they are then cut there."""
    late = [_begins_late(s, i) for i in range(s.cycle_limit)] + [False]
    if not any(late) and (s.cycle_decay == 1.0 or s.lr_min == 0.0):
        once = way(base, s.lr_min, lengths(s)[0])
        return once if s.cycle_limit == 1 else once.repeat(s.cycle_limit, s.cycle_decay, s.cycle_mul)
    cycles = []
    for i, length in enumerate(lengths(s)):
        each = way(base * s.cycle_decay**i, s.lr_min, length)
        each = each.head(length + 1) if late[i + 1] else each
        cycles.append(each.tail(1) if late[i] else each)
    return joined(*cycles)


def _begins_late(s: Any, i: int) -> bool:
    if s.cycle_mul == 1.0:
        return False
    begin = (s.cycle_mul**i - 1) / (s.cycle_mul - 1) * s.t_initial
    return math.floor(math.log(1 - begin / s.t_initial * (1 - s.cycle_mul), s.cycle_mul)) < i
