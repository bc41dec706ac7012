"""What a range test speaks for: rates by several rules, or the reason why it speaks for none."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stepsize.curves.loss_curve import Floats

if TYPE_CHECKING:
    from stepsize.curves.range_test import RangeTest

FEWEST = 10
"""Fewer updates than this show no curve."""
DEFAULT = "tenth of minimum"
"""The rule whose rate is `Suggestions.rate`."""
_SURE = 7.5
"""So many standard errors must the loss have come down by; of a hundred curves of pure noise about one does."""
_FLAT = 1e-3
"""A descent by less than this share of the loss itself is none."""
_BEGUN = 0.1
"""The share of the descent that is behind where the descent is said to have begun."""
_RISEN = 0.1
"""The share of the descent by which the loss may have risen again where the rate is still called stable."""
_END = {"diverged": "diverges", "not finite": "is no finite number", "end": "rises"}
"""What the loss does beyond the curve, by why the test stopped."""


@dataclass(frozen=True)
class Suggestions:
    """Rates that a range test speaks for, or the reason why it speaks for none.

    With x the logarithm of the rate and s the smoothed loss, which is lowest at m and, before, has come down by a tenth
    of its descent at b:

    - `steepest`: where ds/dx is lowest, between b and m;
    - `valley`: half of the way, in x, from b to m;
    - `tenth_of_minimum`: a tenth of the rate at m;
    - `largest_stable`: the last rate before s rises, from its lowest, by a tenth of its descent: an upper bound.

    All are None where there is a `reason`.
    """

    steepest: float | None = None
    valley: float | None = None
    tenth_of_minimum: float | None = None
    largest_stable: float | None = None
    reason: str = ""

    @property
    def rate(self) -> float | None:
        """The suggestion; the documentation shows how the rule was chosen from trained grids."""
        return self.by_rule.get(DEFAULT)

    @property
    def by_rule(self) -> dict[str, float]:
        """The rates by the names of their rules; empty where there are none."""
        named = {
            "steepest": self.steepest,
            "valley": self.valley,
            "tenth of minimum": self.tenth_of_minimum,
            "largest stable": self.largest_stable,
        }
        return {rule: rate for rule, rate in named.items() if rate is not None}

    @property
    def disagreement(self) -> float:
        """How many times the lowest of the first three the highest of them is; NaN where there are none."""
        rates = [rate for rule, rate in self.by_rule.items() if rule != "largest stable"]
        return max(rates) / min(rates) if rates else math.nan


def suggest(test: "RangeTest") -> Suggestions:
    """What `RangeTest.suggest` answers."""
    smooth = test.smoothed
    reason = (
        _too_short(test, len(smooth)) or _too_flat(test, smooth) or _too_low(test, smooth) or _too_high(test, smooth)
    )
    if reason:
        return Suggestions(reason=reason + _order(test))
    rates = test.rates[: len(smooth)]
    x = np.log(rates)
    lowest = int(smooth.argmin())
    descent = _descent(smooth)
    begin = int(np.flatnonzero(smooth[:lowest] > smooth[lowest] + (1.0 - _BEGUN) * descent)[-1])
    slopes = np.gradient(smooth[begin : lowest + 1], x[begin : lowest + 1])
    risen = np.flatnonzero(smooth[lowest:] > smooth[lowest] + _RISEN * descent)
    stable = lowest + int(risen[0]) - 1 if risen.size else len(smooth) - 1
    return Suggestions(
        steepest=float(rates[begin + slopes.argmin()]),
        valley=float(np.exp((x[begin] + x[lowest]) / 2)),
        tenth_of_minimum=float(rates[lowest] / 10),
        largest_stable=float(rates[stable]),
    )


def _descent(smooth: Floats) -> float:
    """From the highest to the lowest after it."""
    lowest = int(smooth.argmin())
    return float(smooth[: lowest + 1].max() - smooth[lowest])


def _too_short(test: "RangeTest", length: int) -> str:
    """Why there is no curve to speak of; "" where there is one."""
    updates, first = len(test.rates), test.schedule(0)
    if updates == 0:
        return "the first loss was no finite number, before any update; look at the data and the loss"
    if updates < FEWEST and test.stopped == "end":
        return f"there are only {updates} updates; a curve takes {FEWEST} at least"
    if length >= FEWEST:
        return ""
    last = float(test.rates[length - 1])
    if last > 10.0 * first:  # rates that did no harm, so it is not the first that is too high
        return (
            f"there are only {length} updates, from {first:g} to {last:g}, before the loss {_END[test.stopped]}; a "
            f"curve takes {FEWEST} at least, so take more steps"
        )
    if updates < FEWEST:
        how = "diverged" if test.stopped == "diverged" else "was no finite number"
        return f"the loss {how} after {updates} updates; start below {first:g}"
    return f"the loss only rises, so the test started too high; start below {first:g}"


def _too_flat(test: "RangeTest", smooth: Floats) -> str:
    """Why the curve's descent is none; "" where it is one."""
    descent, length = _descent(smooth), len(smooth)
    first, last = test.schedule(0), float(test.rates[length - 1])
    if descent <= _FLAT * float(np.abs(smooth).max()):
        flat, look = f"the loss is flat from {first:g} to {last:g}", "look at the model and the loss"
        if _used_all_rates(test, length):
            return f"{flat}; end higher, or {look}"
        return f"{flat}, and beyond it {_END[test.stopped]}; take more steps, or {look}"
    if descent <= _SURE * _standard_error(test.losses[:length], test.smoothing):
        return "the loss comes down by no more than its noise; take larger batches, accumulate, or use several seeds"
    return ""


