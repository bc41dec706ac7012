"""What is scheduled: which schedule each parameter group gets for one hyperparameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import Number, nearest, refusal, shown
from stepsize.errors import ArgumentError, FormatError
from stepsize.schedules import Constant, Function, Schedule, parse, to_dict

Wanted = Schedule | tuple[Schedule, ...]
"""The value of a hyperparameter over the steps; a tuple where the hyperparameter is one (betas)."""

Group = dict[str, Any]
"""A parameter group of an optimizer."""


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
            return dict(self.by_name).get(group.get("name", ""))
        if self.by_index is None:
            return self.common
        if index >= len(self.by_index):
            raise ArgumentError(
                f"Scheduler({self.key}=[...]) has {len(self.by_index)} schedules, and nothing for parameter group "
                f"{index}; give one schedule for all, name the groups and give a mapping, or make a new Scheduler"
            )
        return self.by_index[index]

    def check(self, groups: Sequence[Group]) -> None:
        """Raise ArgumentError unless the groups have this hyperparameter, and are as many, or named, as is meant."""
        if self.by_index is not None and len(self.by_index) != len(groups):
            rule = f"one schedule for each of the {len(groups)} parameter groups"
            raise refusal("Scheduler", self.key, rule, list(self.by_index))
        if self.by_name is not None:
            names = [group["name"] for group in groups if "name" in group]
            for name, _ in self.by_name:
                if name not in names:
                    there = f"the groups are named {', '.join(names)}" if names else 'no group has a "name"'
                    raise refusal("Scheduler", self.key, "a mapping by the groups' names", name, there)
        for index, group in enumerate(groups):
            wanted = self.for_group(index, group)
            if wanted is None:
                continue
            if self.key not in group:
                known = sorted(key for key in group if key not in ("params", "param_names", "name", "initial_lr"))
                advice = nearest(self.key, known) or f"it has {', '.join(known)}"
                raise ArgumentError(f'parameter group {index} has no hyperparameter "{self.key}"; {advice}')
            self._check_form(index, group[self.key], wanted)

    def _check_form(self, index: int, present: Any, wanted: Wanted) -> None:
        nested = len(present) if isinstance(present, tuple | list) else 0
        if isinstance(wanted, tuple) and len(wanted) != nested:
            raise refusal("Scheduler", self.key, f"like the group's own value, {shown(present)}", wanted)
        if nested and not isinstance(wanted, tuple):
            advice = f"write {self.key}=(schedule, {shown(present[-1])})"
            raise refusal("Scheduler", self.key, f"like the group's own value, {shown(present)}", wanted, advice)

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


def schedule_of(key: str, given: Any) -> Schedule:
    """A schedule as it is, a number as a Constant, a function of the step as a Function."""
    if isinstance(given, Schedule):
        return given
    if callable(given):
        return Function(given)
    if isinstance(given, str):
        raise refusal("Scheduler", key, "a schedule", given, "read a text with stepsize.parse(text)")
    return Constant(Number()("Scheduler", key, given))


def _wanted(key: str, given: Any) -> Wanted:
    if isinstance(given, tuple):
        return tuple(schedule_of(key, item) for item in given)
    return schedule_of(key, given)


def _text(wanted: Wanted) -> Any:
    if isinstance(wanted, tuple):
        return [_text(item) for item in wanted]
    try:
        to_dict(wanted)  # refuses a function without a name
    except FormatError:
        return None
    return str(wanted)


def _read(key: str, form: Any) -> Wanted:
    if isinstance(form, list):
        return tuple(_one(key, item) for item in form)
    return _one(key, form)


def _one(key: str, text: Any) -> Schedule:
    if not isinstance(text, str):
        raise FormatError(
            f'the saved plan of "{key}" was a function without a name; give it again with on_change="keep"'
        )
    return parse(text)
