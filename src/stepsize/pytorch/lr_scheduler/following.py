"""What the schedulers have in common whose rates are a function of the step."""

import math
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Length
from stepsize.errors import StepError
from stepsize.pytorch.lr_scheduler.course import Course
from stepsize.pytorch.lr_scheduler.driver import Driver
from stepsize.pytorch.lr_scheduler.reading import course
from stepsize.pytorch.lr_scheduler.state import Saved
from stepsize.schedules import Schedule


class Following(Driver):
    """A scheduler that has a course for each group, and so can be drawn, sought and resumed without its past."""

    past_end: str = "hold"
    _position_fields: ClassVar[Sequence[str]] = ("last_epoch", "_step_count")
    _past_end_said = False

    # Reading.

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """One absolute schedule for each group: its rate under this scheduler alone, to draw and to compare."""
        return tuple(each.schedule for each in self._courses())

    def get_lr(self) -> list[float | Tensor]:
        """The schedules' values at `last_epoch`."""
        return [schedule(max(self._position, 0)) for schedule in self.schedules]

    # Moving.

    def seek(self, position: int) -> None:
        """Go to any step, forwards or back, and write the schedules' values there."""
        self._go(int(Length(0)("seek", "position", position)))
        self._rates.settled = True

    def _go(self, position: float) -> None:
        rates = [schedule(position) for schedule in self.schedules]
        self._write(rates, position)

    def _update_lr(self, epoch: float | None = None) -> None:
        """What PyTorch's `step` does to the rates; `epoch` as there."""
        known = len(self.base_lrs)
        read = self._reading()
        t = self._position + 1 if epoch is None else epoch
        self._refuse_step(t)
        resumed = self._is_initial and t > 0
        moves = [each.moved(t) if epoch is None else each.jumped(t) for each in read.distinct]
        rates = [moves[k](rate) for k, rate in zip(read.which, self._rates.read(), strict=True)]
        for index in range(0 if resumed else known, len(rates)):  # nothing was there to move from
            rates[index] = read.courses[index].schedule(t)
        self._write(rates, t)
        if not self._is_initial:
            self._rates.settled = True
        if t > self._end and self.past_end == "hold" and not self._past_end_said:
            self._past_end_said = True
            warnings.warn(self._past_end_warning(t), UserWarning, stacklevel=3)

    def _write(self, rates: list[float], position: float) -> None:
        """Write rates, all or none, and be there."""
        lowest = -math.inf if self.past_end == "torch" else 0.0
        if not all(lowest <= rate < math.inf for rate in rates):
            index = next(index for index, rate in enumerate(rates) if not lowest <= rate < math.inf)
            raise StepError(
                f"{type(self).__name__} gives group {index} the rate {rates[index]} at step {position}; a rate is "
                "finite and not negative"
            )
        self._rates.write(rates)
        self._last_lr = list(rates)
        self._place(position)

    def _place(self, position: float) -> None:
        """Stand at a step, and write what goes with the rate."""
        self.last_epoch = position  # type: ignore[assignment]

    @property
    def _position(self) -> float:
        """The step, which may be a fraction where PyTorch allows it."""
        return self.last_epoch

    def state_dict(self) -> dict[str, Any]:
        self._join_groups()
        return super().state_dict()

    def _checked(self, form: Any) -> Saved:
        self._join_groups()
        return super()._checked(form)

    # Past the end.

    _end: float = math.inf
    """The last step for which PyTorch's class has a rate of its own."""

    def _past_end_warning(self, position: float) -> str:
        """What is said there, once."""
        raise NotImplementedError

    def _refuse_step(self, position: float) -> None:
        """Raise StepError where PyTorch's class raises, and that is meant."""

    # Within.

    def _courses(self) -> list[Course]:
        """The course of each group."""
        return self._reading().courses

    def _reading(self) -> "Reading":
        """The courses, read anew when an argument, a base rate or a group has changed."""
        self._join_groups()
        values = [getattr(self, name) for name in (*self._plan_fields, *self._read_fields)]
        key = [list(value) if isinstance(value, list) else value for value in values]
        read: Reading | None = self.__dict__.get("_read")
        if read is None or read.key != key:
            places: dict[Hashable, int] = {}
            which: list[int] = []
            distinct: list[Course] = []
            for index in range(len(self.base_lrs)):
                k = places.setdefault(self._shared(index), len(distinct))
                if k == len(distinct):
                    distinct.append(course(self, index))
                which.append(k)
            read = self._read = Reading(key, distinct, which, [distinct[k] for k in which])
        return read

    _read_fields: ClassVar[Sequence[str]] = ()
    """What the courses depend on besides the plan."""

    def _shared(self, index: int) -> Hashable:
        """Groups for which this is the same have the same course."""
        return self.base_lrs[index]

    def _join_groups(self) -> None:
        """A group that was added to the optimizer joins with its own base rate."""
        for index in range(len(self.base_lrs), len(self.optimizer.param_groups)):
            self._join(index)
            group = self.optimizer.param_groups[index]
            self.base_lrs.append(float(group.setdefault("initial_lr", float(group["lr"]))))
        if not all(type(base) is float for base in self.base_lrs):
            self.base_lrs = [float(base) for base in self.base_lrs]

    def _join(self, index: int) -> None:
        """Raise ArgumentError where nothing is known for a group at this index."""

    def _take(self, saved: Saved) -> None:
        self._take_fields(saved)
        self._rates.settled = True
        if saved.changed and self._on_change == "keep":
            rates = [schedule(max(self._position, 0)) for schedule in self.schedules]
        else:
            rates = self._exact(saved)
        self._rates.write(rates)
        self._last_lr = list(rates)
        self._place(self._position)

    def _exact(self, saved: Saved) -> list[float]:
        """The saved rates; those of PyTorch's recursions, which differ from the schedule in the last digits, as it."""
        if not saved.by_pytorch:
            return saved.rates
        values = [schedule(max(self._position, 0)) for schedule in self.schedules]
        return [
            value if math.isclose(rate, value, rel_tol=1e-9, abs_tol=1e-12 * base) else rate
            for rate, value, base in zip(saved.rates, values, self.base_lrs, strict=True)
        ]

    def _enter(self, rates: list[float]) -> None:
        """Go on, as a part of a sequence, from the rates before."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        _Noticing(self.optimizer, last_epoch=0)


@dataclass(frozen=True)
class Reading:
    """What was read off a scheduler: its courses, each once, and which of them each group has."""

    key: list[Any]
    distinct: list[Course]
    which: list[int]
    courses: list[Course]


class _Noticing(LRScheduler):
    """PyTorch's way of noticing updates, for a copy of an optimizer, and nothing more."""

    def _initial_step(self) -> None:
        """No rate is written."""
