"""Schedules for tools whose own functions make and join them: one call for each piece."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from stepsize.errors import ArgumentError, MissingExtraError
from stepsize.interop.calls import Call
from stepsize.interop.tool_schedule import Run
from stepsize.interop.writers.exact import compared
from stepsize.interop.writers.pieces import pieces
from stepsize.schedules import Schedule

WITHIN = 1e-6  # of the highest rate: these tools compute in single precision
INSTEAD = "the schedule itself is a function of the step and can be given to the optimizer"


def joined(schedule: Schedule, call_of: Callable[[Schedule], Call | None], join: str, run: Run) -> Call:
    """The call that joins those for the pieces of a schedule; ArgumentError if a piece has none."""
    starts, calls = [], []
    for start, piece in pieces(schedule):
        call = call_of(piece)
        if call is None:
            raise ArgumentError(run.owner, "schedule", "made of shapes that the tool has", piece, INSTEAD)
        starts.append(start)
        calls.append(call)
    return calls[0] if len(calls) == 1 else Call(join, (calls, starts[1:]))


def made(schedule: Schedule, call: Call, array: Callable[[Any], Any], run: Run, **modules: Any) -> Any:
    """The function that a call makes; ArgumentError if the tool computes other rates with it."""
    function = call.made(**modules)
    steps = compared(schedule, run)
    steps = steps[steps < 2**24]  # which single precision can count
    steps = np.resize(steps, 1 << len(steps).bit_length())  # JAX compiles again for each length
    ours, theirs = schedule(steps), np.asarray(function(array(steps)), dtype=np.float64)
    off = np.abs(np.broadcast_to(theirs, ours.shape) - ours)
    if not (off <= WITHIN * np.abs(ours).max()).all():
        step = int(steps[off.argmax()])
        advice = f"the nearest is off by {off.max():.2g} at update {step}; {INSTEAD}"
        raise ArgumentError(run.owner, "schedule", "one that the tool computes to 1e-6", schedule, advice)
    return function


def installed(module: str) -> Any:
    """The module of a tool; MissingExtraError if it is not installed."""
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError(f"{package} is not installed", f"install it with: pip install {package}") from None
