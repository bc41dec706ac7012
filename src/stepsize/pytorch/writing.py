"""Writing values into parameter groups, in two ways: a careful one and a quick one.

Each distinct schedule is evaluated once per step and written into every group that follows it. Floats are replaced.
Tensors are filled in place from a float64 value and never read, so a compiled optimizer keeps its tensor. A tensor that
several groups share is filled once; groups that need different values get tensors of their own.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import is_
from typing import Any
from weakref import ref

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from stepsize.arguments import Number
from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch.group_plan import Group, GroupPlan, check_group, course_of, rate_of
from stepsize.pytorch.targets import TargetWriter
from stepsize.schedules import ConstantProduct, Schedule
from stepsize.schedules.maths import SCALAR

_NEVER_NEGATIVE = {"lr", "momentum", "weight_decay", "betas", "alpha", "rho"}  # torch.optim refuses them below 0


@dataclass(eq=False)
class GroupRecord:
    """What a scheduler knows of one parameter group."""

    group: Group
    index: int  # in a plan with a list of schedules; the group keeps it when others are removed
    base: float
    multiplier: float = 1.0  # the feedback's
    kept: dict[str, Any] = field(default_factory=dict)  # tensors and the name, which loading a state replaces

    def factor(self, relative: bool) -> float:
        """The factor on the planned rate, without the feedback's multiplier; `lr_scale` is timm's."""
        scale = Number(least=0.0)("parameter group", "lr_scale", self.group.get("lr_scale", 1.0))
        return (self.base if relative else 1.0) * scale


def match_records(
    records: Sequence[GroupRecord], groups: Sequence[Group], multiplier: float, loading: bool = False
) -> list[GroupRecord]:
    """The records of the groups as they are now; a new group gets a new record, with this multiplier.

    A rebuilt group, a new dictionary of known parameters, keeps its record while loading, or if its rate is the same.
    """
    by_group = {id(record.group): record for record in records}
    found = [by_group.get(id(group)) for group in groups]
    if None in found:
        by_parameter = {id(p): record for record in records for p in record.group["params"]}
        for at, group in enumerate(groups):
            older = next((by_parameter[id(p)] for p in group["params"] if id(p) in by_parameter), None)
            if found[at] is None and older is not None and (loading or _same_rate(group, older.group)):
                found[at] = replace(older, group=group, kept=dict(older.kept))
    taken = {record.index for record in found if record is not None}
    free = (index for index in range(len(groups)) if index not in taken)
    return [
        record or GroupRecord(group, next(free), _base(group), multiplier)
        for group, record in zip(groups, found, strict=True)
    ]


def _base(group: Group) -> float:
    base = float(group["initial_lr"]) if "initial_lr" in group else rate_of(group)
    if base < 0.0 or base == math.inf or (math.isnan(base) and group.get("lr") is not None):
        raise ArgumentError("the rate of a parameter group", "", "a finite number >= 0", base)
    return 1.0 if math.isnan(base) else base


def _same_rate(group: Group, older: Group) -> bool:
    key = "initial_lr" if "initial_lr" in group else "lr"
    return key in older and group.get(key) == older[key]


def held(group: Group, key: str, item: int | None) -> Any:
    """A hyperparameter of a group, or an item of a tuple."""
    return group[key] if item is None else group[key][item]


def _put(group: Group, key: str, item: int | None, value: Any) -> None:
    if item is None:
        group[key] = value
    else:
        items = list(group[key])
        items[item] = value
        group[key] = type(group[key])(items)


def _tensors_in(value: Any) -> Iterable[Tensor]:
    return (item for item in (value if isinstance(value, tuple | list) else (value,)) if isinstance(item, Tensor))


@dataclass(eq=False)
class Writer:
    """One schedule of one hyperparameter (or one item of a tuple), and the groups that it is written into."""

    key: str
    item: int | None
    schedule: Schedule
    tie: ConstantProduct | None
    places: list[tuple[Group, float, Tensor | None]] = field(default_factory=list)  # group, factor, tensor filled
    written: float | None = None

    def value(self, position: float) -> float:
        value = self.schedule(position)
        if not self.least <= value:
            what = "rate" if self.key == "lr" else self.key
            raise StepError(f"{self.schedule} gives the {what} {value} at step {position}, which cannot be negative")
        if value >= 1.0 and self.key == "betas":
            raise StepError(f"{self.schedule} gives {value} for betas at step {position}", "they must be below 1")
        if not abs(value) <= self.largest:
            what = f"{self.schedule} gives {value} for {self.key} at step {position}, which its group cannot hold"
            raise StepError(what, "bound it with .clip(low, high)")
        return value

    @property
    def least(self) -> float:
        """The smallest value that optimizers accept."""
        return 0.0 if self.key in _NEVER_NEGATIVE else -self.largest

    @cached_property
    def largest(self) -> float:
        return min(
            (sys.float_info.max if tensor is None else torch.finfo(tensor.dtype).max) / max(factor, 1.0)
            for _, factor, tensor in self.places
        )

    def overwritten(self) -> str | None:
        """A value that other code has overwritten, in words; None if there is none. Tensors are not read."""
        if self.written is None:
            return None
        for group, factor, tensor in self.places:
            ours, theirs = self.written * factor, held(group, self.key, self.item)
            ours = ours if self.tie is None else self.tie.at(ours)
            if theirs is not tensor if tensor is not None else theirs is not None and theirs != ours:
                which = f' of group "{group["name"]}"' if "name" in group else ""
                return f'the schedule set "{self.key}"{which} to {ours}, and something else has set it to {theirs}'
        return None

    def quick(self, others: Callable[[float], bool] | None) -> Callable[[float], bool] | None:
        """A quick way to write floats, after the quick way of `others`; None if it would write anything else."""
        if self.tie or self.item is not None or any(tensor is not None for _, _, tensor in self.places):
            return None
        factors: dict[float, list[Group]] = {}
        for group, factor, _ in self.places:
            factors.setdefault(factor, []).append(group)
        # `_at` skips the check of the step, which is a whole number >= 0 here.
        at, key, least, largest = self.schedule._at, self.key, self.least, self.largest
        by_factor = list(factors.items())

        def write(position: float) -> bool:
            value = at(position, SCALAR)
            if not least <= value <= largest or (others is not None and not others(position)):
                return False
            for factor, groups in by_factor:
                number = value * factor
                for group in groups:
                    group[key] = number
            self.written = value
            return True

        return write

    def write(self, value: float) -> None:
        self.written = value
        key, item, tie = self.key, self.item, self.tie
        for group, factor, tensor in self.places:
            number = value * factor if tie is None else tie.at(value * factor)
            if tensor is None:
                _put(group, key, item, number)
            else:
                tensor.fill_(number)
                if held(group, key, item) is not tensor:  # not yet, or other code has replaced it
                    _put(group, key, item, tensor)


def _writers_for(plan: GroupPlan, records: Sequence[GroupRecord], others: Sequence[Group]) -> list[Writer]:
    # `others` are groups of other optimizers; their tensors must not be filled.
    made: dict[Any, Writer] = {}
    filled: dict[int, Any] = {}  # the id of each tensor, and what fills it
    for assignment in plan.of_groups.values():
        idle = [each.group for each in records if course_of(assignment, each.index, each.group) is None]
        filled |= {id(t): None for group in [*others, *idle] for t in _tensors_in(group.get(assignment.key))}
    for key, assignment in plan.of_groups.items():
        for record in records:
            group = record.group
            if (course := course_of(assignment, record.index, group)) is None:
                continue
            check_group(key, record.index, group, course)
            rate_factor = record.factor(plan.relative) * record.multiplier
            for item, schedule in enumerate(course) if isinstance(course, tuple) else [(None, course)]:
                tie = None
                if isinstance(schedule, ConstantProduct):
                    tie, rate = schedule, plan.rate_for(record.index, group)
                    if not isinstance(rate, Schedule):
                        rule = f"a schedule, as nothing schedules the rate of parameter group {record.index}"
                        raise ArgumentError("Scheduler", key, rule, tie, "give {lr} in the same Scheduler", lr=...)
                    schedule = rate
                writer = made.setdefault((key, item, schedule, tie), Writer(key, item, schedule, tie))
                factor = rate_factor if key == "lr" or tie else 1.0
                tensor = held(group, key, item)
                if not isinstance(tensor, Tensor):
                    tensor = None
                elif filled.setdefault(id(tensor), (writer, factor)) != (writer, factor):
                    tensor = tensor.clone()
                writer.places.append((group, factor, tensor))
    return list(made.values())


class Binding:
    """The values to write and their places, for one plan and the present groups and factors."""

    def __init__(
        self, plan: GroupPlan, optimizers: Sequence[Optimizer], records: Sequence[GroupRecord], others: Sequence[Group]
    ) -> None:
        self._to_groups = _writers_for(plan, records, others)
        self._to_targets = [TargetWriter(key, each, plan.targets[key]) for key, each in plan.for_targets().items()]
        self.writers: list[TargetWriter | Writer] = [*self._to_targets, *self._to_groups]  # a target may raise
        for defaults in (optimizer.defaults for optimizer in optimizers):
            # PyTorch puts one tensor into the defaults and into every group. The groups fill theirs in place, but a
            # group that is added later must start from the default.
            shared = {key: defaults[key] for key in plan.of_groups if key in defaults}
            defaults.update(tree_map_only(Tensor, Tensor.clone, shared))
        self._new = records  # nothing has been written into them yet
        self._known = [(ref(optimizer), list(optimizer.param_groups)) for optimizer in optimizers]
        for record in records:
            tensors = [key for key in plan.of_groups if any(_tensors_in(record.group.get(key)))]
            record.kept = {key: record.group[key] for key in [*tensors, "name"] if key in record.group}

    def is_stale(self) -> bool:
        """Whether groups were added, removed, moved or replaced since; quick, as every update asks."""
        for reference, known in self._known:
            groups = () if (optimizer := reference()) is None else optimizer.param_groups
            if len(groups) != len(known) or not all(map(is_, groups, known)):
                return True
        return False

    def places(self) -> Iterator[tuple[str, int | None, Group]]:
        """Every place in a group that is written: hyperparameter, item of a tuple or None, and group."""
        return ((writer.key, writer.item, group) for writer in self._to_groups for group, _, _ in writer.places)

    def driven(self) -> dict[tuple[int, str], str]:
        """The name of what is written at each place: the id of a group or of a target's holder, and the key there."""
        in_groups = {(id(group), key): key for key, _, group in self.places()}
        return in_groups | {place: writer.key for writer in self._to_targets for place in writer.places}

    def in_targets(self) -> dict[str, float]:
        return {writer.key: writer.written for writer in self._to_targets if writer.written is not None}

    def write(self, position: float) -> None:
        """The careful way: write all values of a position, or raise and write none."""
        values = [writer.value(position) for writer in self.writers]
        for writer, value in zip(self.writers, values, strict=True):
            writer.write(value)
        for record in self._new:
            record.group.setdefault("initial_lr", record.base)  # PyTorch's schedulers read it
        self._new = []

    def overwritten(self) -> str | None:
        """The first value found that other code has overwritten, in words."""
        return next((words for writer in self.writers if (words := writer.overwritten()) is not None), None)

    @cached_property
    def quick(self) -> Callable[[float], bool] | None:
        """The quick way, for floats in groups: a function that writes, or returns False and writes nothing."""
        if self._to_targets:
            return None
        quick = None
        for writer in self._to_groups:
            if (quick := writer.quick(quick)) is None:
                break
        return quick