def _too_low(test: "RangeTest", smooth: Floats) -> str:
    """Why the curve has no end; "" where it has one."""
    above_lowest = (smooth - smooth.min()) / _descent(smooth)
    if _used_all_rates(test, len(smooth)) and above_lowest[-1] <= _RISEN < above_lowest[int(0.8 * len(smooth))]:
        return f"the loss was still coming down at {test.rates[-1]:g}; end higher"
    return ""


def _too_high(test: "RangeTest", smooth: Floats) -> str:
    """Why the suggestion would be a rate that was not tried; "" where it was."""
    first, best = test.schedule(0), float(test.rates[smooth.argmin()])
    if best / 10.0 < first:
        return f"the loss is lowest at {best:g}, and a tenth of that is below the first rate, {first:g}; start lower"
    return ""


def _order(test: "RangeTest") -> str:
    """What a fixed order of the batches may explain: losses that rise or fall before the rate is high enough to matter.

    The first quarter of the losses is compared by von Neumann's ratio q = sum (l_i - l_(i-1))^2 / sum (l_i - mean)^2:
    about 2 for batches in random order, with a standard error of 2 / sqrt(n), and less for a drift.
    """
    if not test.fixed_order:
        return ""
    begin = test.losses[: max(FEWEST, (int(test.schedule.steps) + 1) // 4)]
    spread = float(np.square(begin - begin.mean()).sum()) if len(begin) > 1 else 0.0
    drifts = spread > 0.0 and np.square(np.diff(begin)).sum() / spread < 2.0 - 4.0 / math.sqrt(len(begin))
    order = "the DataLoader does not shuffle, and the loss drifts from the first batches on as their order explains"
    return f"; {order}: write shuffle=True" if drifts else ""


def _used_all_rates(test: "RangeTest", length: int) -> bool:
    return length == test.schedule.steps + 1


def _standard_error(losses: Floats, beta: float) -> float:
    """Of a smoothed loss.

    The noise of one loss is estimated from second differences, which a curve's slope does not enter, by their median,
    which a few leaps do not enter. It is taken to be independent from update to update: where it is not, as that of a
    loss that drifts, it is underestimated, and the drift believed.
    """
    noise = float(np.median(np.abs(np.diff(losses, 2)))) / (0.6745 * math.sqrt(6.0))
    return noise * (1.0 - beta) / (1.0 + beta) * math.sqrt((1.0 + beta**2) / (1.0 - beta**2))
