"""What is scheduled: a schedule for each hyperparameter of each parameter group."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import NonNegative, Number, apply_field_rules, refuse_unknown
from stepsize.errors import ArgumentError, FormatError, shown
from stepsize.horizon import Horizon
from stepsize.pytorch.plateau import Feedback, Plateau
from stepsize.pytorch.targets import Target, is_scalar
from stepsize.schedules import Constant, Function, Schedule, parse, to_dict

Group = dict[str, Any]  # a parameter group of an optimizer


@dataclass(frozen=True)
class ConstantProduct:
    """Ties a hyperparameter to the rate: product / rate, and 0 if the rate is 0.

    For the `weight_decay` of an optimizer with decoupled decay (AdamW), which shrinks the weights by rate x decay at
    every update: the shrinking stays the same, however the rate changes.

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

    product: NonNegative

    def __post_init__(self) -> None:
        apply_field_rules(self)

    def at(self, rate: float) -> float:
        value = self.product / rate if rate > 0.0 else 0.0
        return value if value < math.inf else 0.0  # a rate this small changes nothing


# What a hyperparameter follows; a tuple if the hyperparameter is a tuple (betas).
Course = Schedule | ConstantProduct | tuple[Schedule, ...]

_NO_HYPERPARAMETERS = ("params", "param_names", "name", "initial_lr")


def rate_of(group: Group) -> float:
    """The group's rate; NaN if it has none."""
    return math.nan if group.get("lr") is None else float(group["lr"])


def _is_number(value: Any) -> bool:
    """Whether schedules can be written into it: a scalar, or a tuple of scalars."""
    return all(map(is_scalar, value)) if isinstance(value, tuple | list) else is_scalar(value)


def _hyperparameters(groups: Sequence[Group]) -> list[str]:
    pairs = [pair for group in groups for pair in group.items()]
    return sorted({key for key, value in pairs if key not in _NO_HYPERPARAMETERS and _is_number(value)})


