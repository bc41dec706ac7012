"""Schedules compared fairly: means over seeds, differences seed by seed, their intervals, and a verdict in words.

Everything here is a function of values: the result in a metric by schedule and seed.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from stepsize.errors import quoted
from stepsize.lab.statistics.differences import LEVEL, Difference, Looks, holm, paired_difference, repeated_difference

if TYPE_CHECKING:
    from stepsize.lab.tasks.chance import Chance

Values = Mapping[str, Mapping[int, float]]
"""Schedule -> seed -> result in a metric."""
Verdict = Literal["first", "better", "worse", "higher", "lower", "small", "open", "unknown"]


@dataclass(frozen=True)
class Metric:
    """A number that a run ends with: its field in an `Epoch` or its name, its label, and which way is better.

    `higher_is_better` is None if that is not known; differences are then called higher or lower.
    """

    field: str
    label: str
    higher_is_better: bool | None = False


METRICS = (
    Metric("test_accuracy", "test accuracy", True),
    Metric("test_loss", "test loss"),
    Metric("train_loss", "train loss"),
)
"""The metrics in which runs are compared at their end, the most telling first."""

KNOWN = {each.field: each for each in (*METRICS, Metric("train_accuracy", "train accuracy", True))}
"""The metrics of points and epochs; others have names of the user's."""


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and its spread: the sample standard deviation, NaN for a single seed."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """The mean and the spread of some numbers; NaN if there are none, or one is NaN."""
        if not values or any(map(math.isnan, values)):
            return cls(math.nan, math.nan)
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan)

    def text(self, digits: int) -> str:
        """`0.8712`, or `0.8712 ± 0.0031`; `-` for NaN."""
        if math.isnan(self.mean):
            return "-"
        spread = "" if math.isnan(self.spread) else f" ± {self.spread:.{digits}f}"
        return f"{self.mean:z.{digits}f}{spread}"


@dataclass(frozen=True)
class Finding:
    """The results of one schedule in a metric, the difference to the first schedule, and what it means.

    `finished` and `diverged` count the runs. `difference` is None for the first schedule. `words` are sentences: the
    verdict (not for the first schedule), and warnings.
    """

    name: str
    value: Mean
    finished: int
    diverged: int
    difference: Difference | None
    verdict: Verdict
    words: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """The difference of the schedule `name` to the schedule `against`, and what it means."""

    name: str
    against: str
    difference: Difference
    verdict: Verdict


def findings(
    metric: Metric, values: Values, diverged: Mapping[str, int] | None = None, looks: Looks | None = None
) -> tuple[Finding, ...]:
    """The results of every schedule, compared with the first on the seeds for which both have a finite value.

    Args:
        metric: what the values are, such as `METRICS[0]`, the test accuracy.
        values: for each schedule its value for each seed.
        diverged: the number of diverged runs, which have no value; the findings mention them.
        looks: if seeds were added in rounds, the looks at them; the intervals then hold at every look, and there are no
            p-values.

    Example:
        >>> from stepsize.lab import findings
        >>> from stepsize.lab.statistics.findings import METRICS
        >>> accuracy = {"flat": {0: 0.80, 1: 0.82, 2: 0.81}, "cosine": {0: 0.84, 1: 0.86, 2: 0.86}}
        >>> findings(METRICS[0], accuracy)[1].words
        ('Better than "flat" by 0.043 (0.029 to 0.058).',)
    """
    finite = _finite(values)
    if not finite:
        return ()
    lost = {name: (diverged or {}).get(name, 0) for name in finite}
    means = {name: Mean.of(list(runs.values())) for name, runs in finite.items()}
    first, *others = finite
    found = [
        Finding(first, means[first], len(finite[first]), lost[first], None, "first", _warning(finite, lost, first))
    ]
    for name, difference in zip(others, _differences(finite, [(name, first) for name in others], looks), strict=True):
        verdict = _verdict(metric, difference, looks)
        words = (
            _judgement(verdict, difference, first, decimals(list(means.values())), looks),
            *_pairs(difference, finite, means, first, name),
            *_doubts(metric, verdict, difference, first, max(means[name].spread, means[first].spread), len(others)),
            *_warning(finite, lost, name),
        )
        found.append(Finding(name, means[name], len(finite[name]), lost[name], difference, verdict, words))
    return tuple(found)


def all_pairs(metric: Metric, values: Values, looks: Looks | None = None) -> tuple[Pair, ...]:
    """The difference of every schedule to each before it, on the seeds for which both have a finite value.

    `p_holm` is corrected for the number of pairs. With `looks` the intervals hold for all pairs at every look.

    Args:
        metric: what the values are.
        values: for each schedule its value for each seed.
        looks: if seeds were added in rounds, the looks at them.

    Example:
        >>> from stepsize.lab.statistics.findings import METRICS, all_pairs
        >>> accuracy = {"a": {0: 0.80, 1: 0.82}, "b": {0: 0.84, 1: 0.86}, "c": {0: 0.83, 1: 0.86}}
        >>> [(pair.name, pair.against) for pair in all_pairs(METRICS[0], accuracy)]
        [('b', 'a'), ('c', 'a'), ('c', 'b')]
    """
    finite = _finite(values)
    named = [(name, against) for place, name in enumerate(finite) for against in [*finite][:place]]
    return tuple(
        Pair(name, against, difference, _verdict(metric, difference, looks))
        for (name, against), difference in zip(named, _differences(finite, named, looks), strict=True)
    )


def _finite(values: Values) -> dict[str, dict[int, float]]:
    return {
        name: {seed: value for seed, value in runs.items() if math.isfinite(value)} for name, runs in values.items()
    }


def _differences(values: Values, named: Sequence[tuple[str, str]], looks: Looks | None) -> list[Difference]:
    """The difference of the first to the second of each two schedules, corrected for their number."""
    if looks is None:
        found = [paired_difference(values[name], values[against]) for name, against in named]
    else:
        error = (1 - LEVEL) / max(1, len(named))
        found = [repeated_difference(values[name], values[against], looks, error) for name, against in named]
    corrected = holm([each.p for each in found])
    return [replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True)]


def decimals(values: Sequence[Mean]) -> int:
    """The number of decimals, 3 to 6, that shows two digits of the lower quartile of the spreads."""
    spreads = [each.spread for each in values if each.spread > 0]
    small = float(np.quantile(spreads, 0.25)) if spreads else 0.001
    return min(6, max(3, 1 - math.floor(math.log10(small))))


def _verdict(metric: Metric, difference: Difference, looks: Looks | None) -> Verdict:
    low, high = difference.low, difference.high
    if math.isnan(low):
        return "unknown"
    if difference.p_holm < 1 - LEVEL if looks is None else not low <= 0 <= high:
        if metric.higher_is_better is None:
            return "higher" if low > 0 else "lower"
        return "better" if (low > 0) == metric.higher_is_better else "worse"
    return "small" if _is_small(difference, looks) else "open"


def _is_small(difference: Difference, looks: Looks | None) -> bool:
    margin = None if looks is None else looks.margin
    return margin is not None and max(-difference.low, difference.high) < margin


def _judgement(verdict: Verdict, difference: Difference, first: str, digits: int, looks: Looks | None) -> str:
    against, pairs, size = quoted(first), difference.pairs, f"{abs(difference.mean):.{digits}f}"
    if pairs == 0:
        return f"No seed has a result under both this and {against}, so they cannot be compared."
    if pairs == 1:
        return f"One seed says nothing about a difference to {against}: another seed may reverse it."
    if verdict == "unknown" and difference.spread == 0:
        same = f"differ from {against} by the same {size}" if difference.mean else f"have the same result as {against}"
        return f"All {pairs} seeds {same}: without a spread there is no interval."
    if verdict == "unknown" and difference.spread > 0:
        return "No look at the results has given an interval yet."
    if verdict == "unknown":
        return f"The differences to {against} are too large for an interval."
    if verdict == "small":
        ends = f"{difference.low:+z.{digits}f} to {difference.high:+z.{digits}f}"
        return f"The difference to {against} is smaller than the margin: {ends}."
    if verdict == "open":
        nor = f", nor shown to be smaller than {looks.margin:g}" if looks and looks.margin else ""
        return f"Not told apart from {against} by {pairs} seeds{nor}."
    low, high = sorted([abs(difference.low), abs(difference.high)])
    small = ", which is smaller than the margin" if _is_small(difference, looks) else ""
    return f"{verdict.capitalize()} than {against} by {size} ({low:z.{digits}f} to {high:z.{digits}f}){small}."


def _doubts(
    metric: Metric, verdict: Verdict, difference: Difference, first: str, spread: float, comparisons: int
) -> Iterator[str]:
    """Warnings about the verdict, in the same words for all schedules that they are about."""
    if verdict == "open" and difference.p < 1 - LEVEL:
        yield f"The interval excludes zero, but among {comparisons} comparisons chance does that too often."
    if verdict not in ("small", "unknown") and spread > abs(difference.mean):
        less = f"The difference to {quoted(first)} is smaller than the spread of the {metric.label} over seeds"
        yield f"{less}{'' if verdict == 'open' else ', and only the same seeds, compared in pairs, show it'}."


def _pairs(difference: Difference, values: Values, means: Mapping[str, Mean], first: str, name: str) -> list[str]:
    """A warning if the difference is over other runs than the means."""
    pairs, here, there = difference.pairs, len(values[name]), len(values[first])
    if not pairs or pairs == here == there:
        return []
    only, its = ("1 seed has", "its own") if pairs == 1 else (f"{pairs} seeds have", "theirs")
    opposite = (means[name].mean - means[first].mean) * difference.mean < 0
    return [
        f"Only {only} a result under both, and the difference is {its}; the means are over {here} "
        f"{'run' if here == 1 else 'runs'} here and {there} under {quoted(first)}"
        f"{', and say the opposite' if opposite else ''}."
    ]


def _warning(values: Values, diverged: Mapping[str, int], name: str) -> tuple[str, ...]:
    """A warning if the mean is over the runs that survived."""
    finished, lost = len(values[name]), diverged[name]
    if not lost:
        return ()
    if not finished:
        return (f"All {lost} runs diverged." if lost > 1 else "The run diverged.",)
    left_out = "is left out" if lost == 1 else "are left out"
    return (f"{lost} of {finished + lost} runs diverged and {left_out}: the mean of the others is too favourable.",)


@dataclass(frozen=True)
class Terms:
    """What pictures, tables and sentences about the runs of a comparison depend on, besides the runs.

    `names` are the schedules in order, with or without runs; the others are compared with the first. `seeds` were
    asked for; those of the runs if None. The runs are judged on samples, "test" or "held-out", and first on the
    `headline`, if a metric was named; `others` are further metrics that they logged. `chance` is the chance level on
    these samples, if it is known. `looks` are the looks at the results, if seeds are added in rounds.
    """

    names: tuple[str, ...] = ()
    seeds: int | None = None
    judged_on: str = "test"
    headline: Metric | None = None
    chance: "Chance | None" = None
    looks: Looks | None = None
    others: tuple[Metric, ...] = ()
