"""optax's schedules, by name and arguments or as the source of a call."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any

from stepsize.arguments import Length, Many
from stepsize.errors import ArgumentError
from stepsize.interop.calls import Call, read_call, settings_of_call
from stepsize.interop.config import Items, bind, chosen
from stepsize.interop.optax_knots import KNOTS
from stepsize.interop.optax_schedules import SHAPES
from stepsize.interop.phases import in_turn
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.schedules import Schedule
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
        tool="optax",
        name=name,
        rates=rates,
        peak=settings.get("peak_value", settings.get("init_value")),
        minimum=decay.end_value if decay else settings.get("end_value"),
        warmup_steps=settings.get("warmup_steps", 0),
        total_steps=rates.steps,
    )


def _part(owner: str, name: str, value: Any) -> Schedule:
    """The rule of a schedule among the arguments."""
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


SCHEDULES: dict[str, Callable[..., Schedule]] = SHAPES | KNOTS | {"join_schedules": _join, "sgdr_schedule": _sgdr}
