"""Schedules made of MLX's own functions."""

from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.calls import Call
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run
from stepsize.interop.writers.joined import installed, joined, made
from stepsize.schedules import Constant, Cosine, Exponential, Linear, Schedule, Staircase


@checked
def to_mlx(schedule: AnySchedule, horizon: AnyHorizon = None) -> Any:
    """The schedule as a function of the step for MLX's optimizers, made of MLX's own functions.

    A schedule is such a function itself; this one does not need stepsize.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open.

    Raises:
        ArgumentError: MLX has no function for a part of the schedule, or computes it too coarsely.
        MissingExtraError: MLX is not installed.

    Example:
        >>> import mlx.optimizers as optim
        >>> optimizer = optim.Adam(to_mlx("Linear(0, 0.3, 500) >> Cosine(0.3, 0.03, 9500)"))
    """
    return _written(schedule, Run.of("to_mlx", horizon))[1]


def source(schedule: Schedule, horizon: AnyHorizon = None) -> str:
    """The Python code of what `to_mlx` returns."""
    call, _ = _written(schedule, Run.of("to_mlx", horizon))
    return f"import mlx.optimizers as optim\n\nlearning_rate = {call}"


def _written(given: Schedule | str, run: Run) -> tuple[Call, Any]:
    optim, core = installed("mlx.optimizers"), installed("mlx.core")
    schedule = run.schedule(given)
    call = joined(schedule, _call_of, "optim.join_schedules", run)
    return call, made(schedule, call, lambda steps: core.array(steps, core.uint32), run, optim=optim)


def _call_of(piece: Schedule) -> Call | None:
    match piece:
        case Constant(value):
            return Call("optim.linear_schedule", (value, value, 1))
        case Linear(start, end, steps):
            return Call("optim.linear_schedule", (start, end, steps))
        case Cosine(start, end, steps):
            return Call("optim.cosine_decay", (start, steps), {"end": end} if end else {})
        case Exponential(start, factor, per):
            return Call("optim.exponential_decay", (start, factor ** (1.0 / per)))
        case Staircase(start, factor, every):
            return Call("optim.step_decay", (start, factor, every))
    return None
