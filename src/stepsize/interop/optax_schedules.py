"""optax's schedules as schedules of stepsize, each a function with optax's arguments."""

from collections.abc import Callable
from functools import reduce
from itertools import accumulate, pairwise
from operator import mul, rshift
from typing import Annotated, Any

from stepsize.arguments import (
    Choice,
    Fraction,
    Length,
    MaybeReal,
    NonNegative,
    Number,
    Phase,
    Positive,
    Real,
    Steps,
    Switch,
)
from stepsize.errors import ArgumentError
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    Knots,
    Linear,
    Piecewise,
    Polynomial,
    Schedule,
    Staircase,
    maximum,
    minimum,
)


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


def _polynomial(
    *, init_value: Real, end_value: Real, power: Positive, transition_steps: Phase, transition_begin: Phase = 0
) -> Schedule:
    if transition_steps == 0:
        return Constant(init_value)
    if power == 1.0:
        return _later(Linear(init_value, end_value, transition_steps), transition_begin)
    return _later(Polynomial(init_value, end_value, transition_steps, power), transition_begin)


def _linear(*, init_value: Real, end_value: Real, transition_steps: Phase, transition_begin: Phase = 0) -> Schedule:
    return _later(_line(init_value, end_value, transition_steps), transition_begin)


def _piecewise_constant(*, init_value: Real, boundaries_and_scales: Factors = None) -> Schedule:
    factors = boundaries_and_scales or {}
    values = accumulate(factors.values(), mul, initial=init_value)
    return Piecewise(tuple(values), tuple(factors)) if factors else Constant(init_value)


def _exponential(
    *,
    init_value: Real,
    transition_steps: Phase,
    decay_rate: NonNegative,
    transition_begin: Phase = 0,
    staircase: Switch = False,
    end_value: MaybeReal = None,
) -> Schedule:
    return _decay(init_value, transition_steps, decay_rate, transition_begin, staircase, end_value)


def _decay(start: float, steps: int, rate: float, begin: int, staircase: bool, end: float | None) -> Schedule:
    if steps == 0 or rate == 0.0:
        return Constant(start)
    decay = _later((Staircase if staircase else Exponential)(start, rate, steps), begin)
    if end is None:
        return decay
    return maximum(decay, end) if rate < 1.0 else minimum(decay, end)


def _cosine(*, init_value: Real, decay_steps: Steps, alpha: Real = 0.0, exponent: Positive = 1.0) -> Schedule:
    if exponent == 1.0:
        return Cosine(init_value, init_value * alpha, decay_steps)
    return init_value * (1.0 - alpha) * Cosine(1.0, 0.0, decay_steps) ** exponent + init_value * alpha


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


def _warmup_constant(*, init_value: Real, peak_value: Real, warmup_steps: Phase) -> Schedule:
    return _line(init_value, peak_value, warmup_steps)


def _warmup_cosine(
    *,
    init_value: Real,
    peak_value: Real,
    warmup_steps: Phase,
    decay_steps: Steps,
    end_value: Real = 0.0,
    exponent: Positive = 1.0,
) -> Schedule:
    if warmup_steps >= decay_steps:
        rule = f"more than warmup_steps = {warmup_steps}, which it includes"
        raise ArgumentError("warmup_cosine_decay_schedule", "decay_steps", rule, decay_steps)
    if exponent == 1.0 and peak_value:
        decay: Schedule = Cosine(peak_value, end_value, decay_steps - warmup_steps)
    else:
        alpha = end_value / peak_value if peak_value else 0.0
        decay = _cosine(init_value=peak_value, decay_steps=decay_steps - warmup_steps, alpha=alpha, exponent=exponent)
    return joined_at([_line(init_value, peak_value, warmup_steps), decay], [warmup_steps])


def _warmup_exponential(
    *,
    init_value: Real,
    peak_value: Real,
    warmup_steps: Phase,
    transition_steps: Phase,
    decay_rate: NonNegative,
    transition_begin: Phase = 0,
    staircase: Switch = False,
    end_value: MaybeReal = None,
) -> Schedule:
    decay = _decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return joined_at([_line(init_value, peak_value, warmup_steps), decay], [warmup_steps])


def _line(start: float, end: float, steps: int) -> Schedule:
    return Linear(start, end, steps) if steps else Constant(start)


def _later(schedule: Schedule, steps: int) -> Schedule:
    return schedule.shift(steps) if steps else schedule


def _knots(shape: str, start: float, factors: dict[int, float]) -> Schedule:
    values = accumulate((factors[step] for step in sorted(factors)), mul, initial=start)
    points = dict(zip([0, *sorted(factors)], values, strict=True))  # a factor at step 0 counts from the first update
    return Knots(tuple(points.items()), shape) if len(points) > 1 else Constant(start)


def joined_at(schedules: list[Schedule], boundaries: list[int]) -> Schedule:
    """Each schedule from its boundary on; one that has no step is left out."""
    lengths = [end - start for start, end in pairwise([0, *boundaries])]
    parts = [_cut(part, n) for part, n in zip(schedules[:-1], lengths, strict=True) if n]
    return reduce(rshift, [*parts, schedules[-1]])


def _cut(schedule: Schedule, steps: int) -> Schedule:
    if schedule.steps == steps:
        return schedule
    return Constant(schedule.value, steps) if isinstance(schedule, Constant) else schedule.head(steps)


SHAPES: dict[str, Callable[..., Schedule]] = {
    "constant_schedule": lambda *, value: Constant(value),
    "cosine_decay_schedule": _cosine,
    "cosine_onecycle_schedule": _cosine_onecycle,
    "exponential_decay": _exponential,
    "linear_onecycle_schedule": _linear_onecycle,
    "linear_schedule": _linear,
    "piecewise_constant_schedule": _piecewise_constant,
    "piecewise_interpolate_schedule": _piecewise_interpolate,
    "polynomial_schedule": _polynomial,
    "warmup_constant_schedule": _warmup_constant,
    "warmup_cosine_decay_schedule": _warmup_cosine,
    "warmup_exponential_decay_schedule": _warmup_exponential,
}
