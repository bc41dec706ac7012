"""The rates that a range test suggests by several rules, or the reason why it suggests none."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stepsize.curves.loss_curve import Floats

if TYPE_CHECKING:
    from stepsize.curves.range_test import RangeTest

DEFAULT = "tenth of minimum"  # the rule of `Suggestions.rate`
FEWEST = 10  # updates that a curve needs
_SURE = 7.5  # standard errors by which the loss must fall; about one in a hundred curves of pure noise does
_FLAT = 1e-3  # a loss that falls by a smaller fraction is flat
_BEGUN = 0.1  # the fraction of the descent that marks its beginning
_RISEN = 0.1  # the fraction of the descent by which the loss may rise again at a stable rate
_END = {"diverged": "diverges", "not finite": "is not finite", "end": "rises"}  # what the loss does beyond the curve


@dataclass(frozen=True)
class Suggestions:
    """The rates that a range test suggests, or the reason why it suggests none.

    x is the logarithm of the rate and s the smoothed loss, which is lowest at m; before, it has fallen by a tenth of
    its descent at b:

    - `steepest`: where ds/dx is lowest, between b and m;
    - `valley`: halfway, in x, from b to m;
    - `tenth_of_minimum`: a tenth of the rate at m;
    - `largest_stable`: the last rate before s rises from its lowest by a tenth of its descent: an upper bound.

    All are None if there is a `reason`.
    """

    steepest: float | None = None
    valley: float | None = None
    tenth_of_minimum: float | None = None
    largest_stable: float | None = None
    reason: str = ""

    @property
    def rate(self) -> float | None:
        """The suggested rate; the documentation shows how the rule was chosen."""
        return self.by_rule.get(DEFAULT)

    @property
    def by_rule(self) -> dict[str, float]:
        """The rates by the names of their rules; empty if there are none."""
        named = {
            "steepest": self.steepest,
            "valley": self.valley,
            "tenth of minimum": self.tenth_of_minimum,
            "largest stable": self.largest_stable,
        }
        return {rule: rate for rule, rate in named.items() if rate is not None}

    @property
    def disagreement(self) -> float:
        """The ratio of the highest to the lowest rate of the first three rules; NaN without suggestions."""
        rates = [rate for rule, rate in self.by_rule.items() if rule != "largest stable"]
        return max(rates) / min(rates) if rates else math.nan


def suggest(test: "RangeTest") -> Suggestions:
    """The result of `RangeTest.suggest`."""
    smooth = test.smoothed
    reason = _too_few(test, len(smooth)) or _no_descent(test, smooth)
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
    lowest = int(smooth.argmin())
    return float(smooth[: lowest + 1].max() - smooth[lowest])


def _too_few(test: "RangeTest", length: int) -> str:
    """Why there are too few updates for a curve; "" if there are enough."""
    updates, first = len(test.rates), test.schedule(0)
    if updates == 0:
        return "the first loss, before any update, is not finite; check the data and the loss"
    if updates < FEWEST and test.stopped == "end":
        return f"there are only {updates} updates; a curve takes at least {FEWEST}"
    if length >= FEWEST:
        return ""
    last = float(test.rates[length - 1])
    if last > 10.0 * first:  # these rates did no harm, so the first is not too high
        return (
            f"there are only {length} updates, from {first:g} to {last:g}, before the loss {_END[test.stopped]}; a "
            f"curve takes at least {FEWEST}, so take more steps"
        )
    if updates < FEWEST:
        how = "diverged" if test.stopped == "diverged" else "was not finite"
        return f"the loss {how} after {updates} updates; start below {first:g}"
    return f"the loss only rises, so the test started too high; start below {first:g}"


def _no_descent(test: "RangeTest", smooth: Floats) -> str:
    """Why the curve has no descent to a minimum, or one too near to the first rate; "" if it has."""
    descent, length = _descent(smooth), len(smooth)
    first, last, best = test.schedule(0), float(test.rates[length - 1]), float(test.rates[smooth.argmin()])
    used_all_rates = length == test.schedule.steps + 1
    if descent <= _FLAT * float(np.abs(smooth).max()):
        flat, check = f"the loss is flat from {first:g} to {last:g}", "check the model and the loss"
        if used_all_rates:
            return f"{flat}; end higher, or {check}"
        return f"{flat}, and beyond it {_END[test.stopped]}; take more steps, or {check}"
    if descent <= _SURE * _standard_error(test.losses[:length], test.smoothing):
        return "the loss falls by no more than its noise; use larger batches, accumulation, or several seeds"
    above_lowest = (smooth - smooth.min()) / descent
    if used_all_rates and above_lowest[-1] <= _RISEN < above_lowest[int(0.8 * length)]:
        return f"the loss was still falling at {test.rates[-1]:g}; end higher"
    if best / 10.0 < first:
        return f"the loss is lowest at {best:g}, and a tenth of that is below the first rate, {first:g}; start lower"
    return ""


def _order(test: "RangeTest") -> str:
    """A remark on a fixed order of the batches, if the losses drift while the rate is still too low to matter.

    The first quarter of the losses is tested by von Neumann's ratio q = sum (l_i - l_(i-1))^2 / sum (l_i - mean)^2:
    about 2 for batches in random order, with a standard error of 2 / sqrt(n), and less for a drift.
    """
    if not test.fixed_order:
        return ""
    begin = test.losses[: max(FEWEST, (int(test.schedule.steps) + 1) // 4)]
    spread = float(np.square(begin - begin.mean()).sum()) if len(begin) > 1 else 0.0
    drifts = spread > 0.0 and np.square(np.diff(begin)).sum() / spread < 2.0 - 4.0 / math.sqrt(len(begin))
    order = "the DataLoader does not shuffle, and the loss drifts with the order of the batches from the start"
    return f"; {order}: write shuffle=True" if drifts else ""


def _standard_error(losses: Floats, beta: float) -> float:
    """The standard error of a smoothed loss.

    The noise of one loss is estimated by the median of second differences, which neither a slope nor a few spikes
    change. It is taken to be independent between updates: if the loss drifts, it is underestimated.
    """
    noise = float(np.median(np.abs(np.diff(losses, 2)))) / (0.6745 * math.sqrt(6.0))
    return noise * (1.0 - beta) / (1.0 + beta) * math.sqrt((1.0 + beta**2) / (1.0 - beta**2))
