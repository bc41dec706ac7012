"""Reducing the rate when a metric stops improving: a multiplier on any schedule, fed by `observe`."""

import math
import statistics
from dataclasses import dataclass
from typing import Annotated, Any

from stepsize.arguments import Choice, Fraction, NonNegative, Number, Phase, Steps, refusal, rules, shown
from stepsize.errors import ArgumentError, StateError


@dataclass(frozen=True)
class Plateau:
    """Times `factor` when a metric has not improved for more than `patience` observations.

    An observation a is an improvement on the best b so far if

        mode "min":  a < b (1 - threshold)   or, threshold_mode "abs",  a < b - threshold
        mode "max":  a > b (1 + threshold)   or                         a > b + threshold

    After more than `patience` observations in a row without one, each group's multiplier m becomes
    max(m factor, min_lr / scheduled rate), where that lowers the rate by more than `eps`; then `cooldown` observations
    do not count. With a relative threshold and a negative metric the bar is on the other side of b, as in PyTorch.

    Args:
        mode: whether less or more is better.
        factor: what the rate is multiplied by, in [0, 1).
        patience: observations without improvement that are let pass.
        threshold: what counts as improvement.
        threshold_mode: "rel" or "abs".
        cooldown: observations after a reduction that do not count as bad.
        min_lr: the lowest rate that a reduction leads to.
        eps: the least change of a rate that is made.
        window: the metric is the mean of so many last observations.
        nan: what a metric that is no finite number is: "refuse", or "bad" (an observation without improvement).

    Raises:
        ArgumentError: an argument is not in its range.

    Example:
        >>> from stepsize.pytorch import Plateau
        >>> Plateau(factor=0.5, patience=2).improves(0.9, best=1.0)
        True
    """

    mode: Annotated[str, Choice(("min", "max"))] = "min"
    factor: Fraction = 0.1
    patience: Phase = 10
    threshold: Annotated[float, Number()] = 1e-4
    threshold_mode: Annotated[str, Choice(("rel", "abs"))] = "rel"
    cooldown: Phase = 0
    min_lr: NonNegative = 0.0
    eps: NonNegative = 1e-8
    window: Steps = 1
    nan: Annotated[str, Choice(("refuse", "bad"))] = "refuse"

    def __post_init__(self) -> None:
        for name, rule in rules(Plateau).items():
            object.__setattr__(self, name, rule("Plateau", name, getattr(self, name)))
        if self.factor == 1.0:
            raise refusal("Plateau", "factor", "less than 1", self.factor)

    def improves(self, metric: float, best: float | None) -> bool:
        """Whether a metric is better than the best by more than the threshold."""
        if best is None:
            return metric > -math.inf if self.mode == "max" else metric < math.inf
        sign = 1.0 if self.mode == "max" else -1.0
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * best
        bar = best + sign * margin
        return metric > bar if self.mode == "max" else metric < bar


class PlateauState:
    """How a Plateau stands: the best metric so far, what it counts, and each group's multiplier."""

    def __init__(self, plateau: Plateau, groups: int) -> None:
        self.plateau = plateau
        self.multipliers = [1.0] * groups
        self._best: float | None = None
        self._bad = 0
        self._cooling = 0
        self._recent: list[float] = []

    def observe(self, metric: float) -> bool:
        """Take note of a metric; True where the rates are to be reduced now.

        Raises:
            ArgumentError: the metric is no number, and the plateau refuses that; nothing is noted then.
        """
        try:
            if isinstance(metric, bool | str):
                raise TypeError
            value = float(metric)
        except (TypeError, ValueError):
            raise ArgumentError(f"observe({shown(metric)}): a metric is a number") from None
        if not math.isfinite(value) and self.plateau.nan == "refuse":
            raise ArgumentError(
                f"observe({shown(metric)}): the metric is no finite number; look at the run, or count it as no "
                'improvement with Plateau(nan="bad")'
            )
        if not math.isfinite(value):
            improved = False
        else:
            self._recent = [*self._recent, value][-self.plateau.window :]
            smooth = statistics.fmean(self._recent)
            improved = self.plateau.improves(smooth, self._best)
        if improved:
            self._best, self._bad = smooth, 0
        else:
            self._bad += 1
        if self._cooling:
            self._cooling -= 1
            self._bad = 0
        if self._bad <= self.plateau.patience:
            return False
        self._cooling, self._bad = self.plateau.cooldown, 0
        return True

    def reduce(self, rates: list[float]) -> bool:
        """Lower the multipliers, and say whether any is lower now; `rates` are the scheduled ones, without one."""
        before = list(self.multipliers)
        for index, rate in enumerate(rates):
            now = self.multipliers[index]
            lowest = self.plateau.min_lr / rate if rate > 0.0 else 0.0
            lower = max(now * self.plateau.factor, lowest)
            if rate * (now - lower) > self.plateau.eps:
                self.multipliers[index] = lower
        return self.multipliers != before

    def state_dict(self) -> dict[str, Any]:
        """The state as JSON has it; the plateau's settings are the plan's."""
        return {
            "multipliers": list(self.multipliers),
            "best": self._best,
            "bad": self._bad,
            "cooling": self._cooling,
            "recent": list(self._recent),
        }

    @classmethod
    def from_dict(cls, plateau: Plateau, groups: int, form: Any) -> "PlateauState":
        """The state that `state_dict` made, for so many groups.

        Raises:
            StateError: it has another form.
        """
        state = cls(plateau, groups)
        match form:
            case {
                "multipliers": list(multipliers),
                "best": None | float() as best,
                "bad": int(bad),
                "cooling": int(cooling),
                "recent": list(recent),
            } if (
                len(multipliers) == groups
                and all(type(item) in (float, int) for item in multipliers + recent)
                and all(0.0 <= item <= 1.0 for item in multipliers)
            ):
                state.multipliers, state._best = list(map(float, multipliers)), best
                state._bad, state._cooling, state._recent = bad, cooling, list(map(float, recent))
                return state
        raise StateError(f"the state's feedback is not that of a Plateau on {groups} parameter groups: {shown(form)}")
