"""What is scheduled: a schedule for each hyperparameter of each parameter group."""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Number, nearest
from stepsize.errors import ArgumentError, FormatError, shown
from stepsize.horizon import Horizon
from stepsize.pytorch.plateau import Feedback, Plateau
from stepsize.schedules import Constant, Function, Schedule, parse, to_dict

Group = dict[str, Any]
"""A parameter group of an optimizer."""


@dataclass(frozen=True)
class ConstantProduct:
    """Ties a hyperparameter to the rate: product / rate, and 0 where the rate is 0.

    For `weight_decay` of an optimizer with decoupled decay (AdamW), which shrinks weights by rate x decay at every
    update: however the rate changes, the shrinking stays the same.

    Args:
        product: rate x hyperparameter, at least 0; anything else raises ArgumentError.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import ConstantProduct, Scheduler
        >>> optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
        >>> scheduler = Scheduler(optimizer, Linear(0.0, 0.5, 2), weight_decay=ConstantProduct(0.01))
        >>> optimizer.param_groups[0]["weight_decay"]
        0.0
        >>> scheduler.seek(2)
        >>> optimizer.param_groups[0]["weight_decay"]
        0.02
    """

    product: float

    def __post_init__(self) -> None:
        Number(least=0.0)("ConstantProduct", "product", self.product)

    def at(self, rate: float) -> float:
        """The value at this rate."""
        value = self.product / rate if rate > 0.0 else 0.0
        return value if value < math.inf else 0.0  # rates as small as that are 0 for every purpose


Wanted = Schedule | ConstantProduct | tuple[Schedule, ...]
"""The value of a hyperparameter over the steps; a tuple if the hyperparameter is a tuple (betas)."""

_NO_HYPERPARAMETERS = ("params", "param_names", "name", "initial_lr")


def rate_of(group: Group) -> float:
    """The group's rate; NaN if it has none."""
    return math.nan if group.get("lr") is None else float(group["lr"])


def _is_number(value: Any) -> bool:
    """Whether schedules can be written into it: a number, a tensor or array of one, or a tuple of these."""
    if isinstance(value, tuple | list):
        return all(map(_is_number, value))
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.is_floating_point()
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "fiu"
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _known(groups: Sequence[Group]) -> list[str]:
    pairs = [pair for group in groups for pair in group.items()]
    return sorted({key for key, value in pairs if key not in _NO_HYPERPARAMETERS and _is_number(value)})


