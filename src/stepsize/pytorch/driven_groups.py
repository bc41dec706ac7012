"""The groups that a scheduler drives: the plan they follow, their base rates, and the feedback on their rates."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stepsize.errors import StateError, shown
from stepsize.pytorch.group_plan import GroupPlan
from stepsize.pytorch.optimizer_hooks import Attachment, groups_elsewhere
from stepsize.pytorch.plateau import Feedback, Plateau
from stepsize.pytorch.writing import Binding, GroupRecord, held, match_records
from stepsize.schedules import Schedule


class DrivenGroups:
    """A record for each group, the plan, and the binding, which holds the values to write and their places.

    After a change of the plan, a base rate or a multiplier, call `bind`.
    """

    binding: Binding

    def __init__(self, attachment: Attachment, plan: GroupPlan) -> None:
        self.attachment = attachment
        self.plan = self.began_with = plan
        self.feedback = _own(plan.feedback)
        self.multiplier = 1.0  # the feedback's
        self.records = match_records([], attachment.groups(), 1.0)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("attachment", "binding")}

    @property
    def base_rates(self) -> list[float]:
        return [record.base for record in self.records]

    def bind(self, loading: bool = False, restore: bool = False) -> None:
        """Match the records to the groups as they are now, and bind them; `restore` puts back what was replaced."""
        optimizers = self.attachment.optimizers
        self.records = match_records(self.records, self.attachment.groups(), self.multiplier, loading)
        if restore:
            for record in self.records:
                record.group.update(record.kept)
        self.binding = Binding(self.plan, optimizers, self.records, groups_elsewhere(optimizers))

    def planned_rate(self, record: GroupRecord, position: float) -> float | None:
        """A group's rate without the feedback's multiplier; None if the plan leaves the group its own rate."""
        course = self.plan.rate_for(record.index, record.group)
        return course(position) * record.factor(self.plan.relative) if isinstance(course, Schedule) else None

    def values(self) -> dict[str, float]:
        names = [str(record.group.get("name", index)) for index, record in enumerate(self.records)]
        of_group = {
            id(record.group): f"/{name}" if names.count(name) == 1 else f"/{name}#{index}"
            for index, (record, name) in enumerate(zip(self.records, names, strict=True))
        }
        found: dict[str, float] = {}
        for key, item, group in self.binding.places():
            name = f"{key}{'' if item is None else f'[{item}]'}{of_group[id(group)] if len(names) > 1 else ''}"
            found[name] = float(held(group, key, item))
        return found | self.binding.in_targets()

    def apply_feedback(self, multiplier: float, position: float) -> bool:
        """Change the groups' multipliers by the same factor as the feedback's; whether a rate changes."""
        before, self.multiplier = self.multiplier, multiplier
        change = multiplier / before if before else math.inf
        changed = False
        for record in self.records:
            if (planned := self.planned_rate(record, position)) is None:
                continue
            now = record.multiplier
            new = multiplier if change == math.inf else now * change
            if isinstance(self.feedback, Plateau):
                new = self.feedback.bounded(now, new, planned)
            record.multiplier = new
            changed = changed or new != now
        return changed

    def state(self) -> dict[str, Any]:
        multipliers = [record.multiplier for record in self.records]
        return {
            "base_lrs": self.base_rates,
            "plan": self.plan.as_text(),
            "began_with": self.began_with.as_text(),
            "replanned": self.plan != self.began_with,
            "feedback": None
            if self.feedback is None
            else {"multiplier": self.multiplier, "multipliers": multipliers, "state": self.feedback.state_dict()},
        }

    def load(self, plan: GroupPlan, bases: list[float], feedback: Any) -> None:
        self.plan = plan
        for record, base in zip(self.records, bases, strict=True):
            record.base = base
        self.feedback = _own(plan.feedback)  # feedback that is new in the program starts from its beginning
        self.multiplier, multipliers = 1.0, [1.0] * len(bases)
        if self.feedback is not None and feedback is not None:
            match feedback:
                case {"multiplier": one, "multipliers": [*multipliers], "state": dict(state)} if _are_multipliers(
                    [one, *multipliers], len(bases) + 1
                ):
                    self.multiplier = float(one)
                    self.feedback.load_state_dict(state)
                case _:
                    kind = type(self.feedback).__name__
                    raise StateError(f"the state's feedback is not that of a {kind}: {shown(feedback)}")
        for record, multiplier in zip(self.records, multipliers, strict=True):
            record.multiplier = float(multiplier)

    def undo(self) -> Callable[[], None]:
        """A function that restores the present plan, base rates, multipliers and feedback."""
        before = self.plan, self.feedback, self.multiplier
        numbers = [(record.base, record.multiplier) for record in self.records]
        state = None if self.feedback is None else self.feedback.state_dict()

        def restore() -> None:
            self.plan, self.feedback, self.multiplier = before
            if self.feedback is not None and state is not None:
                self.feedback.load_state_dict(state)
            for record, (base, multiplier) in zip(self.records, numbers, strict=True):
                record.base, record.multiplier = base, multiplier
            self.bind()

        return restore


def _are_multipliers(values: Sequence[Any], number: int) -> bool:
    return len(values) == number and all(type(x) in (int, float) and 0.0 <= x <= sys.float_info.max for x in values)


def _own(feedback: Feedback | None) -> Feedback | None:
    """A fresh copy of a Plateau, so one may be given to several schedulers; other feedback as it is."""
    return replace(feedback) if isinstance(feedback, Plateau) else feedback
