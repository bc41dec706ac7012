"""The parameter groups that a scheduler knows, with the base rate that each of them joined with."""

import math
from collections.abc import Sequence

from torch.optim import Optimizer

from stepsize.errors import ArgumentError, DriverError
from stepsize.pytorch.assignment import rate_of
from stepsize.pytorch.group_values import Group


class Members:
    """The groups of several optimizers, one after another; a group that comes later joins at its place."""

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.bases = [_base(group) for optimizer in optimizers for group in optimizer.param_groups]
        """The base rate of each group."""
        self._joined = [len(optimizer.param_groups) for optimizer in optimizers]
        """How many groups of each optimizer have joined."""

    def join(self, optimizers: Sequence[Optimizer]) -> list[int]:
        """Take in the groups that have come; their places, in rising order.

        Raises:
            DriverError: groups have gone.
            ArgumentError: a group's rate is none.
        """
        new, before = [], 0
        for index, optimizer in enumerate(optimizers):
            groups, known = optimizer.param_groups, self._joined[index]
            if len(groups) < known:
                raise DriverError(
                    f"there are {len(groups)} parameter groups where there were {known}; make a new Scheduler"
                )
            for place in range(known, len(groups)):
                self.bases.insert(before + place, _base(groups[place]))
                new.append(before + place)
            self._joined[index] = len(groups)
            before += len(groups)
        return new

    def mark(self, groups: Sequence[Group]) -> None:
        """Write each group's base rate where PyTorch's schedulers look for it, unless there is one."""
        for group, base in zip(groups, self.bases, strict=True):
            group.setdefault("initial_lr", base)


def _base(group: Group) -> float:
    """A group's base rate: where an earlier scheduler found it, else where it is; 1 where there is no rate."""
    base = float(group["initial_lr"]) if "initial_lr" in group else rate_of(group)
    if base < 0.0 or base == math.inf or (math.isnan(base) and group.get("lr") is not None):
        raise ArgumentError(f"a parameter group has the rate {base}; give it a finite one of at least 0")
    return 1.0 if math.isnan(base) else base
