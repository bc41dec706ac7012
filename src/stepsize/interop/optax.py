"""optax's schedules, by name and arguments or as the source of a call; and those of values and schedules in turn."""

import math
from collections.abc import Callable
from itertools import accumulate, pairwise
from operator import mul
from typing import Annotated, Any

from stepsize.arguments import Choice, Fraction, Length, Many, Number, Positive, Real, Steps
from stepsize.errors import ArgumentError
from stepsize.interop.calls import Call, read_call
from stepsize.interop.config import Items, bind, chosen, settings_of_call
from stepsize.interop.optax_schedules import SHAPES
from stepsize.interop.phases import in_turn
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Constant, Knots, Piecewise, Schedule
from stepsize.schedules.base import nested


def from_optax(name: str, /, *args: Any, **settings: Any) -> Schedule:
    """The schedule of one of optax's functions.

    Piecewise schedules take factors, which multiply, instead of values. `decay_steps` includes the warmup.

    Args:
        name: the function, such as "cosine_decay_schedule"; or the source of a whole call, which may hold other calls.
        args: the arguments of the function; schedules among them are schedules of stepsize or sources.
        settings: those by name.

    Raises:
        ArgumentError: the function is unknown, or arguments are missing, unknown or not allowed.

    Example:
        >>> from_optax("warmup_cosine_decay_schedule", 0.0, 0.3, warmup_steps=500, decay_steps=10_000)
        Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.0, 9500)
        >>> from_optax("optax.join_schedules([optax.constant_schedule(0.3), optax.linear_schedule(0.3, 0, 50)], [100])")
        Constant(0.3, 100) >> Linear(0.3, 0.0, 50)

    Source: optax/schedules of optax 0.2.8 (2026).
    """
    return read(Call(name, args, settings) if args or settings else name, Run("from_optax")).rates


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a call, or of its source."""
    call = config if isinstance(config, Call) else read_call(run.owner, config)
    name = chosen("", call.name, call.name.rpartition(".")[2], SCHEDULES)
    settings = bind(name, SCHEDULES[name], settings_of_call(name, call, SCHEDULES[name]))
    rates, decay = SCHEDULES[name](**settings), settings.get("decay")
    return ToolSchedule(
        name=name,
        rates=rates,
        peak=settings.get("peak_value", settings.get("init_value")),
        minimum=decay.end_value if decay else settings.get("end_value"),
        warmup_steps=settings.get("warmup_steps", 0),
        total_steps=rates.steps,
    )


def _part(owner: str, name: str, value: Any) -> Schedule:
    return read(value, Run(owner)).rates if isinstance(value, Call | str) else nested(owner, name, value)


def _sgdr(*, cosine_kwargs: Items) -> Schedule:
    name = "warmup_cosine_decay_schedule"
    cycles = [bind(name, SHAPES[name], cycle) for cycle in cosine_kwargs]
    return in_turn((SHAPES[name](**cycle), cycle["decay_steps"]) for cycle in cycles)


def _join(
    *, schedules: Annotated[Any, Many(_part)], boundaries: Annotated[Any, Many(Length(0), rising="weakly", empty=True)]
) -> Schedule:
    if len(boundaries) != len(schedules) - 1:
        rule = f"a sequence of length {len(schedules) - 1}, one less than schedules"
        raise ArgumentError("join_schedules", "boundaries", rule, boundaries)
    lengths = [end - start for start, end in pairwise([0, *boundaries, math.inf])]
    return in_turn(zip(schedules, lengths, strict=True))


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


SCHEDULES: dict[str, Callable[..., Schedule]] = SHAPES | {
    "cosine_onecycle_schedule": _cosine_onecycle,
    "linear_onecycle_schedule": _linear_onecycle,
    "piecewise_constant_schedule": _piecewise_constant,
    "piecewise_interpolate_schedule": _piecewise_interpolate,
    "join_schedules": _join,
    "sgdr_schedule": _sgdr,
}
