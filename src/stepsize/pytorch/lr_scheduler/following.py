"""What the schedulers have in common whose rates are a function of the step."""

import math
from collections.abc import Hashable, Sequence
from copy import copy
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Length
from stepsize.errors import StepError
from stepsize.pytorch.lr_scheduler.base import PyTorchScheduler
from stepsize.pytorch.lr_scheduler.course import Course
from stepsize.pytorch.lr_scheduler.reading import known_course, refuse_own_code
from stepsize.pytorch.lr_scheduler.state import Saved
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Schedule


class Following(PyTorchScheduler):
    """A scheduler that has a course for each group, and so can be drawn, sought and resumed without its past.

    A subclass with a `get_lr` of its own (or a `_get_closed_form_lr`) is asked at each step, as by PyTorch, and may ask
    the class above; its rates cannot be told ahead, so it has no `schedules` and no `seek`.
    """

    past_end: str = "hold"
    _position_fields: ClassVar[Sequence[str]] = ("last_epoch", "_step_count")
    _past_end_said = False
    _read: "Reading | None" = None
    _own_code = False
    """The rates are decided by methods of a subclass."""
    _own_closed_form = False
    _asked: tuple[bool, int] | None = None
    """While such a method decides a step: whether an epoch was given, and how many groups there were before."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        closed_form = getattr(cls, "_get_closed_form_lr", LRScheduler.step)
        cls._own_closed_form = not closed_form.__module__.startswith("torch.")
        cls._own_code = cls._own_closed_form or cls.get_lr is not Following.get_lr
        names = [name for name in (*cls._plan_fields, *cls._read_fields, "past_end") if name != "_in_groups"]
        cls._read_values = attrgetter(*names) if len(names) > 1 else None

    # Reading.

    @property
    def group_schedules(self) -> tuple[Schedule, ...]:
        """One absolute schedule for each group: its rate under this scheduler alone, to draw and to compare.

        Raises:
            ArgumentError: the class is a subclass with a `get_lr` or `step` of its own.
        """
        refuse_own_code(self)
        return tuple(each.schedule for each in self._courses())

    def get_lr(self) -> list[float | Tensor]:
        """The schedules' values at `last_epoch`; for a subclass that asks within a step, those that the step gives."""
        if self._asked is not None:
            return list(self._moved(self._position, *self._asked))
        return [each.schedule(max(self._position, 0)) for each in self._courses()]

    # Moving.

    def seek(self, position: int) -> None:
        """Go to any step, forwards or back, and write the schedules' values there.

        Raises:
            ArgumentError: the class is a subclass with a `get_lr` or `step` of its own.
        """
        self._go(int(Length(0)("seek", "position", position)))
        self._rates.settled = True

    def _go(self, position: float) -> None:
        rates = [schedule(position) for schedule in self.group_schedules]
        self._write(rates, position)

    def _update_lr(self, epoch: float | None = None) -> None:
        """What PyTorch's `step` does to the rates; `epoch` as there."""
        t = self._position + 1 if epoch is None else epoch
        decide = self._by_own_code if self._own_code else self._moved
        self._write(decide(t, epoch is not None, len(self.base_lrs)), t)
        if not self._is_initial:
            self._rates.settled = True

    def _moved(self, t: float, jump: bool, known: int) -> list[float]:
        """What a step to t makes of the rates that are there; only so many groups were known at the step before."""
        read = self._reading()
        self._refuse_step(t)
        moves = [each.jumped(t) if jump else each.moved(t) for each in read.distinct]
        rates = self._rates.read()
        if len(moves) == 1:
            move = moves[0]
            rates = [move(rate) for rate in rates]
        else:
            rates = [moves[k](rate) for k, rate in zip(read.which, rates, strict=True)]
        resumed = self._is_initial and t > 0
        if resumed or known < len(rates):  # nothing was there to move from
            for index in range(0 if resumed else known, len(rates)):
                rates[index] = read.courses[index].schedule(t)
        if not self._past_end_said and t > self._end and self.past_end == "hold":
            self._past_end_said = True
            caution(self._past_end_warning(t))
        return rates

    def _by_own_code(self, t: float, jump: bool, known: int) -> list[float]:
        """The rates of a step as the methods of a subclass decide them, in PyTorch's order."""
        stood = self._position
        self._place(t)
        self._asked, self._get_lr_called_within_step = (jump, known), True
        try:
            if jump and self._own_closed_form:
                rates: Any = self._get_closed_form_lr()  # type: ignore[attr-defined]
            elif jump and hasattr(self, "_get_closed_form_lr"):
                rates = self._moved(t, jump, known)
            else:
                rates = self.get_lr()
            found = [float(rate) for rate in rates]
            if len(found) != len(self.optimizer.param_groups):
                raise StepError(
                    f"{type(self).__name__} gives {len(found)} rates at step {t:g}, and there are "
                    f"{len(self.optimizer.param_groups)} parameter groups"
                )
            self._check(found, t)
        except BaseException:
            self._place(stood)
            raise
        finally:
            self._asked, self._get_lr_called_within_step = None, False
        return found

    def _write(self, rates: list[float], position: float) -> None:
        """Write rates, all or none, and be there."""
        self._check(rates, position)
        self._rates.write(rates)
        self._last_lr = list(rates)
        self._place(position)

    def _check(self, rates: list[float], position: float) -> None:
        """Raise where a rate cannot be written."""
        self._rates.refuse_if_taken(self)
        lowest = self._lowest
        if min(rates) >= lowest and math.isfinite(sum(rates)):
            return
        for index, rate in enumerate(rates):
            if not (lowest <= rate < math.inf):
                raise StepError(
                    f"{type(self).__name__} gives group {index} the rate {rate} at step {position}; a rate is finite "
                    "and not negative"
                )

    @property
    def _lowest(self) -> float:
        return -math.inf if self.past_end == "torch" else 0.0

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

    def _checked(self, form: Any, part: bool = False) -> Saved:
        self._join_groups()
        return super()._checked(form, part)

    # Past the end.

    _end: float = math.inf
    """The last step for which PyTorch's class has a rate of its own."""

    def _past_end_warning(self, position: float) -> str:
        """What is said there, once; a class with an `_end` says it."""
        raise NotImplementedError

    def _refuse_step(self, position: float) -> None:
        """Raise StepError where PyTorch's class raises, and that is meant."""

    # Within.

    def _courses(self) -> list[Course]:
        """The course of each group."""
        return self._reading().courses

    def _reading(self) -> "Reading":
        """The courses, read anew when an argument, a base rate or a group has changed."""
        read = self._read
        if len(self.base_lrs) < len(self.optimizer.param_groups):
            self._join_groups()
        if read is None or read.key != self._key():
            self._join_groups()
            places: dict[Hashable, int] = {}
            which: list[int] = []
            distinct: list[Course] = []
            for index in range(len(self.base_lrs)):
                k = places.setdefault(self._shared(index), len(distinct))
                if k == len(distinct):
                    distinct.append(known_course(self, index))
                which.append(k)
            key = [copy(value) if isinstance(value, list | dict) else value for value in self._key()]
            read = self._read = Reading(key, distinct, which, [distinct[k] for k in which])
        return read

    _read_fields: ClassVar[Sequence[str]] = ()
    """What the courses depend on besides the plan."""
    _read_values: ClassVar["attrgetter[Any] | None"] = None
    """Gets what they depend on."""

    def _key(self) -> list[Any]:
        """What the courses depend on, to be compared with what it was."""
        return [] if self._read_values is None else [*self._read_values(self)]

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
        self._read = None
        values = [each.schedule(max(self._position, 0)) for each in self._courses()]
        self._rates.settled = True
        if self._own_code:
            rates = saved.rates
        elif saved.changed and self._on_change == "keep":
            rates = values
        else:
            rates = self._exact(saved)
        self._rates.write(rates)
        self._last_lr = list(rates)
        self._place(self._position)

    def _exact(self, saved: Saved) -> list[float]:
        """The saved rates; those of PyTorch's recursions, which differ from the schedule in the last digits, as it."""
        if not saved.by_pytorch:
            return saved.rates
        return [
            value if math.isclose(rate, value, rel_tol=1e-9, abs_tol=1e-12 * base) else rate
            for rate, value, base in zip(saved.rates, map(float, self.get_lr()), self.base_lrs, strict=True)
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
