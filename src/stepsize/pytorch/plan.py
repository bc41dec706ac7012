"""A scheduler's whole plan: the schedules of every hyperparameter, and what they mean."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from stepsize.errors import ArgumentError, FormatError
from stepsize.pytorch.assignment import Assignment
from stepsize.pytorch.group_values import Group
from stepsize.pytorch.plateau import Plateau
from stepsize.schedules import Schedule


@dataclass(frozen=True)
class Plan:
    """The assignments, one for each hyperparameter; whether rates multiply the groups' own; and the feedback."""

    assignments: tuple[Assignment, ...]
    relative: bool
    feedback: Plateau | None

    @classmethod
    def of(
        cls, given: Mapping[str, Any], relative: bool | None, feedback: Plateau | None, groups: Sequence[Group]
    ) -> "Plan":
        """What the user means, for these groups.

        Raises:
            ArgumentError: it does not fit the groups, or leaves open what is meant.
        """
        plan = cls(tuple(Assignment.of(key, item) for key, item in given.items()), bool(relative), feedback)
        plan.check(groups)
        if "lr" not in plan.keys and (relative or feedback is not None):
            idle = "relative=True" if relative else "feedback=..."
            raise ArgumentError(f"{idle} is about the rate, which nothing schedules here; give lr=... too")
        return replace(plan, relative=_settled_relative(relative, plan.assignments, groups))

    @property
    def keys(self) -> tuple[str, ...]:
        """The hyperparameters, in the order given."""
        return tuple(assignment.key for assignment in self.assignments)

    def __getitem__(self, key: str) -> Assignment:
        for assignment in self.assignments:
            if assignment.key == key:
                return assignment
        raise ArgumentError(f'the plan has no "{key}"; it has {", ".join(self.keys)}')

    def check(self, groups: Sequence[Group]) -> None:
        """Raise ArgumentError unless the plan fits these groups."""
        for assignment in self.assignments:
            assignment.check(groups)

    def replaced(self, assignments: Sequence[Assignment]) -> "Plan":
        """The plan with these assignments in place of those of the same hyperparameters."""
        new = {assignment.key: assignment for assignment in assignments}
        return replace(self, assignments=tuple(new.get(each.key, each) for each in self.assignments))

    def __str__(self) -> str:
        """As one would write it in a call of Scheduler."""
        more = [f"relative={self.relative}"] * self.relative + [f"feedback={self.feedback}"] * (
            self.feedback is not None
        )
        return ", ".join([*map(str, self.assignments), *more])

    def schedules(self) -> dict[str, Schedule]:
        """Every schedule of the plan, by a name for people."""
        return {name: item for assignment in self.assignments for name, item in assignment.schedules().items()}

    def as_text(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {
            "relative": self.relative,
            "feedback": None if self.feedback is None else asdict(self.feedback),
            "schedules": {assignment.key: assignment.as_text() for assignment in self.assignments},
        }

    @classmethod
    def from_text(cls, form: Any) -> "Plan":
        """What `as_text` wrote.

        Raises:
            FormatError: it has another form.
            ParseError: a text in it is no schedule, or is one that runs code.
            ArgumentError: a value in it cannot be.
        """
        match form:
            case {"relative": bool(relative), "feedback": feedback, "schedules": dict(schedules), **rest} if (
                schedules and not rest
            ):
                if feedback is not None and (
                    not isinstance(feedback, dict) or feedback.keys() != asdict(Plateau()).keys()
                ):
                    raise FormatError(f"the saved plan has no plateau that can be read: {feedback}")
                return cls(
                    tuple(Assignment.from_text(key, item) for key, item in schedules.items()),
                    relative,
                    None if feedback is None else Plateau(**feedback),
                )
        raise FormatError(f"the saved plan cannot be read: {json.dumps(form, default=str)[:200]}")


def _settled_relative(relative: bool | None, plan: Sequence[Assignment], groups: Sequence[Group]) -> bool:
    if relative is not None:
        return relative
    if any(assignment.key == "lr" and assignment.common is not None for assignment in plan):
        own = [group["initial_lr"] if "initial_lr" in group else group["lr"] for group in groups]
        rates = sorted({float(rate) for rate in own if rate is not None})
        if len(rates) > 1:
            raise ArgumentError(
                f"one schedule meets groups whose rates differ ({', '.join(map(str, rates))}); write relative=True to "
                "multiply each group's own rate, relative=False to give all the same, or give a list or a mapping by "
                "name"
            )
    return False
