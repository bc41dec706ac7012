"""What each of MMEngine's schedulers does in its window of n steps, from the value that it finds there.

A window of n steps has n - 1 changes. `base` is the optimizer's value.
"""

from collections.abc import Callable
from typing import Annotated

from stepsize.arguments import (
    Fraction,
    Many,
    MaybeReal,
    MaybeSteps,
    NonNegative,
    Number,
    Positive,
    Real,
    Steps,
    Switch,
    Whole,
)
from stepsize.errors import ArgumentError
from stepsize.interop.phases import Anneal, in_turn, one_cycle, wave
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    Piecewise,
    Polynomial,
    Schedule,
    Staircase,
)

Factor = Annotated[float, Number(above=0.0, most=1.0)]
Lengths = Annotated[tuple[int, ...], Many(Whole(1))]


def _constant(start: float, base: float, n: int, *, factor: Factor = 1.0 / 3) -> Schedule:
    """The last change undoes the first; a window of one step has none."""
    return Piecewise((start * factor, start), (n - 1,)) if n > 1 else Constant(start * factor)


def _linear(
    start: float, base: float, n: int, *, start_factor: Factor = 1.0 / 3, end_factor: Fraction = 1.0
) -> Schedule:
    low, high = start * start_factor, start * end_factor
    return Linear(low, high, n - 1) if n > 1 else Constant(low)


def _step(start: float, base: float, n: int, *, step_size: Steps, gamma: NonNegative = 0.1) -> Schedule:
    return Staircase(start, gamma, step_size)


def _multi_step(
    start: float,
    base: float,
    n: int,
    *,
    milestones: Annotated[tuple[int, ...], Many(Whole(0))],
    gamma: NonNegative = 0.1,
) -> Schedule:
    reached = tuple(sorted(each for each in milestones if each < n))
    return MultiStep(start, gamma, reached) if reached else Constant(start)


def _exponential(start: float, base: float, n: int, *, gamma: NonNegative) -> Schedule:
    return Exponential(start, gamma)


def _cosine(
    start: float,
    base: float,
    n: int,
    *,
    T_max: MaybeSteps = None,  # noqa: N803  (MMEngine's name)
    eta_min: MaybeReal = None,
    eta_min_ratio: MaybeReal = None,
) -> Schedule:
    """By default, T_max is the window, whose last step is one before the minimum. After T_max, it rises to `base`."""
    low, steps = _low(base, eta_min, eta_min_ratio), T_max or n
    down = Cosine(start, low, steps)
    return down if n - 1 <= steps else down >> wave(low, base, steps)


def _cosine_restart(
    start: float,
    base: float,
    n: int,
    *,
    periods: Lengths,
    restart_weights: Annotated[tuple[float, ...], Many(Number())] = (1.0,),
    eta_min: MaybeReal = None,
    eta_min_ratio: MaybeReal = None,
) -> Schedule:
    """The last period ends one step before its minimum, and stays there."""
    if len(periods) != len(restart_weights):
        raise ArgumentError("CosineRestartLR", "restart_weights", f"{len(periods)} weights", restart_weights)
    low = _low(base, eta_min, eta_min_ratio)
    waves = [
        (Cosine(base * weight, low, period), period) for weight, period in zip(restart_weights, periods, strict=True)
    ]
    return in_turn(waves).head(min(sum(periods), n) - 1)


def _low(base: float, eta_min: float | None, eta_min_ratio: float | None) -> float:
    return eta_min or 0.0 if eta_min_ratio is None else base * eta_min_ratio


def _poly(start: float, base: float, n: int, *, eta_min: Real = 0.0, power: Positive = 1.0) -> Schedule:
    return Polynomial(start, eta_min, n - 1, power) if n > 1 else Constant(start)


def _one_cycle(
    start: float,
    base: float,
    n: int,
    *,
    eta_max: Real,
    total_steps: MaybeSteps = None,
    pct_start: Fraction = 0.3,
    anneal_strategy: Anneal = "cos",
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: Switch = False,
) -> Schedule:
    total = total_steps or n
    if n > total:
        raise ArgumentError("OneCycleLR", "total_steps", f"at least {n}, the steps between begin and end", total_steps)
    first = eta_max / div_factor
    rates = (first, eta_max, first / final_div_factor)
    return one_cycle(rates, total, pct_start, anneal_strategy, three_phase, "pct_start")


SHAPES: dict[str, Callable[..., Schedule]] = {
    "Constant": _constant,
    "CosineAnnealing": _cosine,
    "CosineRestart": _cosine_restart,
    "Exponential": _exponential,
    "Linear": _linear,
    "MultiStep": _multi_step,
    "OneCycle": _one_cycle,
    "Poly": _poly,
    "Step": _step,
}