@dataclass(frozen=True)
class Assignment:
    """One hyperparameter's schedules, in the form given: one for all groups, a list, or a mapping by group name."""

    key: str
    form: str  # "all", "list" or "named"
    items: dict[Any, Course]  # by None, by the group's index or by its name

    @classmethod
    def of(cls, owner: str, key: str, given: Any, horizon: Horizon | None = None, clock: str = "steps") -> "Assignment":
        """The assignment of the value given for an argument of `owner`."""
        course = partial(_course, owner, key, horizon, clock)
        if isinstance(given, Mapping):
            if not given:
                raise ArgumentError(owner, key, "a mapping of group names to schedules", given)
            return cls(key, "named", {str(name): course(item) for name, item in given.items()})
        if isinstance(given, list):
            return cls(key, "list", dict(enumerate(map(course, given))))
        return cls(key, "all", {None: course(given)})

    def as_given(self, change: Callable[[Any], Any] = lambda course: course) -> Any:
        """The schedules in the form that `of` takes, each changed by a function."""
        items = {known: change(course) for known, course in self.items.items()}
        return items if self.form == "named" else list(items.values()) if self.form == "list" else items[None]

    def for_group(self, index: int, group: Group) -> Course | None:
        """What the group follows; None if it keeps its own value."""
        if self.form == "list" and index >= len(self.items):
            rule = f"a list with a schedule for parameter group {index} too"
            advice = "give one schedule for all groups, or name the groups and give a mapping"
            raise ArgumentError("Scheduler", self.key, rule, self.as_given(), advice)
        return self.items.get({"all": None, "list": index, "named": str(group.get("name"))}[self.form])

    def check(self, groups: Sequence[Group]) -> None:
        if self.form == "list" and len(self.items) != len(groups):
            rule = f"one schedule for each of the {len(groups)} parameter groups"
            raise ArgumentError("Scheduler", self.key, rule, self.as_given(), f"the list has {len(self.items)}")
        if self.form == "named":
            names = [str(group["name"]) for group in groups if "name" in group]
            for name in self.items:
                if name not in names:
                    advice = f"the groups are named {', '.join(names)}" if names else 'no group has a "name"'
                    raise ArgumentError("Scheduler", self.key, "a mapping by the groups' names", name, advice)
        for index, group in enumerate(groups):
            if (course := self.for_group(index, group)) is not None:
                self.check_group(index, group, course)

    def check_group(self, index: int, group: Group, course: Course) -> None:
        present: Any = group.get(self.key)
        if not (_is_number(present) or (self.key == "lr" and group.get("lr", "") is None)):
            if self.key not in group:
                refuse_unknown(f"parameter group {index}", [self.key], _hyperparameters([group]))
            raise ArgumentError(f'"{self.key}" of parameter group {index}', "", "a number", present)
        if isinstance(course, ConstantProduct) and self.key == "lr":
            raise ArgumentError("Scheduler", "lr", "a schedule", course, "only other hyperparameters can follow lr")
        nested = len(present) if isinstance(present, tuple | list) else 0
        if (len(course) if isinstance(course, tuple) else 0) != nested:
            advice = f"write {self.key}=(schedule, {shown(present[-1])})" if nested else ""
            if isinstance(course, tuple):
                advice = "" if nested else f"to give each group its own, write a list: {self.key}=[...]"
            raise ArgumentError("Scheduler", self.key, f"like the group's own value, {shown(present)}", course, advice)

    def replanned(self, position: int, new: "Assignment") -> "Assignment":
        """This assignment up to the position, then the new one, on its own clock."""

        def then(old: Course, new: Course) -> Course:
            if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
                return tuple(before.head(position) >> after for before, after in zip(old, new, strict=True))
            if isinstance(old, Schedule) and isinstance(new, Schedule):
                return old.head(position) >> new
            raise ArgumentError("replan", self.key, f"a schedule that can follow {shown(old)}", new)

        unknown, left = new.items.keys() - self.items.keys(), self.items.keys() - new.items.keys()
        if new.form != self.form or unknown or (left and self.form != "named"):
            raise ArgumentError("replan", self.key, f"in the form of the plan, {self}", new.as_given())
        joined = {known: then(self.items[known], later) for known, later in new.items.items()}
        return replace(self, items={**self.items, **joined})

    def schedules(self) -> dict[str, Schedule]:
        """Every schedule by a readable name: "lr", "lr[1]", 'lr of "head"', "betas[0]"."""
        found: dict[str, Schedule] = {}
        for known, item in self.items.items():
            name = self.key + {"all": "", "list": f"[{known}]", "named": f' of "{known}"'}[self.form]
            if isinstance(item, Schedule):
                found[name] = item
            elif isinstance(item, tuple):
                found |= {f"{name}[{index}]": part for index, part in enumerate(item)}
        return found

    def __str__(self) -> str:
        return f"{self.key}={shown(self.as_given(), 120)}"

    def as_text(self) -> dict[str, Any]:
        """The assignment in strings, lists and dictionaries; None for a function without a name."""
        return {self.form: self.as_given(_text)}

    @classmethod
    def from_text(cls, key: str, form: Any) -> "Assignment":
        match form:
            case {"named": dict(named)} if len(form) == 1:
                return cls.of("Scheduler", key, {name: _read(key, item) for name, item in named.items()})
            case {"list": list(listed)} if len(form) == 1:
                return cls.of("Scheduler", key, [_read(key, item) for item in listed])
            case {"all": item} if len(form) == 1:
                return cls.of("Scheduler", key, _read(key, item))
        raise FormatError(f'the saved plan of "{key}" cannot be read: {shown(form)}')


def _schedule(owner: str, key: str, horizon: Horizon | None, clock: str, given: Any) -> Schedule:
    if isinstance(given, Schedule):
        return given
    if isinstance(given, LRScheduler | type):
        advice = (
            "this is a class; call it" if isinstance(given, type) else "from_torch(scheduler) makes schedules of it"
        )
        raise ArgumentError(owner, key, "a schedule", given, advice)
    if callable(given):
        return Function(given)
    if isinstance(given, str):
        return parse(given, horizon, clock=clock)
    return Constant(Number()(owner, key, given))


def _course(owner: str, key: str, horizon: Horizon | None, clock: str, given: Any) -> Course:
    if isinstance(given, tuple):
        return tuple(_schedule(owner, key, horizon, clock, item) for item in given)
    return given if isinstance(given, ConstantProduct) else _schedule(owner, key, horizon, clock, given)


def _text(course: Course) -> Any:
    if isinstance(course, tuple):
        return [_text(item) for item in course]
    if isinstance(course, ConstantProduct):
        return {"product with lr": course.product}
    try:
        to_dict(course)  # refuses a function without a name
    except FormatError:
        return None
    return str(course)


def _read(key: str, form: Any) -> Course:
    match form:
        case str(text):
            return parse(text)
        case {"product with lr": float(product)}:
            return ConstantProduct(product)
        case [*items] if all(isinstance(item, str) for item in items):
            return tuple(map(parse, items))
    raise FormatError(f'the saved plan of "{key}" has a function without a name', 'give it again with on_change="keep"')


