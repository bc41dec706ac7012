"""A plan for the parameter groups of an optimizer: what each group follows, and whether it can."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stepsize.arguments import nearest, refuse_unknown
from stepsize.errors import (
    ArgumentError,
    FormatError,
    ParseError,
    StepsizeError,
    gathered,
    one_line,
    raise_together,
    shown,
)
from stepsize.horizon import Horizon
from stepsize.pytorch.plateau import Feedback, Plateau
from stepsize.pytorch.targets import Target, is_scalar
from stepsize.schedules import Plan, Schedule, parse, to_dict
from stepsize.schedules.assignment import Assignment, Course
from stepsize.schedules.plan_form import plan_form, read_plan_form
from stepsize.schedules.plan_text import parse_either

Group = dict[str, Any]  # a parameter group of an optimizer


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


def course_of(assignment: Assignment, index: int, group: Group) -> Course | None:
    """What the group follows; None if it keeps its own value."""
    if assignment.form == "list" and index >= len(assignment.items):
        rule = f"a list with a schedule for parameter group {index} too"
        advice = "give one schedule for all groups, or name the groups and give a mapping"
        raise ArgumentError("Scheduler", assignment.key, rule, assignment.as_given(), advice)
    known = {"all": None, "list": index, "named": str(group.get("name"))}[assignment.form]
    return assignment.items.get(known)


def as_tuple(assignment: Assignment, groups: Sequence[Group]) -> Assignment:
    """The assignment; a list that fits the groups' own tuples is such a tuple, as config files have none."""
    courses = tuple(course for course in assignment.items.values() if isinstance(course, Schedule))
    own = [group.get(assignment.key) for group in groups]
    if (
        assignment.form == "list"
        and len(courses) == len(assignment.items)
        and all(isinstance(each, tuple | list) and len(each) == len(courses) for each in own)
    ):
        return Assignment(assignment.key, "all", {None: courses})
    return assignment


def check_groups(assignment: Assignment, groups: Sequence[Group]) -> None:
    """Raise ArgumentError if the schedules do not fit the groups."""
    if assignment.form == "list" and len(assignment.items) != len(groups):
        rule = f"one schedule for each of the {len(groups)} parameter groups"
        advice = f"the list has {len(assignment.items)}"
        raise ArgumentError("Scheduler", assignment.key, rule, assignment.as_given(), advice)
    if assignment.form == "named":
        names = [str(group["name"]) for group in groups if "name" in group]
        for name in assignment.items:
            if name not in names:
                named = f"the groups are named {', '.join(names)}" if names else 'no group has a "name"; give a list'
                keys = "to schedule hyperparameters, write Plan(**{...})" if name in _hyperparameters(groups) else ""
                advice = nearest(name, names) or "; ".join(filter(None, [named, keys]))
                raise ArgumentError("Scheduler", assignment.key, "a mapping by the groups' names", name, advice)
    for index, group in enumerate(groups):
        if (course := course_of(assignment, index, group)) is not None:
            check_group(assignment.key, index, group, course)


def check_group(key: str, index: int, group: Group, course: Course) -> None:
    """Raise ArgumentError if the group's value cannot follow this."""
    present: Any = group.get(key)
    if not (_is_number(present) or (key == "lr" and group.get("lr", "") is None)):
        if key not in group:
            refuse_unknown(f"parameter group {index}", [key], _hyperparameters([group]))
        raise ArgumentError(f'"{key}" of parameter group {index}', "", "a number", present)
    nested = len(present) if isinstance(present, tuple | list) else 0
    if (len(course) if isinstance(course, tuple) else 0) != nested:
        advice = f"write {key}=(schedule, {shown(present[-1])})" if nested else ""
        if isinstance(course, tuple):
            advice = "" if nested else f"to give each group its own, write a list: {key}=[...]"
        raise ArgumentError("Scheduler", key, f"like the group's own value, {shown(present)}", course, advice)


def replanned(old: Assignment, position: int, new: Assignment) -> Assignment:
    """The old assignment up to the position, then the new one, on its own clock."""

    def then(before: Course, after: Course) -> Course:
        if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
            return tuple(first.head(position) >> second for first, second in zip(before, after, strict=True))
        if isinstance(before, Schedule) and isinstance(after, Schedule):
            return before.head(position) >> after
        raise ArgumentError("replan", old.key, f"a schedule that can follow {shown(before)}", after)

    unknown, left = new.items.keys() - old.items.keys(), old.items.keys() - new.items.keys()
    if new.form != old.form or unknown or (left and old.form != "named"):
        raise ArgumentError("replan", old.key, f"in the form of the plan, {one_line(str(old), 120)}", new.as_given())
    joined = {known: then(old.items[known], later) for known, later in new.items.items()}
    return replace(old, items={**old.items, **joined})


def _text(schedule: Schedule) -> str | None:
    try:
        to_dict(schedule)  # refuses a function without a name
    except FormatError:
        return None
    return str(schedule)


def _read(text: Any, place: str) -> Schedule:
    if isinstance(text, str):
        return parse(text)
    reason = f'the saved plan of "{place}" has a function without a name'
    raise FormatError(reason, 'give it again with on_change="keep"')


