"""The values that schedulers write into the groups of an optimizer: rates, cycled momenta and arguments."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim import lr_scheduler as pytorch

from stepsize.pytorch.lr_scheduler.replay import with_parts


def group_arguments(scheduler: pytorch.LRScheduler) -> tuple[str, ...]:
    """The arguments that PyTorch's class keeps in the groups."""
    if isinstance(scheduler, pytorch.OneCycleLR):
        rates = ("initial_lr", "max_lr", "min_lr")
        return (*rates, "max_momentum", "base_momentum") if scheduler.cycle_momentum else rates
    return ("swa_lr",) if hasattr(scheduler, "anneal_epochs") else ()


def held_values(scheduler: Any, groups: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Copies of the values that a scheduler and its parts write into each group, with beta1 as a value of its own."""
    names = ["lr"]
    for part in with_parts(scheduler):
        names += group_arguments(part)
        if getattr(part, "cycle_momentum", False):
            names.append("beta1" if part.use_beta1 else "momentum")
    held = [
        {**group, "beta1": group["betas"][0]} if "betas" in group else group
        for group in (scheduler.optimizer.param_groups if groups is None else groups)
    ]
    return [{name: _copied(group[name]) for name in names if name in group} for group in held]


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def write(optimizer: Optimizer, groups: list[dict[str, Any]]) -> None:
    """Write values into the groups, in place for tensors; groups that were added later are unchanged."""
    if len(groups) > len(optimizer.param_groups):
        return  # it is not known which groups were removed
    for group, values in zip(optimizer.param_groups, groups, strict=False):
        for name, value in values.items():
            held = group["betas"][0] if name == "beta1" else group.get(name)
            if isinstance(held, Tensor):
                held.fill_(value)
            elif name == "beta1":
                group["betas"] = (_copied(value), *group["betas"][1:])
            else:
                group[name] = value.item() if isinstance(value, Tensor) and held is not None else _copied(value)


def write_momentum(scheduler: Any) -> None:
    """Write the cycled momentum of the present step, which PyTorch's states do not hold."""
    cycling = [
        (steps_ago, part)
        for steps_ago, part in _started_parts(scheduler)
        if getattr(part, "cycle_momentum", False) and part.last_epoch >= 0  # a part that has not started is at -1
    ]
    if cycling:
        _, part = min(reversed(cycling), key=itemgetter(0))  # the last one to write
        # It raises for a group that was added later and past the end of a OneCycleLR, and so does the next step.
        with pytorch._enable_get_lr_call(part), suppress(ValueError, KeyError):
            part.get_lr()


def _started_parts(scheduler: Any, steps_ago: float = 0) -> Iterator[tuple[float, Any]]:
    """The parts that have started, in the order in which they step, each with the steps since its last one."""
    parts = getattr(scheduler, "_schedulers", None)
    if parts is None:
        yield steps_ago, scheduler
    elif isinstance(scheduler, pytorch.SequentialLR):
        ends = [*scheduler._milestones, math.inf]
        for part, end in zip(parts[: bisect_right(ends, scheduler.last_epoch) + 1], ends, strict=False):
            yield from _started_parts(part, steps_ago + max(0, scheduler.last_epoch + 1 - end))
    else:
        for part in parts:
            yield from _started_parts(part, steps_ago)


def equal(one: Any, other: Any) -> bool:
    """Whether two arguments or values are equal; a number is rounded to the type of a tensor."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    tensor = next((each for each in (one, other) if isinstance(each, Tensor)), None)
    if tensor is not None and one is not None and other is not None:
        return torch.equal(*(torch.as_tensor(each, dtype=tensor.dtype, device=tensor.device) for each in (one, other)))
    return bool(one == other)
