"""What axolotl adds to transformers' schedulers: PyTorch's one cycle, and a jagged restart of any schedule."""

import math
from typing import Any

from stepsize.arguments import Fraction, Positive, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.phases import Anneal, joined, level, phase
from stepsize.schedules import Constant, Cosine, Linear, Schedule


def one_cycle(
    peak: float,
    warmup: int,
    total: int,
    beta2: float,
    *,
    anneal_strategy: Anneal = "cos",
    cycle_momentum: Switch = True,
    base_momentum: Fraction = 0.85,
    max_momentum: Fraction = 0.95,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> tuple[Schedule, dict[str, Any]]:
    """The rates of PyTorch's OneCycleLR, which is one update ahead, and the betas."""
    shape = Cosine if anneal_strategy == "cos" else Linear

    def cycle(start: float, top: float, end: float) -> Schedule:
        if warmup == 0:
            return shape(top, end, total).tail(1)
        return joined(phase(shape, start, top, warmup - 1), phase(shape, top, end, total - warmup) or Constant(top))

    rates = cycle(peak / div_factor, peak, peak / div_factor / final_div_factor)
    betas = (cycle(max_momentum, base_momentum, max_momentum), beta2)
    return rates, {"betas": betas} if cycle_momentum else {}


def jags(every: int, warmup: int, anneal: int, low: float) -> Schedule:
    """Factors that fall to `low` before each restart, and rise again after it; there is no rise at the beginning."""
    stable = every - warmup - anneal
    if stable < 0:
        rule = f"at most {every - anneal}, since a restart takes {every} updates"
        raise ArgumentError("axolotl", "jagged_restart_warmup_steps", rule, warmup)
    down = Linear(1.0, low, anneal)
    first = joined(Constant(1.0, every - anneal), down)
    return first >> joined(Linear(low, 1.0, warmup), level(1.0, stable), down).repeat(math.inf)
