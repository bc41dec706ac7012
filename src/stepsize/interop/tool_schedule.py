"""What another tool's config means: the schedule that the tool really follows, and what the config names."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from stepsize.arguments import Instance, Maybe, MaybeNonNegative, Number, apply_rules
from stepsize.errors import ArgumentError
from stepsize.horizon import Horizon
from stepsize.schedules import Plan, Schedule, parse


def _horizon(owner: str, name: str, value: Any) -> Horizon | None:
    """The rule of a horizon, which may be given as a number of updates."""
    if value is None or isinstance(value, Horizon):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        rule = "a Horizon, or the number of updates of the run"
        raise ArgumentError(owner, name, rule, value, "write e.g. horizon=10_000, or Horizon(samples, batch, epochs)")
    return Horizon(samples=value, batch=1, epochs=1)


class _Example(str):
    """A value that is shown as it is written in Python."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


UPDATES, EPOCHS = "10_000", "Horizon(samples=60_000, batch=256, epochs=10)"
"""Examples of a horizon, which command lines have other words for."""

AnySchedule = Annotated[Schedule | str, Instance(Schedule | str, "a schedule or its text")]
AnyHorizon = Annotated[Horizon | int | None, _horizon]


@dataclass(frozen=True)
class Run:
    """What a config leaves to the program: the length of the run, and the rate of the optimizer."""

    owner: str
    horizon: Horizon | None = None
    base_lr: float | None = None

    @classmethod
    def of(cls, owner: str, horizon: AnyHorizon = None, base_lr: MaybeNonNegative = None) -> "Run":
        """The run that a caller of `owner` gives; ArgumentError if the horizon or the rate is not allowed."""
        return cls(owner, **apply_rules(owner, cls.of, {"horizon": horizon, "base_lr": base_lr}))

    def schedule(self, given: Schedule | str) -> Schedule:
        """A schedule, whose text may have units of the run."""
        return parse(given, self.horizon) if isinstance(given, str) else given

    @property
    def unit(self) -> float:
        """The optimizer's rate, which a tool's factors multiply; 1 if it is not known, and factors stay factors."""
        return 1.0 if self.base_lr is None else self.base_lr

    def with_lr(self, lr: Any) -> "Run":
        """This run with the rate of the config's optimizer, unless another is given."""
        if self.base_lr is not None:
            return self
        return replace(self, base_lr=Maybe(Number(least=0.0))("optimizer", "lr", lr))

    def steps(self, setting: str) -> int:
        """The updates of the run, which the config's `setting` leaves open; ArgumentError without a horizon."""
        return self._given(setting, "the number of updates").steps

    def epoch_steps(self, setting: str) -> int:
        """The updates of an epoch, in which the config's `setting` counts; ArgumentError without a horizon."""
        return self._given(setting, "the length of an epoch", "epochs").epoch_steps

    def update(self, setting: str, clock: str) -> int:
        """The samples or tokens of an update, which `setting` counts; ArgumentError without a horizon that has them."""
        return self._given(setting, f"the {clock} of an update", clock).after_update(0, clock)

    def _given(self, setting: str, what: str, counted: str = "") -> Horizon:
        """The horizon; that of a number of updates does not do if something else is `counted`."""
        if self.horizon is None:
            reason = f"{setting} needs {what}"
        elif counted and self.horizon.epochs == self.horizon.batch == 1:
            reason = f"{setting} counts {counted}, not updates"
        else:
            return self.horizon
        example = _Example(EPOCHS if counted else UPDATES)
        raise ArgumentError(self.owner, "horizon", f"given: {reason}", None, "write e.g. {horizon}", horizon=example)


@dataclass(frozen=True)
class ToolSchedule:
    """The schedule of another tool at each update, and what its config names; `check` compares the two.

    `rates` are the learning rates, or factors on the optimizer's rate if `relative`. `others` are the schedules of
    further hyperparameters. `peak`, `minimum`, `warmup_steps` and `total_steps` are what the config names, in the
    units of `rates` and in updates; None if it names none. `unused_lr` is a rate of the optimizer that the config has
    and that the scheduler replaces. `mends` are the lines of the config that would mend what `check` finds, by the
    kind of fault; with a line for "minimum" and no `minimum`, the decay ends at 0. `Framework.read` sets the `tool`.
    """

    name: str
    rates: Schedule
    peak: float | None = None
    minimum: float | None = None
    warmup_steps: float = 0
    total_steps: float = math.inf
    relative: bool = False
    unused_lr: float | None = None
    others: Mapping[str, Any] = field(default_factory=dict)
    mends: Mapping[str, str] = field(default_factory=dict)
    tool: str = ""

    @property
    def value(self) -> Schedule | Plan:
        """The rates, or a plan if there are further hyperparameters or the rates are factors."""
        if self.relative or self.others:
            return Plan(lr=self.rates, **self.others, relative=self.relative or None)
        return self.rates
