"""The base of the methods that make one schedule from another."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.schedules.base import Nested, Schedule
from stepsize.schedules.shape import arguments_text


@dataclass(frozen=True, repr=False)
class Wrapper(Schedule):
    """One schedule and the arguments of a method, written as the call of that method: `a.head(10)`."""

    schedule: Nested

    def _text(self) -> str:
        inner = self.schedule._text()
        inside = inner if self.schedule._binds == 4 else f"({inner})"
        return f"{inside}.{type(self).__name__.lower()}({arguments_text(self, skip=1)})"

    @property
    def _children(self) -> Sequence[Schedule]:
        return (self.schedule,)