@dataclass(frozen=True)
class Assignment:
    """One hyperparameter's schedules, in the form given: one for all groups, a list, or a mapping by group name."""

    key: str
    form: str  # "all", "list" or "named"
    items: dict[Any, Wanted]  # by None, by the group's index or by its name

    @classmethod
    def of(cls, key: str, given: Any, horizon: Horizon | None = None) -> "Assignment":
        if isinstance(given, Mapping):
            if not given:
                raise ArgumentError("Scheduler", key, "a mapping of group names to schedules", given)
            return cls(key, "named", {str(name): _wanted(key, item, horizon) for name, item in given.items()})
        if isinstance(given, list):
            return cls(key, "list", dict(enumerate(_wanted(key, item, horizon) for item in given)))
        return cls(key, "all", {None: _wanted(key, given, horizon)})

    def as_given(self, change: Callable[[Any], Any] = lambda wanted: wanted) -> Any:
        """The schedules as `of` takes them, each changed."""
        items = {known: change(wanted) for known, wanted in self.items.items()}
        return items if self.form == "named" else list(items.values()) if self.form == "list" else items[None]

    def for_group(self, index: int, group: Group) -> Wanted | None:
        """What the group is to have; None if it keeps its own."""
        if self.form == "list" and index >= len(self.items):
            raise ArgumentError(
                f"Scheduler({self.key}=[...]) has {len(self.items)} schedules, and nothing for parameter group "
                f"{index}; give one schedule for all, name the groups and give a mapping, or make a new Scheduler"
            )
        return self.items.get({"all": None, "list": index, "named": str(group.get("name"))}[self.form])

    def check(self, groups: Sequence[Group]) -> None:
        """Refuse groups that lack this hyperparameter, or that fit neither the list nor the names."""
        if self.form == "list" and len(self.items) != len(groups):
            rule = f"one schedule for each of the {len(groups)} parameter groups"
            raise ArgumentError("Scheduler", self.key, rule, self.as_given(), f"here are {len(self.items)}")
        if self.form == "named":
            names = [str(group["name"]) for group in groups if "name" in group]
            for name in self.items:
                if name not in names:
                    there = f"the groups are named {', '.join(names)}" if names else 'no group has a "name"'
                    raise ArgumentError("Scheduler", self.key, "a mapping by the groups' names", name, there)
        for index, group in enumerate(groups):
            if (wanted := self.for_group(index, group)) is not None:
                self.check_group(index, group, wanted)

    def check_group(self, index: int, group: Group, wanted: Wanted) -> None:
        """Refuse a group that lacks this hyperparameter, or cannot hold what is wanted."""
        present: Any = group.get(self.key)
        if not (_is_number(present) or (self.key == "lr" and group.get("lr", "") is None)):
            has = f"its {self.key} is {shown(present)}" if self.key in group else f"it has {', '.join(_known([group]))}"
            raise ArgumentError(f'parameter group {index} has no number "{self.key}" to schedule; {has}')
        if isinstance(wanted, ConstantProduct) and self.key == "lr":
            raise ArgumentError("ConstantProduct ties another hyperparameter to the rate; lr itself needs a schedule")
        nested = len(present) if isinstance(present, tuple | list) else 0
        if (len(wanted) if isinstance(wanted, tuple) else 0) != nested:
            advice = f"write {self.key}=(schedule, {shown(present[-1])})" if nested else ""
            if isinstance(wanted, tuple):
                advice = "" if nested else f"to give each group its own, write a list: {self.key}=[...]"
            raise ArgumentError("Scheduler", self.key, f"like the group's own value, {shown(present)}", wanted, advice)

    def replanned(self, position: int, new: "Assignment") -> "Assignment":
        """This assignment up to the position, and from there on the new one, on its own clock."""

        def then(old: Wanted, new: Wanted) -> Wanted:
            if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
                return tuple(before.head(position) >> after for before, after in zip(old, new, strict=True))
            if isinstance(old, Schedule) and isinstance(new, Schedule):
                return old.head(position) >> new
            raise ArgumentError(f"replan({self.key}=...) cannot follow {shown(old)} by {shown(new)}")

        unknown, left = new.items.keys() - self.items.keys(), self.items.keys() - new.items.keys()
        if new.form != self.form or unknown or (left and self.form != "named"):
            raise ArgumentError(f"replan({self.key}=...) must have the form of the plan, {self}, got {new}")
        joined = {known: then(self.items[known], later) for known, later in new.items.items()}
        return replace(self, items={**self.items, **joined})

    def schedules(self) -> dict[str, Schedule]:
        """Every schedule, by a name for people: "lr", "lr[1]", 'lr of "head"', "betas[0]"."""
        found: dict[str, Schedule] = {}
        for known, item in self.items.items():
            name = self.key + {"all": "", "list": f"[{known}]", "named": f' of "{known}"'}[self.form]
            if isinstance(item, Schedule):
                found[name] = item
            elif isinstance(item, tuple):
                found |= {f"{name}[{index}]": part for index, part in enumerate(item)}
        return found

    def __str__(self) -> str:
        """As in a call: `lr=Linear(0.0, 0.3, 5)`, `lr=[... 3 of them]`."""
        return f"{self.key}={shown(self.as_given(), 120)}"

    def as_text(self) -> dict[str, Any]:
        """The assignment in strings, lists and dictionaries; a function without a name is None."""
        return {self.form: self.as_given(_text)}

    @classmethod
    def from_text(cls, key: str, form: Any) -> "Assignment":
        match list(form.items()) if isinstance(form, dict) else None:
            case [("named", dict(items))]:
                pass
            case [("list", list(listed))]:
                items = dict(enumerate(listed))
            case [("all", item)]:
                items = {None: item}
            case _:
                raise FormatError(f'the saved plan of "{key}" cannot be read: {shown(form)}')
        return cls(key, next(iter(form)), {known: _read(key, item) for known, item in items.items()})


def _schedule(key: str, given: Any, horizon: Horizon | None) -> Schedule:
    if isinstance(given, Schedule):
        return given
    if isinstance(given, LRScheduler | type):
        advice = "read PyTorch's schedulers with from_torch(scheduler), which gives one schedule for each group"
        raise ArgumentError(
            "Scheduler", key, "a schedule", given, "this is a class; call it" if isinstance(given, type) else advice
        )
    if callable(given):
        return Function(given)
    if isinstance(given, str):
        return parse(given, horizon)
    return Constant(Number()("Scheduler", key, given))