def given_schedules(
    owner: str, lr: Any, hyperparameters: Mapping[str, Any], horizon: Horizon | None, clock: str
) -> Mapping[str, Any]:
    """The schedules by hyperparameter; a Plan, or its text, may stand in place of `lr`."""
    if isinstance(lr, str):
        try:
            lr = parse_either(lr, horizon, clock=clock)
        except ParseError as error:
            raise error.about(owner, "lr") from None
    if not isinstance(lr, Plan):
        return hyperparameters if lr is None else {"lr": lr, **hyperparameters}
    beside = hyperparameters.items()
    rule, advice = "left out beside a Plan", "write it in the Plan"
    raise_together([ArgumentError(owner, name, rule, value, advice) for name, value in beside])
    return lr


@dataclass(frozen=True)
class GroupPlan:
    """A plan for the groups of an optimizer, and the feedback.

    A hyperparameter that has targets is written there, not into the groups. Targets are not saved.
    """

    plan: Plan
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
        in_groups, errors = ["lr", *_hyperparameters(groups)], list[StepsizeError]()
        with gathered(errors):
            other = "for a value outside the optimizer, give targets={...}"
            refuse_unknown("Scheduler", given, dict.fromkeys([*in_groups, *targets]), other)
        for name in targets:
            if name in in_groups:
                rule = "a mapping by names that no parameter group has"
                errors.append(ArgumentError("Scheduler", "targets", rule, name))
            elif name not in given:
                rule, advice = "a mapping by names that are scheduled", f"give {{{name}}} too"
                errors.append(ArgumentError("Scheduler", "targets", rule, name, advice, **{name: ...}))
        if isinstance(given, Plan) and given.relative is not None:
            if relative not in (None, given.relative):
                rule = f"{given.relative}, as in the Plan, or left out"
                errors.append(ArgumentError("Scheduler", "relative", rule, relative))
            relative = given.relative
        raise_together(errors)
        made = Plan.of("Scheduler", given, relative, horizon, clock).assignments
        made = {key: as_tuple(each, groups) for key, each in made.items()}
        plan = cls(Plan.with_assignments(made, relative), feedback, targets)
        plan.check(groups)
        for name, value in {"relative": relative or None, "feedback": feedback}.items():
            if value is not None and "lr" not in given:
                raise ArgumentError("Scheduler", name, "left out if no rate is scheduled", value, "give {lr}", lr=...)
        if relative is None and "lr" in given and plan["lr"].form == "all":
            own = {rate_of({"lr": group.get("initial_lr", group["lr"])}) for group in groups}
            if len(rates := sorted(rate for rate in own if not math.isnan(rate))) > 1:
                rule = f"given if the groups' rates differ ({', '.join(map(str, rates))})"
                ways = "{relative} to multiply each group's own rate, relative=False to give all the same rate"
                advice = f"write {ways}, or give lr as a list or a mapping by name"
                raise ArgumentError("Scheduler", "relative", rule, None, advice, relative=True)
        return plan

    @property
    def assignments(self) -> dict[str, Assignment]:
        return self.plan.assignments

    @property
    def relative(self) -> bool:
        return bool(self.plan.relative)

    def following(self, new: dict[str, Assignment]) -> "GroupPlan":
        """This plan with other assignments of some of its hyperparameters."""
        return replace(self, plan=Plan.with_assignments({**self.assignments, **new}, self.plan.relative))

    def __getitem__(self, key: str) -> Assignment:
        refuse_unknown("the plan", [key], self.assignments)
        return self.assignments[key]

    def rate_for(self, index: int, group: Group) -> Course | None:
        """The schedule of the group's rate; None if it keeps its own."""
        return course_of(self["lr"], index, group) if "lr" in self.assignments else None

    @property
    def of_groups(self) -> dict[str, Assignment]:
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
            check_groups(assignment, groups)
        self.for_targets()

    def __str__(self) -> str:
        assignments = [one_line(str(each), 120) for each in self.assignments.values()]
        relative = ["relative=True"] if self.relative else []
        feedback = [] if self.feedback is None else [f"feedback={self.feedback}"]
        return ", ".join([*assignments, *relative, *feedback])

    def as_text(self) -> dict[str, Any]:
        """The plan in strings, lists and dictionaries; None for a schedule with a function without a name."""
        feedback: Any = None if self.feedback is None else {"class": type(self.feedback).__qualname__}
        if isinstance(self.feedback, Plateau):
            feedback = self.feedback.settings()
        return {**plan_form(self.plan, _text), "relative": self.relative, "feedback": feedback}

    @classmethod
    def from_text(cls, form: Any) -> "GroupPlan":
        if not isinstance(form, dict) or "feedback" not in form or not form.get("schedules"):
            raise FormatError(f"the saved plan cannot be read: {shown(form, 200)}")
        feedback, rest = form["feedback"], {key: each for key, each in form.items() if key != "feedback"}
        if feedback is not None:
            if not isinstance(feedback, dict) or feedback.keys() != Plateau().settings().keys():
                what = f"the saved plan has feedback of another class, {shown(feedback)}"
                raise FormatError(what, 'use on_change="keep"')
            feedback = Plateau(**feedback)
        return cls(read_plan_form(rest, _read), feedback)
