"""How values get into parameter groups: each distinct schedule is evaluated once a step and written wherever it goes.

Floats are replaced. Tensors are filled in place from a float64 value and never read, so that a compiled optimizer keeps
the tensor it knows; a tensor that several groups share is written once, or, where they need different values, or one of
them none, replaced by one of its own in each.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch.assignment import Assignment
from stepsize.pytorch.constant_product import ConstantProduct
from stepsize.pytorch.group_values import Group, held, put, tensors_in
from stepsize.schedules import Schedule

NEVER_NEGATIVE = {"lr", "momentum", "weight_decay", "betas", "alpha", "rho"}
"""The hyperparameters of torch.optim of which a negative one is refused by its constructors."""


@dataclass(eq=False)
class Writer:
    """One schedule of one hyperparameter (or of one place in a tuple of them), and every group that it goes to."""

    key: str
    place: int | None
    schedule: Schedule
    floats: list[tuple[Group, float]] = field(default_factory=list)
    """Groups whose value is a float, with the factor that is theirs."""
    tensors: list[tuple[Tensor, float, list[Group]]] = field(default_factory=list)
    """Tensors to be filled, with the factor, and the groups that hold them, or are to."""

    def value(self, position: float) -> float:
        """The schedule's value there.

        Raises:
            StepError: it is not finite, or is a negative rate; with a group's factor too.
        """
        value = self.schedule(position)
        if not self.least <= value:
            what = "rate" if self.key == "lr" else self.key
            raise StepError(f"{self.schedule} gives the {what} {value} at step {position}, which cannot be negative")
        if value >= 1.0 and self.key == "betas":
            raise StepError(f"{self.schedule} gives {value} for betas at step {position}; they are below 1")
        if not abs(value) <= self.largest:
            raise StepError(
                f"{self.schedule} gives {value} for {self.key} at step {position}, which its group cannot hold; bound "
                "it with .clip(low, high)"
            )
        return value

    @property
    def least(self) -> float:
        """The least value that optimizers take."""
        return 0.0 if self.key in NEVER_NEGATIVE else -self.largest

    @cached_property
    def largest(self) -> float:
        """The largest value that every group can hold, its factor included."""
        floats = [sys.float_info.max / factor for _, factor in self.floats if factor > 1.0]
        tensors = [torch.finfo(tensor.dtype).max / max(factor, 1.0) for tensor, factor, _ in self.tensors]
        return min([sys.float_info.max, *floats, *tensors])

    def write(self, value: float) -> None:
        """Put the value, times each group's factor, where it goes."""
        key, place = self.key, self.place
        if place is None:
            for group, factor in self.floats:
                group[key] = value * factor
        else:
            for group, factor in self.floats:
                put(group, key, place, value * factor)
        for tensor, factor, groups in self.tensors:
            tensor.fill_(value * factor)
            for group in groups:
                if held(group, key, place) is not tensor:  # not yet, or somebody has put something else there
                    put(group, key, place, tensor)


@dataclass(eq=False)
class TiedWriter:
    """A hyperparameter of one group whose product with the group's rate is constant."""

    key: str
    tie: ConstantProduct
    rate: Schedule
    factor: float
    group: Group

    def value(self, position: float) -> float:
        """The value there."""
        return self.tie.at(self.rate(position) * self.factor)

    def write(self, value: float) -> None:
        """Put the value where it goes; it stays a float, which is what optimizers take."""
        self.group[self.key] = value


def writers_for(
    assignments: Sequence[Assignment], groups: Sequence[Group], factors: Sequence[float], others: Sequence[Group] = ()
) -> list[Writer | TiedWriter]:
    """The writers for these groups; `factors` are what each group's rate is multiplied by.

    `others` are groups of which nothing is known but that their tensors are not to be filled.
    """
    made: dict[tuple[str, int | None, Schedule], Writer] = {}
    tied: list[TiedWriter] = []
    filled: dict[int, tuple[Writer, float, list[Group]]] = {}
    """By the identity of a tensor: who fills it, with which factor, and which groups hold it."""
    not_ours = {
        id(tensor)
        for assignment in assignments
        for index, group in enumerate([*groups, *others])
        if index >= len(groups) or assignment.for_group(index, group) is None
        for tensor in tensors_in(group.get(assignment.key))
    }
    rates = next((assignment for assignment in assignments if assignment.key == "lr"), None)
    for assignment in assignments:
        key = assignment.key
        for index, group in enumerate(groups):
            wanted = assignment.for_group(index, group)
            if wanted is None:
                continue
            assignment.check_group(index, group, wanted)
            if isinstance(wanted, ConstantProduct):
                rate = None if rates is None else rates.for_group(index, group)
                if not isinstance(rate, Schedule):
                    raise ArgumentError(
                        f"{key}=ConstantProduct(...) follows the rate, and nothing schedules that of parameter group "
                        f"{index}; give lr=... for it in the same Scheduler"
                    )
                tied.append(TiedWriter(key, wanted, rate, factors[index], group))
                continue
            parts = list(enumerate(wanted)) if isinstance(wanted, tuple) else [(None, wanted)]
            for place, schedule in parts:
                writer = made.setdefault((key, place, schedule), Writer(key, place, schedule))
                factor = factors[index] if key == "lr" else 1.0
                present = held(group, key, place)
                if not isinstance(present, Tensor):
                    writer.floats.append((group, factor))
                    continue
                holders = [group]
                if id(present) in filled:
                    by, by_factor, sharing = filled[id(present)]
                    if (by, by_factor) == (writer, factor):
                        sharing.append(group)  # of the same value: written once
                        continue
                    present = present.clone()
                elif id(present) in not_ours:
                    present = present.clone()
                filled[id(present)] = (writer, factor, holders)
                writer.tensors.append((present, factor, holders))
    return [*made.values(), *tied]
