"""Schedules made of optax's own functions."""

import math
from collections import Counter
from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.calls import Call
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run
from stepsize.interop.writers.exact import ratio
from stepsize.interop.writers.joined import installed, joined, made
from stepsize.interop.writers.pieces import pieces
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    Geometric,
    Linear,
    MultiStep,
    Polynomial,
    Schedule,
    Staircase,
)
from stepsize.schedules.arithmetic import Clip, Maximum, Minimum, Power
from stepsize.schedules.clock import Shift
from stepsize.schedules.shape import all_of


@checked
def to_optax(schedule: AnySchedule, horizon: AnyHorizon = None) -> Any:
    """The schedule as a function of the step for optax's optimizers, made of optax's own functions.

    It also works under `jax.jit`. A schedule is such a function itself; this one does not need stepsize.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open.

    Raises:
        ArgumentError: optax has no function for a part of the schedule.
        MissingExtraError: optax is not installed.

    Example:
        >>> import optax
        >>> optimizer = optax.adam(to_optax("Linear(0, 0.3, 500) >> Cosine(0.3, 0.03, 9500)"))
    """
    return _written(schedule, Run.of("to_optax", horizon))[1]


def source(schedule: Schedule, horizon: AnyHorizon = None) -> str:
    """The Python code of what `to_optax` returns."""
    call, _ = _written(schedule, Run.of("to_optax", horizon))
    return f"import optax\n\nlearning_rate = {call}"


def _written(given: Schedule | str, run: Run) -> tuple[Call, Any]:
    optax, numpy = installed("optax"), installed("jax.numpy")
    schedule = run.schedule(given)
    call = _warmup_cosine(schedule) or joined(schedule, _call_of, "optax.join_schedules", run)
    return call, made(schedule, call, numpy.asarray, run, optax=optax)


def _warmup_cosine(schedule: Schedule) -> Call | None:
    match pieces(schedule):
        case [(0, Linear(start, peak, warmup)), (begin, Cosine(high, low, steps))] if begin == warmup and peak == high:
            ends = {"init_value": start, "peak_value": peak, "warmup_steps": warmup, "decay_steps": warmup + steps}
            return Call("optax.warmup_cosine_decay_schedule", (), ends | {"end_value": low})
    return None


def _call_of(piece: Schedule) -> Call | None:
    match piece:
        case Constant(value):
            return _call("constant_schedule", value)
        case Cosine(start, end) if start == end:
            return _call("constant_schedule", start)
        case Linear(start, end, steps):
            return _call("linear_schedule", start, end, steps)
        case Cosine(start, end, steps) if start != 0.0:
            return _call("cosine_decay_schedule", start, steps, alpha=ratio(end, start))
        case Polynomial(start, end, steps, power):
            return _call("polynomial_schedule", start, end, power, steps)
        case Geometric(start, end, steps):
            return _call("exponential_decay", start, steps, ratio(end, start), end_value=end)
        case MultiStep(start, factor, boundaries):
            scales = {each: factor**times for each, times in Counter(boundaries).items()}
            return _call("piecewise_constant_schedule", start, scales)
    for each in all_of(Power, piece):  # of a cosine
        first, last = piece(0), piece(piece.steps)
        if isinstance(each.schedule, Cosine) and first != 0.0:
            own = {"alpha": ratio(last, first), "exponent": each.exponent}
            return _call("cosine_decay_schedule", first, int(piece.steps), **own)
    return _decay(piece)


def _decay(piece: Schedule, **settings: Any) -> Call | None:
    """An exponential or a staircase, perhaps bounded and begun later."""
    match piece:
        case Exponential(start, factor, per) if factor > 0.0:
            return _call("exponential_decay", start, *_over_many(factor, per), **settings)
        case Staircase(start, factor, every) if factor > 0.0:
            return _call("exponential_decay", start, every, factor, staircase=True, **settings)
        case Shift(inner, n):
            return _decay(inner, transition_begin=n, **settings)
        case Maximum((Schedule() as inner, float(bound))) | Minimum((Schedule() as inner, float(bound))):
            return _decay(inner, end_value=bound, **settings)
        case Clip(inner, bound, math.inf):
            return _decay(inner, end_value=bound, **settings)
    return None


def _over_many(factor: float, per: float) -> tuple[float, float]:
    """The steps and the factor over them: a factor near 1 would lose its last digits in single precision."""
    while 0.9 < factor < 1.0:
        factor, per = factor**10, per * 10
    return int(per) if per == int(per) else per, factor


def _call(name: str, *args: Any, **kwargs: Any) -> Call:
    return Call(f"optax.{name}", args, {key: value for key, value in kwargs.items() if value != 0.0})
