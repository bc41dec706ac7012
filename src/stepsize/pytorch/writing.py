"""How values get into parameter groups: what is known of each group, and the two ways of writing.

Each distinct schedule is evaluated once a step and written wherever it goes. Floats are replaced. Tensors are filled in
place from a float64 value and never read, so that a compiled optimizer keeps the tensor it knows; a tensor that several
groups share is written once, or replaced by one of its own in each group that needs a different value.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import is_
from typing import Any
from weakref import ref

import torch
from torch import Tensor
from torch.optim import Optimizer

from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch.plan import ConstantProduct, Group, Plan, rate_of
from stepsize.schedules import Schedule
from stepsize.schedules.maths import SCALAR

NEVER_NEGATIVE = {"lr", "momentum", "weight_decay", "betas", "alpha", "rho"}
"""The hyperparameters that the constructors of torch.optim refuse below 0."""


@dataclass(eq=False)
class GroupRecord:
    """What a scheduler knows of one parameter group."""

    group: Group
    place: int  # in a plan with a list of schedules; a group keeps it when others are removed
    base: float
    multiplier: float = 1.0  # the feedback's
    kept: dict[str, Any] = field(default_factory=dict)  # tensors and name, which loading a state would replace

    @property
    def lr_scale(self) -> float:
        """timm's own factor on the rate of a group."""
        return float(self.group.get("lr_scale", 1.0))


class GroupRecords:
    """The records of all groups of the optimizers, in their order. A group is known by its parameters."""

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._records: list[GroupRecord] = []
        self.follow(optimizers)

    def __iter__(self) -> Any:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def follow(self, optimizers: Sequence[Optimizer], loading: bool = False) -> None:
        """Match the records to the groups that there are now: some were added, removed, moved or rebuilt.

        A rebuilt group, a new dictionary with known parameters, keeps its record while a state is loaded, and
        otherwise unless it brings another rate.

        Raises:
            ArgumentError: a group's rate is not a finite number of at least 0; the records are as they were.
        """
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        by_group = {id(record.group): record for record in self._records}
        by_parameter = {}
        if any(id(group) not in by_group for group in groups):
            by_parameter = {id(p): record for record in self._records for p in record.group["params"]}
        found: list[GroupRecord | None] = []
        for group in groups:
            record = by_group.get(id(group))
            if record is None:
                older = next((by_parameter[id(p)] for p in group["params"] if id(p) in by_parameter), None)
                if older is not None and (loading or _same_rate(group, older.group)):
                    record = replace(older, group=group, kept=dict(older.kept))
            found.append(record)
        taken = {record.place for record in found if record is not None}
        free = iter([place for place in range(len(groups)) if place not in taken])
        records = [
            GroupRecord(group, next(free), _base(group)) if record is None else record
            for group, record in zip(groups, found, strict=True)
        ]
        self._records = records

    @property
    def bases(self) -> list[float]:
        """The base rate of each group."""
        return [record.base for record in self._records]

    def rebase(self, bases: Sequence[float]) -> None:
        """Give the groups other base rates."""
        for record, base in zip(self._records, bases, strict=True):
            record.base = base

    def mark(self) -> None:
        """Write each group's base rate to `initial_lr`, which PyTorch's schedulers read, unless it has one."""
        for record in self._records:
            record.group.setdefault("initial_lr", record.base)

    def put_back(self) -> None:
        """Give the groups the tensors and names that they had, after others were put in their place."""
        for record in self._records:
            record.group.update(record.kept)


def _base(group: Group) -> float:
    base = float(group["initial_lr"]) if "initial_lr" in group else rate_of(group)
    if base < 0.0 or base == math.inf or (math.isnan(base) and group.get("lr") is not None):
        raise ArgumentError(f"a parameter group has the rate {base}; give it a finite one of at least 0")
    return 1.0 if math.isnan(base) else base


def _same_rate(group: Group, older: Group) -> bool:
    key = "initial_lr" if "initial_lr" in group else "lr"
    return key in older and group.get(key) == older[key]


def _held(group: Group, key: str, place: int | None) -> Any:
    return group[key] if place is None else group[key][place]


def _put(group: Group, key: str, place: int | None, value: Any) -> None:
    if place is None:
        group[key] = value
    else:
        items = list(group[key])
        items[place] = value
        group[key] = type(group[key])(items)


def _tensors_in(value: Any) -> Iterable[Tensor]:
    return (item for item in (value if isinstance(value, tuple | list) else (value,)) if isinstance(item, Tensor))


