"""What is scheduled: which schedule each parameter group gets for one hyperparameter."""

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Number, nearest, refusal, shown
from stepsize.errors import ArgumentError, FormatError
from stepsize.pytorch.constant_product import ConstantProduct
from stepsize.pytorch.group_values import Group
from stepsize.schedules import Constant, Function, Schedule, parse, to_dict
from stepsize.schedules.chain import Chain

Wanted = Schedule | ConstantProduct | tuple[Schedule, ...]
"""The value of a hyperparameter over the steps; a tuple where the hyperparameter is one (betas)."""

_NO_HYPERPARAMETERS = ("params", "param_names", "name", "initial_lr")


def rate_of(group: Group) -> float:
    """The group's rate; NaN where it has none, or makes its own."""
    return math.nan if group.get("lr") is None else float(group["lr"])


def _is_number(value: Any) -> bool:
    """Whether it is what schedules can be written into: a number, one in a tensor, or a tuple of such."""
    if isinstance(value, tuple | list):
        return all(map(_is_number, value))
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.is_floating_point()
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Assignment:
    """One hyperparameter's schedules: the same for all groups, one for each, or by the name of the group.

    Exactly one of the three is given.
    """

    key: str
    common: Wanted | None = None
    by_index: tuple[Wanted, ...] | None = None
    by_name: tuple[tuple[str, Wanted], ...] | None = None

    @classmethod
    def of(cls, key: str, given: Any) -> "Assignment":
        """What the user means by `key=given`.

        Raises:
            ArgumentError: it is no schedule, number, function, list or mapping of such.
        """
        if isinstance(given, Mapping):
            if not given:
                raise refusal("Scheduler", key, "a mapping of group names to schedules", given)
            return cls(key, by_name=tuple((str(name), _wanted(key, item)) for name, item in given.items()))
        if isinstance(given, list):
            return cls(key, by_index=tuple(_wanted(key, item) for item in given))
        return cls(key, common=_wanted(key, given))

    def for_group(self, index: int, group: Group) -> Wanted | None:
        """What the group at this index is to have; None where it keeps its own.

        Raises:
            ArgumentError: there is a list, and it has nothing for this group.
        """
        if self.by_name is not None:
            return self._named.get(group.get("name", ""))
        if self.by_index is None:
            return self.common
        if index >= len(self.by_index):
            raise ArgumentError(
                f"Scheduler({self.key}=[...]) has {len(self.by_index)} schedules, and nothing for parameter group "
                f"{index}; give one schedule for all, name the groups and give a mapping, or make a new Scheduler"
            )
        return self.by_index[index]

    @functools.cached_property
    def _named(self) -> dict[str, Wanted]:
        return dict(self.by_name or ())

    def check(self, groups: Sequence[Group]) -> None:
        """Raise ArgumentError unless the groups have this hyperparameter, and are as many, or named, as is meant."""
        if self.by_index is not None and len(self.by_index) != len(groups):
            rule = f"one schedule for each of the {len(groups)} parameter groups"
            raise refusal("Scheduler", self.key, rule, list(self.by_index), f"here are {len(self.by_index)}")
        if self.by_name is not None:
            names = [str(group["name"]) for group in groups if "name" in group]
            for name, _ in self.by_name:
                if name not in names:
                    there = f"the groups are named {', '.join(names)}" if names else 'no group has a "name"'
                    raise refusal("Scheduler", self.key, "a mapping by the groups' names", name, there)
        for index, group in enumerate(groups):
            wanted = self.for_group(index, group)
            if wanted is None:
                continue
            self.check_group(index, group, wanted)

    def check_group(self, index: int, group: Group, wanted: Wanted) -> None:
        """Raise ArgumentError unless the group has this hyperparameter, and it can hold what is wanted."""
        known = sorted(key for key, value in group.items() if key not in _NO_HYPERPARAMETERS and _is_number(value))
        if self.key not in known and not (self.key == "lr" and group.get("lr", "") is None):
            advice = nearest(self.key, known) or f"it has {', '.join(known)}"
            raise ArgumentError(f'parameter group {index} has no number "{self.key}" to schedule; {advice}')
        self._check_form(group[self.key], wanted)

    def _check_form(self, present: Any, wanted: Wanted) -> None:
        if isinstance(wanted, ConstantProduct) and self.key == "lr":
            raise ArgumentError("ConstantProduct ties another hyperparameter to the rate; lr itself needs a schedule")
        nested = len(present) if isinstance(present, tuple | list) else 0
        if isinstance(wanted, tuple) and len(wanted) != nested:
            advice = "" if nested else f"to give each group its own, write a list: {self.key}=[...]"
            raise refusal("Scheduler", self.key, f"like the group's own value, {shown(present)}", wanted, advice)
        if nested and not isinstance(wanted, tuple):
            advice = f"write {self.key}=(schedule, {shown(present[-1])})"
            raise refusal("Scheduler", self.key, f"like the group's own value, {shown(present)}", wanted, advice)

    def replanned(self, position: int, new: "Assignment") -> "Assignment":
        """This assignment up to the position, and from there on the new one, on its own clock.

        Raises:
            ArgumentError: the new one is for other groups than this one, or one of them is no schedule.
        """

        def then(old: Wanted, new: Wanted) -> Wanted:
            if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
                return tuple(_joined(before, position, after) for before, after in zip(old, new, strict=True))
            if isinstance(old, Schedule) and isinstance(new, Schedule):
                return _joined(old, position, new)
            raise ArgumentError(f"replan({self.key}=...) cannot follow {shown(old)} by {shown(new)}")

        if self.common is not None and new.common is not None:
            return Assignment(self.key, common=then(self.common, new.common))
        if self.by_index is not None and new.by_index is not None and len(self.by_index) == len(new.by_index):
            return Assignment(self.key, by_index=tuple(map(then, self.by_index, new.by_index)))
        if self.by_name is not None and new.by_name is not None:
            later = dict(new.by_name)
            if later.keys() <= dict(self.by_name).keys():
                joined = [(name, then(old, later[name]) if name in later else old) for name, old in self.by_name]
                return Assignment(self.key, by_name=tuple(joined))
        raise ArgumentError(f"replan({self.key}=...) must have the form of the plan, {self}, got {new}")

    def mapped(self, change: Callable[[Schedule], Schedule]) -> "Assignment":
        """The assignment with every schedule changed; what is no schedule stays."""

        def changed(wanted: Wanted) -> Wanted:
            if isinstance(wanted, tuple):
                return tuple(map(change, wanted))
            return wanted if isinstance(wanted, ConstantProduct) else change(wanted)

        return Assignment(
            self.key,
            None if self.common is None else changed(self.common),
            None if self.by_index is None else tuple(map(changed, self.by_index)),
            None if self.by_name is None else tuple((name, changed(wanted)) for name, wanted in self.by_name),
        )

    def schedules(self) -> dict[str, Schedule]:
        """Every schedule, by a name for people: "lr", "lr[1]", 'lr of "head"', "betas[0]"."""
        if self.common is not None:
            wanted = {self.key: self.common}
        elif self.by_index is not None:
            wanted = {f"{self.key}[{index}]": item for index, item in enumerate(self.by_index)}
        else:
            wanted = {f'{self.key} of "{name}"': item for name, item in self.by_name or ()}
        found: dict[str, Schedule] = {}
        for name, item in wanted.items():
            if isinstance(item, Schedule):
                found[name] = item
            elif isinstance(item, tuple):
                found |= {f"{name}[{place}]": part for place, part in enumerate(item)}
        return found

    def __str__(self) -> str:
        """As one would write it: `lr=Linear(0.0, 0.3, 5)`, `lr=[... 3 of them]`."""
        if self.by_name is not None:
            return f"{self.key}={shown(dict(self.by_name), 120)}"
        if self.by_index is not None:
            return f"{self.key}={shown(list(self.by_index), 120)}"
        return f"{self.key}={shown(self.common, 120)}"

    def as_text(self) -> dict[str, Any]:
        """The assignment in strings, lists and dictionaries; a function without a name is None."""
        if self.by_name is not None:
            return {"named": {name: _text(item) for name, item in self.by_name}}
        if self.by_index is not None:
            return {"list": [_text(item) for item in self.by_index]}
        assert self.common is not None
        return {"all": _text(self.common)}

    @classmethod
    def from_text(cls, key: str, form: dict[str, Any]) -> "Assignment":
        """What `as_text` wrote.

        Raises:
            ParseError: a text in it is no schedule, or is one that runs code.
            FormatError: it is of another form, or a function in it had no name and so was not written.
        """
        match form:
            case {"named": dict(named), **rest} if not rest:
                return cls(key, by_name=tuple((name, _read(key, item)) for name, item in named.items()))
            case {"list": list(items), **rest} if not rest:
                return cls(key, by_index=tuple(_read(key, item) for item in items))
            case {"all": item, **rest} if not rest:
                return cls(key, common=_read(key, item))
        raise FormatError(f'the saved plan of "{key}" cannot be read: {shown(form)}')


