"""Feedback on the rates while training: its protocol, and the plateau rule."""

import math
import statistics
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Protocol, runtime_checkable

from stepsize.arguments import Choice, Count, Fraction, Instance, Maybe, NonNegative, Number, Whole, apply_field_rules
from stepsize.checked_calls import CallChecked, checked
from stepsize.errors import ArgumentError, StateError, shown
from stepsize.schedules.text import Evaluation, Text

Observations = Annotated[int, Whole(0)]


@runtime_checkable
class Feedback(Protocol):
    """Turns metrics into a multiplier on the scheduled rates: `Plateau`, or a class of your own.

    `Scheduler.observe(metric)` passes the metric on. A multiplier may fall and rise again.
    """

    def observe(self, metric: float) -> float:
        """Take in a metric; return the multiplier on the scheduled rates from here on."""

    def state_dict(self) -> dict[str, Any]:
        """The state, as JSON values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""


@dataclass
class _Progress:
    multiplier: float = 1.0
    best: float | None = None
    bad: int = 0
    cooling: int = 0
    recent: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Plateau(CallChecked):
    """Multiply the rate by `factor` when a metric has not improved for more than `patience` observations.

    An observation a improves on the best b so far if

        mode "min":  a < b (1 - threshold)   or, threshold_mode "abs",  a < b - threshold
        mode "max":  a > b (1 + threshold)   or                         a > b + threshold

    After more than `patience` observations in a row without improvement, each group's multiplier m becomes
    max(m factor, min_lr / scheduled rate), if that lowers the rate by more than `eps`; the next `cooldown` observations
    then do not count. With a relative threshold and a negative metric, the bound is on the other side of b, as in
    PyTorch.

    Args:
        mode: whether a lower ("min") or a higher ("max") metric is better.
        factor: multiplies the rate, in [0, 1).
        patience: the number of observations without improvement that are tolerated.
        threshold: the smallest improvement that counts.
        threshold_mode: "rel" or "abs".
        cooldown: the number of observations after a reduction that do not count.
        min_lr: the lowest rate that a reduction leads to.
        eps: smaller changes of a rate are not made.
        window: the metric is the mean of this many latest observations.
        nan: "refuse" a metric that is not finite, or count it as an observation without improvement ("bad").
        metric: the number that `train` and `compare` pass on after each epoch: "test_loss", "test_accuracy",
            "train_loss" or "train_accuracy". By default the test loss, or the test accuracy if the mode is "max".

    `repr` leaves out arguments that have their default, and `Plateau.parse` reads it.

    An argument out of its range raises ArgumentError.

    Example:
        >>> from stepsize.pytorch import Plateau
        >>> plateau = Plateau(factor=0.5, patience=1)
        >>> [plateau.observe(loss) for loss in (1.0, 1.1, 1.2, 0.9)]
        [1.0, 1.0, 0.5, 0.5]
    """

    mode: Annotated[str, Choice(("min", "max"))] = "min"
    factor: Fraction = 0.1
    patience: Observations = 10
    threshold: Annotated[float, Number()] = 1e-4
    threshold_mode: Annotated[str, Choice(("rel", "abs"))] = "rel"
    cooldown: Observations = 0
    min_lr: NonNegative = 0.0
    eps: NonNegative = 1e-8
    window: Count = 1
    nan: Annotated[str, Choice(("refuse", "bad"))] = "refuse"
    metric: Annotated[str | None, Maybe(Instance(str, "the name of a metric"))] = None
    _progress: _Progress = field(default_factory=_Progress, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        apply_field_rules(self)
        if self.factor == 1.0:
            raise ArgumentError("Plateau", "factor", "a number < 1", self.factor)

    @classmethod
    @checked
    def parse(cls, text: Text) -> "Plateau":
        """The plateau that a text describes; `Plateau.parse(str(plateau)) == plateau`.

        Raises:
            ParseError: the text is not a plateau; points at the place and suggests what to write.

        Example:
            >>> from stepsize.pytorch import Plateau
            >>> Plateau.parse("Plateau(factor=0.5, patience=2, nan='refuse')")
            Plateau(factor=0.5, patience=2)
        """
        plateau: Plateau = Evaluation.of(text).call_of(cls, "Plateau(factor=0.5, patience=2)")
        return plateau

    def __repr__(self) -> str:
        defaults = {each.name: each.default for each in fields(self)}
        given = {name: value for name, value in self.settings().items() if value != defaults[name]}
        texts = (f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}" for name, value in given.items())
        return f"Plateau({', '.join(texts)})"

    def bounded(self, now: float, new: float, planned: float) -> float:
        """A group's next multiplier under `min_lr` and `eps`, for its planned rate."""
        new = max(new, self.min_lr / planned if planned > 0.0 else 0.0)
        return new if planned * (now - new) > self.eps else now

    def settings(self) -> dict[str, Any]:
        """The arguments that make an equal plateau."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def improves(self, metric: float, best: float | None) -> bool:
        if best is None:
            return True
        sign = 1.0 if self.mode == "max" else -1.0
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * best
        return sign * metric > sign * (best + sign * margin)

    def observe(self, metric: float) -> float:
        """Take in a metric; return factor^n after n reductions, before `min_lr` and `eps`."""
        now = self._progress
        value = as_number("observe", "metric", metric)
        if not math.isfinite(value) and self.nan == "refuse":
            advice = 'look at the run, or count it as no improvement with Plateau(nan="bad")'
            raise ArgumentError("observe", "metric", "finite", metric, advice)
        now.bad += 1
        if math.isfinite(value):
            now.recent = [*now.recent, value][-self.window :]
            smooth = statistics.fmean(now.recent)
            if self.improves(smooth, now.best):
                now.best, now.bad = smooth, 0
        if now.cooling:
            now.cooling -= 1
            now.bad = 0
        if now.bad > self.patience:
            now.cooling, now.bad = self.cooldown, 0
            now.multiplier *= self.factor
        return now.multiplier

    def state_dict(self) -> dict[str, Any]:
        """The counters, as JSON values, without the settings."""
        return {**vars(self._progress), "recent": list(self._progress.recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the counters that `state_dict` returned; StateError if the state has another form."""
        match state:
            case {
                "multiplier": float(multiplier),
                "best": None | float(),
                "bad": int(),
                "cooling": int(),
                "recent": list(recent),
            } if 0.0 <= multiplier <= 1.0 and all(_is_number(item) for item in recent):
                now = vars(self._progress)
                now.update({name: state[name] for name in now}, recent=list(map(float, recent)))
            case _:
                raise StateError(f"this is not the state of a Plateau: {shown(state)}")


def as_number(owner: str, argument: str, given: Any) -> float:
    """A number, or a tensor or array of one, as a float."""
    try:
        if isinstance(given, bool | str):
            raise TypeError
        return float(given)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(owner, argument, "a number", given) from None


def _is_number(item: Any) -> bool:
    """Whether an item of a saved state is a float, or a whole number that floats can hold."""
    return type(item) is float or (type(item) is int and abs(item) < 2**1000)
