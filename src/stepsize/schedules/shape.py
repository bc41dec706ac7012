"""The bases of concrete schedules, what they contain, and how their arguments are written."""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

from stepsize.arguments import argument_name
from stepsize.checked_calls import F
from stepsize.schedules.base import Nested, Schedule

K = TypeVar("K", bound=Schedule)


class Shape(Schedule):
    """A schedule that contains no other, written as a call of its class: `Linear(0.0, 0.3, 500)`."""

    def _text(self) -> str:
        return f"{type(self).__name__}({arguments_text(self)})"

    @property
    def _children(self) -> Sequence[Schedule]:
        return ()


class Endless(Shape):
    """A shape that never reaches an end."""

    steps = math.inf


@dataclass(frozen=True, repr=False)
class Wrapper(Schedule):
    """A schedule and the arguments of a method, written as a call of that method: `a.head(10)`."""

    schedule: Nested

    @property
    def steps(self) -> float:  # type: ignore[override]
        return self.schedule.steps

    def _text(self) -> str:
        inner = self.schedule._text()
        target = inner if self.schedule._binds == 5 else f"({inner})"
        return f"{target}.{type(self).__name__.lower()}({arguments_text(self, skip=1)})"

    @property
    def _children(self) -> Sequence[Schedule]:
        return (self.schedule,)


def all_of(kind: type[K], schedule: Schedule) -> Iterator[K]:
    """The schedules of a class inside another, which may be of it too."""
    if isinstance(schedule, kind):
        yield schedule
    for child in schedule._children:
        yield from all_of(kind, child)


def either_name(constructor: F) -> F:
    """Let a constructor also take the fields' names as keywords, as `dataclasses.replace` passes them.

    If an argument comes under both names, `replace` passes the old value under the field's, so the other one counts.
    """

    @functools.wraps(constructor)
    def construct(self: Schedule, *args: Any, **named: Any) -> None:
        stored = {argument_name(name): named.pop(name) for name in list(named) if name != argument_name(name)}
        constructor(self, *args, **(stored | named))

    return construct  # type: ignore[return-value]


def arguments_text(value: Any, skip: int = 0) -> str:
    """The fields of a dataclass from the `skip`-th on as positional arguments, without trailing defaults."""
    shown = fields(value)[skip:]
    values = [getattr(value, field.name) for field in shown]
    while values and shown[len(values) - 1].default is not MISSING and values[-1] == shown[len(values) - 1].default:
        values.pop()
    return ", ".join(map(value_text, values))


def value_text(value: Any) -> str:
    """The text form of a field's value."""
    if isinstance(value, tuple):
        inside = ", ".join(map(value_text, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, str):
        import json

        return json.dumps(value)
    return "inf" if value == math.inf else repr(value)