def _joined(old: Schedule, position: int, new: Schedule) -> Schedule:
    """`old.head(position) >> new`, with the parts of a chain cut one by one, so that it stays a flat chain."""
    kept: list[Schedule] = []
    left = position
    parts = old.parts if isinstance(old, Chain) else (old,)
    for part in parts:
        if left <= 0:
            break
        whole = part.steps <= left and part is not parts[-1]
        kept.append(part if whole else part.head(left))
        left -= int(min(part.steps, left))
        if not whole:
            break
    return functools.reduce(operator.rshift, [*kept, new])


def schedule_of(key: str, given: Any) -> Schedule:
    """A schedule as it is, a number as a Constant, a function of the step as a Function."""
    if isinstance(given, Schedule):
        return given
    if isinstance(given, LRScheduler):
        advice = "read PyTorch's schedulers with from_torch(scheduler), which gives one schedule for each group"
        raise refusal("Scheduler", key, "a schedule", given, advice)
    if isinstance(given, type):
        raise refusal("Scheduler", key, "a schedule", given, "this is a class; call it")
    if callable(given):
        return Function(given)
    if isinstance(given, str):
        raise refusal("Scheduler", key, "a schedule", given, "read a text with stepsize.parse(text)")
    return Constant(Number()("Scheduler", key, given))


def _wanted(key: str, given: Any) -> Wanted:
    if isinstance(given, ConstantProduct):
        return given
    if isinstance(given, tuple):
        return tuple(schedule_of(key, item) for item in given)
    return schedule_of(key, given)


def _text(wanted: Wanted) -> Any:
    if isinstance(wanted, tuple):
        return [_text(item) for item in wanted]
    if isinstance(wanted, ConstantProduct):
        return {"product with lr": wanted.product}
    try:
        to_dict(wanted)  # refuses a function without a name
    except FormatError:
        return None
    return str(wanted)


def _read(key: str, form: Any) -> Wanted:
    match form:
        case list(items):
            return tuple(_one(key, item) for item in items)
        case {"product with lr": float(product)}:
            return ConstantProduct(product)
    return _one(key, form)


def _one(key: str, text: Any) -> Schedule:
    if not isinstance(text, str):
        raise FormatError(
            f'the saved plan of "{key}" was a function without a name; give it again with on_change="keep"'
        )
    return parse(text)