def _part_from_defaults(optimizer: Optimizer, keys: Iterable[str]) -> None:
    # PyTorch puts one tensor into the defaults and into every group. The groups' are filled in place, and a group that
    # is added later must start from the default.
    for key in keys:
        default = optimizer.defaults.get(key)
        if isinstance(default, Tensor):
            optimizer.defaults[key] = default.clone()
        elif isinstance(default, tuple | list):
            copies = [item.clone() if isinstance(item, Tensor) else item for item in default]
            optimizer.defaults[key] = type(default)(copies)


@dataclass(eq=False)
class Writer:
    """One schedule of one hyperparameter (or of one item of a tuple), and every group that it is written into."""

    key: str
    place: int | None
    schedule: Schedule
    floats: dict[float, list[Group]] = field(default_factory=dict)  # the groups of each factor on the value
    tensors: list[tuple[Tensor, float, list[Group]]] = field(default_factory=list)  # with the groups that hold them

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
        floats = [sys.float_info.max / factor for factor in self.floats if factor > 1.0]
        tensors = [torch.finfo(tensor.dtype).max / max(factor, 1.0) for tensor, factor, _ in self.tensors]
        return min([sys.float_info.max, *floats, *tensors])

    def overwritten(self, value: float) -> tuple[Group, Any, Any] | None:
        """A group that does not hold what was written, with what was and what is there; a tensor is not read."""
        for factor, groups in self.floats.items():
            for group in groups:
                if (found := _held(group, self.key, self.place)) is not None and found != value * factor:
                    return group, value * factor, found
        for tensor, factor, groups in self.tensors:
            for group in groups:
                if (found := _held(group, self.key, self.place)) is not tensor:
                    return group, value * factor, found
        return None

    def write(self, value: float) -> None:
        """Write the value, times each group's factor."""
        key, place = self.key, self.place
        for factor, groups in self.floats.items():
            for group in groups:
                _put(group, key, place, value * factor)
        for tensor, factor, groups in self.tensors:
            tensor.fill_(value * factor)
            for group in groups:
                if _held(group, key, place) is not tensor:  # not yet, or somebody has put something else there
                    _put(group, key, place, tensor)


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

    def overwritten(self, value: float) -> tuple[Group, Any, Any] | None:
        """As of `Writer`."""
        found = self.group[self.key]
        return None if found == value else (self.group, value, found)

    def write(self, value: float) -> None:
        """Write the value, as a float, which is what optimizers take."""
        self.group[self.key] = value


def _writers_for(plan: Plan, records: Sequence[GroupRecord], others: Sequence[Group]) -> list[Writer | TiedWriter]:
    # `others` are groups of other optimizers, whose tensors must not be filled.
    made: dict[tuple[str, int | None, Schedule], Writer] = {}
    tied: list[TiedWriter] = []
    filled: dict[int, tuple[Writer, float, list[Group]]] = {}  # by the identity of a tensor
    not_ours = {
        id(tensor)
        for assignment in plan.assignments
        for group in [
            *others,
            *(each.group for each in records if assignment.for_group(each.place, each.group) is None),
        ]
        for tensor in _tensors_in(group.get(assignment.key))
    }
    for assignment in plan.assignments:
        key = assignment.key
        for record in records:
            group = record.group
            wanted = assignment.for_group(record.place, group)
            if wanted is None:
                continue
            assignment.check_group(record.place, group, wanted)
            rate_factor = (record.base if plan.relative else 1.0) * record.multiplier * record.lr_scale
            if isinstance(wanted, ConstantProduct):
                rate = plan["lr"].for_group(record.place, group) if "lr" in plan.keys else None
                if not isinstance(rate, Schedule):
                    raise ArgumentError(
                        f"{key}=ConstantProduct(...) follows the rate, and nothing schedules that of parameter group "
                        f"{record.place}; give lr=... for it in the same Scheduler"
                    )
                tied.append(TiedWriter(key, wanted, rate, rate_factor, group))
                continue
            parts = list(enumerate(wanted)) if isinstance(wanted, tuple) else [(None, wanted)]
            for item, schedule in parts:
                writer = made.setdefault((key, item, schedule), Writer(key, item, schedule))
                factor = rate_factor if key == "lr" else 1.0
                present = _held(group, key, item)
                if not isinstance(present, Tensor):
                    writer.floats.setdefault(factor, []).append(group)
                    continue
                if id(present) in filled:
                    by, by_factor, sharing = filled[id(present)]
                    if (by, by_factor) == (writer, factor):
                        sharing.append(group)  # the same value: written once
                        continue
                    present = present.clone()
                elif id(present) in not_ours:
                    present = present.clone()
                holders = [group]
                filled[id(present)] = (writer, factor, holders)
                writer.tensors.append((present, factor, holders))
    return [*made.values(), *tied]