@dataclass(frozen=True)
class GroupPlan:
    """An assignment for each hyperparameter, whether rates multiply the groups' own, and the feedback.

    A hyperparameter that has targets is written there, not into the groups. Targets are not saved.
    """

    assignments: dict[str, Assignment]
    relative: bool
    feedback: Feedback | None
    targets: dict[str, tuple[Target, ...]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        given: Mapping[str, Any],
        relative: bool | None,
        feedback: Feedback | None,
        groups: Sequence[Group],
        horizon: Horizon | None,
        targets: dict[str, tuple[Target, ...]],
        clock: str,
    ) -> "GroupPlan":
        in_groups = ["lr", *_hyperparameters(groups)]
        refuse_unknown("Scheduler", given, dict.fromkeys([*in_groups, *targets]))
        for name in targets:
            if name in in_groups:
                raise ArgumentError("Scheduler", "targets", "a mapping by names that no parameter group has", name)
            if name not in given:
                rule, advice = "a mapping by names that are scheduled", f"give {{{name}}} too"
                raise ArgumentError("Scheduler", "targets", rule, name, advice, **{name: ...})
        plan = cls(
            {key: Assignment.of("Scheduler", key, item, horizon, clock) for key, item in given.items()},
            bool(relative),
            feedback,
            targets,
        )
        plan.check(groups)
        for name, value in {"relative": relative or None, "feedback": feedback}.items():
            if value is not None and "lr" not in given:
                raise ArgumentError("Scheduler", name, "left out if no rate is scheduled", value, "give {lr}", lr=...)
        if relative is None and "lr" in given and plan["lr"].form == "all":
            own = {rate_of({"lr": group.get("initial_lr", group["lr"])}) for group in groups}
            if len(rates := sorted(rate for rate in own if not math.isnan(rate))) > 1:
                raise ArgumentError(
                    "Scheduler",
                    "relative",
                    f"given if the groups' rates differ ({', '.join(map(str, rates))})",
                    None,
                    "write {relative} to multiply each group's own rate, relative=False to give all the same rate, or "
                    "give lr as a list or a mapping by name",
                    relative=True,
                )
        return plan

    def __getitem__(self, key: str) -> Assignment:
        refuse_unknown("the plan", [key], self.assignments)
        return self.assignments[key]

    def rate_for(self, index: int, group: Group) -> Course | None:
        """The schedule of the group's rate; None if it keeps its own."""
        return self["lr"].for_group(index, group) if "lr" in self.assignments else None

    @property
    def of_groups(self) -> dict[str, Assignment]:
        """The assignments that are written into groups."""
        return {key: assignment for key, assignment in self.assignments.items() if key not in self.targets}

    def for_targets(self) -> dict[str, Schedule]:
        """The schedule of each name that has targets; ArgumentError if it is not a single one."""
        found: dict[str, Schedule] = {}
        for key, assignment in self.assignments.items():
            if key in self.targets:
                if not isinstance(given := assignment.as_given(), Schedule):
                    raise ArgumentError("Scheduler", key, "one schedule for all of its targets", given)
                found[key] = given
        return found

    def check(self, groups: Sequence[Group]) -> None:
        for assignment in self.of_groups.values():
            assignment.check(groups)
        self.for_targets()

    def __str__(self) -> str:
        relative = ["relative=True"] if self.relative else []
        feedback = [] if self.feedback is None else [f"feedback={self.feedback}"]
        return ", ".join([*map(str, self.assignments.values()), *relative, *feedback])

    def schedules(self) -> dict[str, Schedule]:
        return {name: item for each in self.assignments.values() for name, item in each.schedules().items()}

    def as_text(self) -> dict[str, Any]:
        feedback: Any = None if self.feedback is None else {"class": type(self.feedback).__qualname__}
        if isinstance(self.feedback, Plateau):
            feedback = self.feedback.settings()
        schedules = {key: assignment.as_text() for key, assignment in self.assignments.items()}
        return {"relative": self.relative, "feedback": feedback, "schedules": schedules}

    @classmethod
    def from_text(cls, form: Any) -> "GroupPlan":
        match form:
            case {"relative": bool(relative), "feedback": feedback, "schedules": dict(schedules), **rest} if (
                schedules and not rest
            ):
                if feedback is not None:
                    if not isinstance(feedback, dict) or feedback.keys() != Plateau().settings().keys():
                        what = f"the saved plan has feedback of another class, {shown(feedback)}"
                        raise FormatError(what, 'use on_change="keep"')
                    feedback = Plateau(**feedback)
                return cls({key: Assignment.from_text(key, schedules[key]) for key in schedules}, relative, feedback)
        raise FormatError(f"the saved plan cannot be read: {shown(form, 200)}")
