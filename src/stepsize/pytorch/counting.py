"""Which calls of an optimizer's step are updates: what `Scheduler(..., auto=True)` asks after each of them."""

import sys
from types import FrameType
from typing import Any

import torch
from torch.optim import Optimizer

from stepsize.errors import DriverError
from stepsize.pytorch.assignment import rate_of

_WRAPPER = Optimizer.profile_hook_step(lambda: None).__code__
"""The code that PyTorch runs around every optimizer's step, and that calls the hooks."""


def is_update(optimizer: Optimizer, rate_written: Any) -> bool:
    """Whether the step that has just called its hooks was an update of the parameters.

    It was none where the class's step called `super().step()` and that inner step is the one that has ended; where a
    GradScaler has found an infinity for a fused optimizer, which then leaves the parameters alone; and where all rates
    are 0 by another hand than the scheduler's and all gradients too, as when torch.distributed.checkpoint makes the
    optimizer's state. `rate_written` is the first group's rate as the scheduler left it.

    Raises:
        DriverError: the step is being captured into a CUDA graph, whose replays call no hooks.
    """
    if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
        raise DriverError(
            "auto=True cannot count the replays of a CUDA graph; make the scheduler without it, with a tensor for the "
            "rate, and call step() after each replay"
        )
    if _steps_under_way(optimizer) > 1:
        return False
    found_inf = getattr(optimizer, "found_inf", None)
    if found_inf is not None and float(found_inf) > 0.0:
        return False
    return optimizer.param_groups[0].get("lr") is rate_written or not _is_silenced(optimizer)


def _is_silenced(optimizer: Optimizer) -> bool:
    """Whether all rates and all gradients are 0; it looks at the gradients only where all rates are."""
    if any(rate_of(group) != 0.0 for group in optimizer.param_groups):
        return False
    gradients = (parameter.grad for group in optimizer.param_groups for parameter in group["params"])
    return not any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def _steps_under_way(optimizer: Optimizer) -> int:
    """How many calls of this optimizer's step are on the stack.

    The stack is asked, not a counter: a step that raised would leave a counter wrong.
    """
    number = 0
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        # Names, not the code itself: the compiler runs a copy of it.
        if code.co_firstlineno == _WRAPPER.co_firstlineno and code.co_filename == _WRAPPER.co_filename:
            number += frame.f_locals.get("self") is optimizer
        frame = frame.f_back
    return number
