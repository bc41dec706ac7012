"""What one hyperparameter follows: the same schedule in all parameter groups, a list of them, or a mapping by name."""

import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stepsize.arguments import NonNegative, Number, apply_field_rules
from stepsize.errors import ArgumentError, ParseError
from stepsize.horizon import Horizon
from stepsize.schedules.base import Nested, Schedule
from stepsize.schedules.formulas import Constant
from stepsize.schedules.function import Function
from stepsize.schedules.maths import SCALAR, Maths, Value
from stepsize.schedules.shape import value_text
from stepsize.schedules.text import parse_entry


@dataclass(frozen=True)
class ConstantProduct:
    """Ties a hyperparameter to the rate: product / rate, and 0 if the rate is 0.

    For the `weight_decay` of an optimizer with decoupled decay (AdamW), which shrinks the weights by rate x decay at
    every update: the shrinking stays the same, however the rate changes.

    Args:
        product: rate x hyperparameter, at least 0; anything else raises ArgumentError.

    Example:
        >>> plan = Plan(lr=Linear(0.0, 0.5, 2), weight_decay=ConstantProduct(0.01))
        >>> plan(0), plan(2)
        ({'lr': 0.0, 'weight_decay': 0.0}, {'lr': 0.5, 'weight_decay': 0.02})
    """

    product: NonNegative

    def __post_init__(self) -> None:
        apply_field_rules(self)

    def at(self, rate: Value, m: Maths = SCALAR) -> Value:
        value = self.product / m.where(rate > 0.0, rate, 1.0)
        return m.where((rate > 0.0) & (value < math.inf), value, 0.0)  # a rate next to zero changes nothing


@dataclass(frozen=True, repr=False)
class Tied(Schedule):
    """What a ConstantProduct gives under a rate."""

    rate: Nested
    tie: ConstantProduct

    @property
    def steps(self) -> float:  # type: ignore[override]
        return self.rate.steps

    @property
    def _children(self) -> Sequence[Schedule]:
        return (self.rate,)

    def _at(self, t: Value, m: Maths) -> Value:
        return self.tie.at(self.rate._at(t, m), m)

    def _text(self) -> str:
        return f"{_text(self.tie)} of {self.rate}"


Course = Schedule | ConstantProduct | tuple[Schedule, ...]
"""What a hyperparameter of one group follows; a tuple if the hyperparameter is a tuple (betas)."""


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
        if isinstance(given, str | bytes) or not isinstance(given, Mapping | Sequence):
            return cls(key, "all", {None: course(given)})
        if not given:
            raise ArgumentError(owner, key, "at least one schedule", given)
        if isinstance(given, Mapping):
            _check_names(owner, key, list(map(str, given)))
            return cls(key, "named", {str(name): course(item) for name, item in given.items()})
        if isinstance(given, tuple):
            return cls(key, "all", {None: course(given)})
        return cls(key, "list", dict(enumerate(map(course, given))))

    def __hash__(self) -> int:
        return hash((self.key, self.form, frozenset(self.items.items())))

    def as_given(self, change: Callable[[Any], Any] = lambda course: course) -> Any:
        """The schedules in the form that `of` takes, each changed by a function."""
        items = {known: change(course) for known, course in self.items.items()}
        return items if self.form == "named" else list(items.values()) if self.form == "list" else items[None]

    def changed(self, change: Callable[[Schedule], Schedule]) -> "Assignment":
        """The assignment with each schedule changed by a function."""

        def of_course(course: Course) -> Course:
            if isinstance(course, tuple):
                return tuple(map(change, course))
            return change(course) if isinstance(course, Schedule) else course

        return replace(self, items={known: of_course(course) for known, course in self.items.items()})

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

    def at(self, step: Any, rates: "Assignment | None") -> Any:
        """The values at a step, in the form given; those of a ConstantProduct for all groups in the form of `rates`."""
        if self.form == "all" and rates is not None and isinstance(self.items[None], ConstantProduct):
            return replace(rates, items=dict.fromkeys(rates.items, self.items[None]))._at(step, rates)
        return self._at(step, rates)

    def _at(self, step: Any, rates: "Assignment | None") -> Any:
        def value(known: Any) -> Any:
            course = self.items[known]
            if isinstance(course, tuple):
                return tuple(part(step) for part in course)
            if isinstance(course, Schedule):
                return course(step)
            rate = None if rates is None else rates.items.get(known, rates.items.get(None))
            if not isinstance(rate, Schedule):
                rule = "a schedule, as nothing schedules the rate"
                raise ArgumentError("Plan", self.key, rule, course, "give {lr} in the same Plan", lr=...)
            return Tied(rate, course)(step)

        return replace(self, items={known: value(known) for known in self.items}).as_given()

    def __str__(self) -> str:
        match self.as_given(_text):
            case dict(named):
                given = ", ".join(f"{_quoted(name)}: {text}" for name, text in named.items())
                return f"{self.key}={{{given}}}"
            case list(listed):
                return f"{self.key}=[{', '.join(listed)}]"
            case text:
                return f"{self.key}={text}"


def _check_names(owner: str, key: str, names: list[str]) -> None:
    for name in names:
        if re.search(r"[\\\r\n]", name) or {"'", '"'} <= set(name):
            rule = "a mapping of names without backslashes, line breaks, or quotes of both kinds"
            raise ArgumentError(owner, key, rule, name)
        if names.count(name) > 1:
            raise ArgumentError(owner, key, "a mapping of names that differ", name)


def _quoted(name: str) -> str:
    quote = "'" if '"' in name else '"'
    return f"{quote}{name}{quote}"


def _text(course: Course) -> str:
    match course:
        case tuple():
            inside = ", ".join(map(_text, course))
            return f"({inside},)" if len(course) == 1 else f"({inside})"
        case Constant(value, math.inf):
            return value_text(value)
        case ConstantProduct(product):
            return f"ConstantProduct({value_text(product)})"
    return str(course)


def _schedule(owner: str, key: str, horizon: Horizon | None, clock: str, given: Any) -> Schedule:
    if isinstance(given, Schedule):
        return given
    if isinstance(given, str):
        try:
            return parse_entry(given, horizon, clock=clock)
        except ParseError as error:
            raise error.about(owner, key) from None
    if isinstance(given, type):
        raise ArgumentError(owner, key, "a schedule", given, "this is a class; call it")
    if callable(given):
        return Function(given)
    if isinstance(given, numbers.Real) and not isinstance(given, bool):
        return Constant(Number()(owner, key, given))
    advice = "from_torch(scheduler) makes schedules of it" if hasattr(given, "get_last_lr") else ""
    raise ArgumentError(owner, key, "a schedule, its text or a number", given, advice)


def _course(owner: str, key: str, horizon: Horizon | None, clock: str, given: Any) -> Course:
    if isinstance(given, tuple):
        return tuple(_schedule(owner, key, horizon, clock, item) for item in given)
    return given if isinstance(given, ConstantProduct) else _schedule(owner, key, horizon, clock, given)
