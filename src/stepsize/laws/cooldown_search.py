"""The cooldowns of a run in training: the forecast of each, and the search for a budget or for a target loss."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from stepsize.curves import LossCurve
from stepsize.errors import quoted
from stepsize.laws.diagnosis import SAME_RATE, Remark
from stepsize.laws.forecast import NO_RATE, Fit, Forecast
from stepsize.laws.law import Floats, Integers, loss_format
from stepsize.schedules.transitions import transition

DELAYS = (0.25, 0.5, 1.0, 2.0)  # as fractions of the steps done
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)  # of the cooldown, as fractions of the whole run
USUAL_SHARE = 0.2
FARTHEST = 10  # a target loss is looked for up to this many times the steps done
RUN_TO_RUN = 4.4e-4  # relative standard deviation of the final loss between two runs of one schedule (124M parameters)
_FAR_FROM_LAW = 0.01  # a run this far from the law comes with a caution
POINTS = 200


@dataclass(frozen=True, eq=False)
class CooldownForecast:
    """A cooldown that begins at step `at` and takes `steps`, with the predicted loss from the present to its end.

    `waiting` is what the final loss gains if the cooldown begins `Cooldowns.unit` steps later, `lengthening` what it
    gains if the cooldown takes as many steps more. `label` says what the cooldown answers, such as "best".
    """

    label: str
    at: int
    steps: int
    forecast: Forecast
    waiting: float
    lengthening: float

    @property
    def final_loss(self) -> float:
        """The predicted loss at the end."""
        return self.forecast.final_loss


Answer = tuple[tuple[CooldownForecast, ...], CooldownForecast | None, Remark]


class Search:
    """The cooldowns of one run in training, their forecasts, and the search among them."""

    def __init__(self, found: Fit, so_far: LossCurve, shape: Any, final_lr: float, level: float) -> None:
        self._found, self._so_far, self._level = found, so_far, level
        self._shape, self._final_lr = shape, final_lr
        self._done = int(so_far.steps[-1]) + 1
        self._rates = so_far.rates[: self._done]
        self.unit: int = 10 ** max(0, len(str(self._done)) - 2)  # between a hundredth and a tenth of the steps done
        self._grain: int = max(1, self.unit // 10)

    @cached_property
    def distance(self) -> float:
        """The median of the logarithms of the recent losses above the law."""
        recent = self._so_far.steps >= self._so_far.steps[-max(1, self._so_far.steps.size // 4)]
        steps, losses = self._so_far.steps[recent], self._so_far.losses[recent]
        return float(np.median(np.log(losses / self._found.law.predict(self._rates, at=steps))))

    @property
    def _shift(self) -> float:
        return float(np.exp(self.distance))

    @property
    def cautions(self) -> list[str]:
        """What makes the forecasts doubtful, whatever the cooldown."""
        cautions = []
        if abs(self.distance) > _FAR_FROM_LAW:
            where = self.where(digits=1)
            cautions.append(f"{where}, and the prediction is shifted by as much: does it have the setting of the runs?")
        peak, now = float(self._rates.max()), float(self._rates[-1])
        if now < (1.0 - SAME_RATE) * peak:
            then = "little is left to cool down" if now <= NO_RATE * peak else "the cooldown continues from there"
            cautions.append(f"the rate has already decayed from {peak:.3g} to {now:.3g}: {then}")
        return cautions

    def where(self, digits: int) -> str:
        """The distance from the law, in words."""
        side = "above" if self.distance > 0 else "below"
        return f"run {quoted(self._so_far.name)} lies {abs(np.expm1(self.distance)):.{digits}%} {side} the law"

    def for_starts(self, starts: Sequence[int] | None, steps: int | None) -> Answer:
        """The forecasts of given starts, or of some later ones."""
        later = starts or [self._done, *(self._rounded(self._done * (1.0 + part)) for part in DELAYS)]
        forecasts = tuple(self._forecast("now" if at == self._done else "", at, _length(at, steps)) for at in later)
        first, form = forecasts[0], loss_format(forecasts[0].final_loss)
        remark = Remark(
            f"If the cooldown begins {self._begin(first.at)}: {self._end(first)}. {self.unit:,} more steps gain "
            f"{first.lengthening:{form}} if it takes longer, and {first.waiting:{form}} if it begins later",
            "ask for a decision with {total_steps} or {target_loss}",
            total_steps=...,
            target_loss=...,
        )
        return forecasts, None, remark

    def for_total(self, total: int) -> Answer:
        """The best length of a cooldown that ends with the run, and the lengths that are about as good."""
        longest = total - self._done
        lengths = [*range(self._grain, longest, self._grain), longest]

        def loss(place: int) -> float:
            return self._loss(total - lengths[place], lengths[place])

        def first(holds: Callable[[int], bool], begin: int, end: int) -> int:
            return bisect_left(range(end), True, begin, key=holds)

        # The loss falls up to the best length, and rises after it.
        best = first(lambda place: loss(place) <= loss(place + 1), 0, len(lengths) - 1)
        most = (1.0 + RUN_TO_RUN) * loss(best)
        shortest = first(lambda place: loss(place) <= most, 0, best)
        last = first(lambda place: loss(place) > most, best, len(lengths)) - 1
        shown = {round(share * total): f"{share:.0%}" for share in SHARES if 1 <= round(share * total) <= longest}
        shown[lengths[best]] = "best"
        forecasts = tuple(self._forecast(shown[each], total - each, each) for each in sorted(shown, reverse=True))
        recommended = next(each for each in forecasts if each.label == "best")
        share = f"{float(f'{100 * lengths[best] / total:.2g}'):g}% of {total:,} steps"
        words = f"Begin {self._begin(recommended.at)}, so that the cooldown takes {share}: {self._end(recommended)}"
        if shortest < last:
            near = most - loss(best)
            words += (
                f". Any start from {total - lengths[last]:,} to {total - lengths[shortest]:,} is predicted to end "
                f"within {near:{loss_format(most)}} of it, less than two runs of one schedule usually differ"
            )
        return forecasts, recommended, Remark(words)

    def for_target(self, target: float, steps: int | None) -> Answer:
        """The starts from which the lower bound, the loss and the upper bound at the end reach a target."""
        farthest = FARTHEST * self._done
        starts = [self._done, *range(self._rounded(self._done + 1), farthest + 1, self._grain)]
        last = starts[-1]
        found: dict[str, int] = {}
        for place, label in enumerate(("earliest", "likely", "safe")):
            first = bisect_left(starts, True, key=lambda at: self._band(at, _length(at, steps))[place] <= target)
            if first < len(starts):
                found[label] = starts[first]
        labels = {at: label for label, at in found.items()}  # the last of equal starts
        forecasts = tuple(self._forecast(label, at, _length(at, steps)) for at, label in labels.items())
        recommended = next((each for each in forecasts if each.at == found.get("likely")), None)
        if "likely" in found:
            likely, safe = found["likely"], found.get("safe")
            words = f"Begin {self._begin(likely)} to reach {target:g}"
            if found["earliest"] < likely:
                words += f"; an earlier cooldown may be enough, from step {found['earliest']:,} on"
            if safe == likely:
                words += ", which is safe"
            else:
                words += (
                    f"; to be safe, begin at step {safe:,}" if safe else f"; none is safe within {farthest:,} steps"
                )
        else:
            low, lowest, high = (f"{loss:{loss_format(target)}}" for loss in self._band(last, _length(last, steps)))
            words = (
                f"A loss of {target:g} is not predicted for any cooldown that begins within {farthest:,} steps: the "
                f"lowest is {lowest}, {self._level:.0%} band {low} to {high}, if it begins at step {last:,}"
            )
            if "earliest" in found:
                words += f"; {target:g} is possible from step {found['earliest']:,} on"
        if (now := self._shift * self._found.law.final(self._rates).loss) <= target:
            words = f"The run has reached {target:g} without a cooldown: its loss is {now:{loss_format(now)}} now"
        return forecasts, recommended, Remark(words)

    def _rates_of(self, at: int, steps: int) -> Floats:
        now = float(self._rates[-1])
        down = transition("plan_cooldowns", steps, ("shape", self._shape), ("", now), ("final_lr", self._final_lr))
        return np.concatenate([self._rates, np.full(at - self._done, now), down.sample()])

    def _loss(self, at: int, steps: int) -> float:
        return self._shift * self._found.law.final(self._rates_of(at, steps)).loss

    def _band(self, at: int, steps: int) -> tuple[float, float, float]:
        forecast = self._shifted(self._rates_of(at, steps), np.array([at + steps - 1]))
        return forecast.final_band[0], forecast.final_loss, forecast.final_band[1]

    def _shifted(self, rates: Floats, at: Integers) -> Forecast:
        forecast = self._found.predict(rates, at=at, level=self._level)
        bands = {name: self._shift * getattr(forecast, name) for name in ("losses", "low", "high")}
        return replace(forecast, **bands)

    def _forecast(self, label: str, at: int, steps: int) -> CooldownForecast:
        rates = self._rates_of(at, steps)
        shown = np.unique(np.linspace(self._done - 1, rates.size - 1, POINTS).round().astype(np.int64))
        forecast = self._shifted(rates, shown)
        loss = self._loss(at, steps)
        waiting, lengthening = loss - self._loss(at + self.unit, steps), loss - self._loss(at, steps + self.unit)
        return CooldownForecast(label, at, steps, forecast, waiting, lengthening)

    def _rounded(self, step: float) -> int:
        return -(-round(step) // self._grain) * self._grain

    def _begin(self, at: int) -> str:
        return "now" if at == self._done else f"at step {at:,}"

    def _end(self, each: CooldownForecast) -> str:
        low, high = each.forecast.final_band
        form = loss_format(each.final_loss)
        return f"predicted final loss {each.final_loss:{form}}, {self._level:.0%} band {low:{form}} to {high:{form}}"


def _length(at: int, steps: int | None) -> int:
    return steps or max(1, round(at * USUAL_SHARE / (1.0 - USUAL_SHARE)))