def _wanted(key: str, given: Any, horizon: Horizon | None) -> Wanted:
    if isinstance(given, tuple):
        return tuple(_schedule(key, item, horizon) for item in given)
    return given if isinstance(given, ConstantProduct) else _schedule(key, given, horizon)


def _text(wanted: Wanted) -> Any:
    if isinstance(wanted, tuple):
        return [_text(item) for item in wanted]
    if isinstance(wanted, ConstantProduct):
        return {"product with lr": float(wanted.product)}
    try:
        to_dict(wanted)  # refuses a function without a name
    except FormatError:
        return None
    return str(wanted)


def _read(key: str, form: Any) -> Wanted:
    match form:
        case str(text):
            return parse(text)
        case {"product with lr": float(product)}:
            return ConstantProduct(product)
        case [*items] if all(isinstance(item, str) for item in items):
            return tuple(map(parse, items))
    raise FormatError(f'the saved plan of "{key}" was a function without a name; give it again with on_change="keep"')


@dataclass(frozen=True)
class Plan:
    """The assignments, one for each hyperparameter; whether rates multiply the groups' own; and the feedback."""

    assignments: dict[str, Assignment]
    relative: bool
    feedback: Feedback | None

    @classmethod
    def of(
        cls,
        given: Mapping[str, Any],
        relative: bool | None,
        feedback: Feedback | None,
        groups: Sequence[Group],
        horizon: Horizon | None,
    ) -> "Plan":
        known = _known(groups)
        for key in given:
            if key not in known and key != "lr":
                advice = nearest(key, known) or f"they have {', '.join(known)}"
                raise ArgumentError(f'the parameter groups have no number "{key}" to schedule; {advice}')
        plan = cls({key: Assignment.of(key, item, horizon) for key, item in given.items()}, bool(relative), feedback)
        plan.check(groups)
        if "lr" not in given and (relative or feedback is not None):
            idle = "relative=True" if relative else "feedback=..."
            raise ArgumentError(f"{idle} is about the rate, which nothing schedules here; give lr=... too")
        if relative is None and "lr" in given and plan["lr"].form == "all":
            own = {rate_of({"lr": group.get("initial_lr", group["lr"])}) for group in groups}
            if len(rates := sorted(rate for rate in own if not math.isnan(rate))) > 1:
                raise ArgumentError(
                    f"one schedule meets groups whose rates differ ({', '.join(map(str, rates))}); write relative=True "
                    "to multiply each group's own rate, relative=False to give all the same, or give a list or a "
                    "mapping by name"
                )
        return plan

    def __getitem__(self, key: str) -> Assignment:
        if key not in self.assignments:
            raise ArgumentError(f'the plan has no "{key}"; it has {", ".join(self.assignments)}')
        return self.assignments[key]

    def rate_for(self, index: int, group: Group) -> Wanted | None:
        """The schedule of the group's rate; None if it keeps its own."""
        return self["lr"].for_group(index, group) if "lr" in self.assignments else None

    def check(self, groups: Sequence[Group]) -> None:
        for assignment in self.assignments.values():
            assignment.check(groups)

    def __str__(self) -> str:
        relative = ["relative=True"] if self.relative else []
        feedback = [] if self.feedback is None else [f"feedback={self.feedback}"]
        return ", ".join([*map(str, self.assignments.values()), *relative, *feedback])

    def schedules(self) -> dict[str, Schedule]:
        return {name: item for each in self.assignments.values() for name, item in each.schedules().items()}

    def as_text(self) -> dict[str, Any]:
        """The plan in a form for JSON."""
        feedback: Any = None if self.feedback is None else {"class": type(self.feedback).__qualname__}
        if isinstance(self.feedback, Plateau):
            feedback = self.feedback.settings()
        schedules = {key: assignment.as_text() for key, assignment in self.assignments.items()}
        return {"relative": self.relative, "feedback": feedback, "schedules": schedules}

    @classmethod
    def from_text(cls, form: Any) -> "Plan":
        match form:
            case {"relative": bool(relative), "feedback": feedback, "schedules": dict(schedules), **rest} if (
                schedules and not rest
            ):
                if feedback is not None:
                    if not isinstance(feedback, dict) or feedback.keys() != Plateau().settings().keys():
                        what = f"the saved plan has feedback that no text can make, {shown(feedback)}"
                        raise FormatError(f'{what}; use on_change="keep"')
                    feedback = Plateau(**feedback)
                return cls({key: Assignment.from_text(key, schedules[key]) for key in schedules}, relative, feedback)
        raise FormatError(f"the saved plan cannot be read: {shown(form, 200)}")