class Binding:
    """Which value goes where, for one plan, the groups and their factors; when one of them changes, make another."""

    def __init__(
        self, plan: Plan, optimizers: Sequence[Optimizer], records: GroupRecords, others: Sequence[Group], end: float
    ) -> None:
        """`end` is the position past which only the careful way is taken."""
        self._writers = _writers_for(plan, list(records), others)
        for optimizer in optimizers:
            _part_from_defaults(optimizer, plan.keys)
        self.is_stale = _staleness(optimizers)
        for record in records:
            record.kept = {key: record.group[key] for key in plan.keys if any(_tensors_in(record.group.get(key)))}
            if "name" in record.group:
                record.kept["name"] = record.group["name"]
        self._end = end
        self._written = [math.nan] * len(self._writers)  # the value of each writer
        self._is_written = False

    def values(self, position: int) -> list[float]:
        """What is to be written at a position, for `write`.

        Raises:
            StepError: a schedule gives a negative rate there, or a value that is not finite.
        """
        return [writer.value(position) for writer in self._writers]

    def write(self, values: Sequence[float]) -> None:
        """The careful way: write what `values` returned."""
        for writer, value in zip(self._writers, values, strict=True):
            writer.write(value)
        self._written[:] = values
        self._is_written = True

    def overwritten(self) -> str | None:
        """What somebody else has written over, in words: the first value found; None if all are as written."""
        for writer, value in zip(self._writers, self._written, strict=True) if self._is_written else ():
            if (found := writer.overwritten(value)) is not None:
                group, ours, theirs = found
                which = f' of group "{group["name"]}"' if "name" in group else ""
                return f'"{writer.key}"{which} was {ours} by the schedule, and something else has set it to {theirs}'
        return None

    @cached_property
    def quick(self) -> Callable[[int], bool] | None:
        """The quick way: writes the values at a position, or returns False and writes nothing if it needs care.

        None if more is written than floats.
        """
        writers = [writer for writer in self._writers if isinstance(writer, Writer)]
        if len(writers) < len(self._writers) or any(each.tensors or each.place is not None for each in writers):
            return None
        # The schedules are called without their check of the step, which is a whole number >= 0 here.
        entries = [(each.schedule._at, each.key, each.least, each.largest, [*each.floats.items()]) for each in writers]
        end, is_stale, written = self._end, self.is_stale, self._written

        def write_all(position: int) -> bool:
            if position > end or is_stale():
                return False
            values = []
            for at, _, least, largest, _ in entries:
                value = at(position, SCALAR)
                if not least <= value <= largest:
                    return False
                values.append(value)
            for (_, key, _, _, floats), value in zip(entries, values, strict=True):
                for factor, groups in floats:
                    number = value * factor
                    for group in groups:
                        group[key] = number
            written[:] = values
            return True

        if len(entries) > 1:
            return write_all
        ((at, key, least, largest, floats),) = entries

        def write_one(position: int) -> bool:
            if position > end or is_stale():
                return False
            value = at(position, SCALAR)
            if not least <= value <= largest:
                return False
            for factor, groups in floats:
                number = value * factor
                for group in groups:
                    group[key] = number
            written[0] = value
            return True

        return write_one


def _staleness(optimizers: Sequence[Optimizer]) -> Callable[[], bool]:
    """What tells later whether groups were added, removed, moved or replaced; quick, as every step asks."""
    bound = [(ref(optimizer), list(optimizer.param_groups)) for optimizer in optimizers]

    def is_stale() -> bool:
        for reference, known in bound:
            optimizer = reference()
            if optimizer is None:
                return True
            groups = optimizer.param_groups
            if len(groups) != len(known) or not all(map(is_, groups, known)):
                return True
        return False

    if len(bound) > 1 or len(bound[0][1]) != 1:
        return is_stale
    ((reference, (known,)),) = bound

    def is_stale_of_one() -> bool:
        optimizer = reference()
        return optimizer is None or len(groups := optimizer.param_groups) != 1 or groups[0] is not known

    return is_stale_of_one
