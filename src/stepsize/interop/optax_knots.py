"""optax's schedules of values at steps, given as factors: stairs, knots and one-cycles."""

from collections.abc import Callable
from itertools import accumulate
from operator import mul
from typing import Annotated, Any

from stepsize.arguments import Choice, Fraction, Length, Number, Positive, Real, Steps
from stepsize.errors import ArgumentError
from stepsize.schedules import Constant, Knots, Piecewise, Schedule


def _factors(owner: str, name: str, value: Any) -> dict[int, float]:
    """The rule of factors at steps, in the order of the steps; None for none."""
    if not isinstance(value, dict | None):
        raise ArgumentError(owner, name, "a dictionary of steps and factors, such as {1000: 0.1}", value)
    found = {}
    for step, factor in (value or {}).items():
        item = f"{name}[{step!r}]"
        found[int(Length(1)(owner, item, step))] = Number(least=0.0)(owner, item, factor)
    return dict(sorted(found.items()))


Factors = Annotated[dict[int, float] | None, _factors]


def _piecewise_constant(*, init_value: Real, boundaries_and_scales: Factors = None) -> Schedule:
    factors = boundaries_and_scales or {}
    values = accumulate(factors.values(), mul, initial=init_value)
    return Piecewise(tuple(values), tuple(factors)) if factors else Constant(init_value)


def _piecewise_interpolate(
    *,
    interpolate_type: Annotated[str, Choice(("linear", "cosine"))],
    init_value: Real,
    boundaries_and_scales: Factors = None,
) -> Schedule:
    return _knots(interpolate_type, init_value, boundaries_and_scales or {})


def _linear_onecycle(
    *,
    transition_steps: Steps,
    peak_value: Real,
    pct_start: Fraction = 0.3,
    pct_final: Fraction = 0.85,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 10000.0,
) -> Schedule:
    ends = {int(pct_start * transition_steps): div_factor, int(pct_final * transition_steps): 1.0 / div_factor}
    return _knots("linear", peak_value / div_factor, {**ends, transition_steps: 1.0 / final_div_factor})


def _cosine_onecycle(
    *,
    transition_steps: Steps,
    peak_value: Real,
    pct_start: Fraction = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 10000.0,
) -> Schedule:
    ends = {int(pct_start * transition_steps): div_factor, transition_steps: 1.0 / (div_factor * final_div_factor)}
    return _knots("cosine", peak_value / div_factor, ends)


def _knots(shape: str, start: float, factors: dict[int, float]) -> Schedule:
    values = accumulate((factors[step] for step in sorted(factors)), mul, initial=start)
    points = dict(zip([0, *sorted(factors)], values, strict=True))  # a factor at step 0 counts from the first update
    return Knots(tuple(points.items()), shape) if len(points) > 1 else Constant(start)


KNOTS: dict[str, Callable[..., Schedule]] = {
    "cosine_onecycle_schedule": _cosine_onecycle,
    "linear_onecycle_schedule": _linear_onecycle,
    "piecewise_constant_schedule": _piecewise_constant,
    "piecewise_interpolate_schedule": _piecewise_interpolate,
}
