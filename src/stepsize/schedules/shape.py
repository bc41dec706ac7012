"""The bases of the shapes, which are schedules that are not made of others: any shape, and one without an end."""

import json
import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from stepsize.schedules.base import Schedule


@dataclass(frozen=True, repr=False)
class Shape(Schedule):
    """A schedule of its own numbers, written as a call of its class."""

    def _text(self) -> str:
        return f"{type(self).__name__}({arguments_text(self)})"

    @property
    def _children(self) -> Sequence[Schedule]:
        return ()


@dataclass(frozen=True, repr=False)
class Endless(Shape):
    """A shape that never reaches an end."""

    @property
    def steps(self) -> float:  # type: ignore[override]
        """Infinite."""
        return math.inf


def arguments_text(schedule: Schedule, skip: int = 0) -> str:
    """The fields from the `skip`-th on as positional arguments, trailing defaults left out."""
    shown = fields(schedule)[skip:]  # type: ignore[arg-type]
    values = [getattr(schedule, field.name) for field in shown]
    while values and shown[len(values) - 1].default is not MISSING and values[-1] == shown[len(values) - 1].default:
        values.pop()
    return ", ".join(value_text(value) for value in values)


def value_text(value: Any) -> str:
    """A field's value as the text form writes it."""
    if isinstance(value, tuple):
        inside = ", ".join(value_text(item) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, str):
        return json.dumps(value)
    if value == math.inf:
        return "inf"
    return repr(value)
