"""Schedules compared fairly: means over seeds, differences seed by seed, their intervals, and what may be said of them.

Everything here is a function of values: what a metric came to, by schedule and seed.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats would take ten times as long to load

from stepsize.errors import quoted

LEVEL = 0.95
"""Of the intervals; a corrected p-value below 1 - LEVEL is called a difference."""
ROUNDING = 16 * 2.0**-52
"""Differences that differ by less than this, relative to the values, are equal but for rounding."""

Values = Mapping[str, Mapping[int, float]]
"""Schedule's name -> seed -> what a metric came to."""
Verdict = Literal["first", "better", "worse", "open", "unknown"]


@dataclass(frozen=True)
class Metric:
    """A number that a run ends with: its field in an epoch's record, its name, and which way is better."""

    field: str
    label: str
    higher_is_better: bool = False


METRICS = (
    Metric("test_accuracy", "test accuracy", True),
    Metric("test_loss", "test loss"),
    Metric("train_loss", "train loss"),
)
"""What is compared at the end of a run, the most telling first."""


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and its spread: the sample standard deviation, NaN for a single seed."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """The mean and the spread of some numbers; NaN where there are none, or one is not a number."""
        if not values or any(map(math.isnan, values)):
            return cls(math.nan, math.nan)
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan)

    def text(self, digits: int) -> str:
        """`0.8712`, or `0.8712 ± 0.0031`; `-` where there is no number."""
        if math.isnan(self.mean):
            return "-"
        spread = "" if math.isnan(self.spread) else f" ± {self.spread:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread}"


@dataclass(frozen=True)
class Difference:
    """The mean of `pairs` differences, its interval, and how often chance alone gives as large a one.

    `spread` is the standard deviation of the differences, `p_holm` is `p` corrected for the other comparisons.
    What so few pairs cannot tell is NaN.
    """

    pairs: int
    mean: float
    spread: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Finding:
    """What a metric came to under one schedule, the difference to the first schedule, and what may be said of it."""

    name: str
    value: Mean
    finished: int
    diverged: int
    difference: Difference | None
    """None for the first schedule."""
    verdict: Verdict
    words: tuple[str, ...]
    """Sentences: the verdict, and warnings."""


def findings(metric: Metric, values: Values, diverged: Mapping[str, int] | None = None) -> tuple[Finding, ...]:
    """A finding for every schedule, each against the first, on the seeds that both have a finite value for.

    `diverged` counts the runs that have no value because they diverged; they are told of, not averaged in.

    Example:
        >>> from stepsize.lab import METRICS, findings
        >>> accuracy = {"flat": {0: 0.80, 1: 0.82, 2: 0.81}, "cosine": {0: 0.84, 1: 0.86, 2: 0.86}}
        >>> findings(METRICS[0], accuracy)[1].words
        ('Better than "flat" by 0.043 (0.029 to 0.058).',)
    """
    finite = {
        name: {seed: value for seed, value in runs.items() if math.isfinite(value)} for name, runs in values.items()
    }
    if not finite:
        return ()
    lost = diverged or {}
    first = next(iter(finite))
    differences = [paired_difference(runs, finite[first]) for name, runs in finite.items() if name != first]
    corrected = holm([difference.p for difference in differences])
    judged = iter([replace(each, p_holm=p) for each, p in zip(differences, corrected, strict=True)])
    number = decimals([Mean.of(list(runs.values())) for runs in finite.values()])
    of_first = Mean.of(list(finite[first].values()))
    found = []
    for name, runs in finite.items():
        value = Mean.of(list(runs.values()))
        difference = None if name == first else next(judged)
        words: list[str] = []
        verdict: Verdict = "first"
        if difference is not None:
            verdict = _verdict(metric, difference)
            spread = max(value.spread, of_first.spread)
            judgement = _judgement(metric, verdict, difference, quoted(first), spread, len(differences), number)
            counts = len(runs), len(finite[first])
            pairs = _pairs(difference, value.mean - of_first.mean, counts, quoted(first))
            words += [judgement[0], *pairs, *judgement[1:]]
        words += _losses(len(runs), lost.get(name, 0))
        found.append(Finding(name, value, len(runs), lost.get(name, 0), difference, verdict, tuple(words)))
    return tuple(found)


def paired_difference(values: Mapping[int, float], first: Mapping[int, float]) -> Difference:
    """Student's t for pairs: the mean of the differences d at the seeds of both, and its 95% interval.

    With n pairs and s the standard deviation of d, the interval is mean(d) ± t s / sqrt(n), t the 97.5% point of
    Student's distribution with n - 1 degrees of freedom; p is the chance of so large a |mean(d)| sqrt(n) / s where
    there is no difference. One pair has no interval, nor have pairs that all differ by the same: NaN.

    Source: Student, "The probable error of a mean", 1908.

    Example:
        >>> from stepsize.lab.statistics import paired_difference
        >>> found = paired_difference({0: 0.84, 1: 0.86, 2: 0.86}, {0: 0.80, 1: 0.82, 2: 0.81})
        >>> print(f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f}), p = {found.p:.4f}")
        0.0433 (0.0290 to 0.0577), p = 0.0059
    """
    seeds = sorted(values.keys() & first.keys())
    if not seeds:
        return Difference(0, *[math.nan] * 6)
    ours, theirs = np.array([[values[seed], first[seed]] for seed in seeds], dtype=np.float64).T
    differences = ours - theirs
    n, mean = len(seeds), float(differences.mean())
    if n == 1:
        return Difference(1, mean, *[math.nan] * 5)
    with np.errstate(over="ignore"):
        spread = float(differences.std(ddof=1))
    if not math.isfinite(spread):  # its square is beyond the floats
        return Difference(n, mean, *[math.nan] * 5)
    if spread <= ROUNDING * float(max(np.abs(ours).max(), np.abs(theirs).max())):
        return Difference(n, mean, 0.0, *[math.nan] * 4)
    error = spread / math.sqrt(n)
    reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Difference(n, mean, spread, mean - reach, mean + reach, p, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for being several: each may be held against the level as if it were the only one.

    Of m values, p_1 <= ... <= p_m becomes p'_k = max over j <= k of min(1, (m - j + 1) p_j). NaN stays NaN and does
    not count.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Example:
        >>> from stepsize.lab.statistics import holm
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    corrected = [math.nan] * len(p_values)
    order = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    least = 0.0
    for rank, (p, index) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p))
        corrected[index] = least
    return corrected


def decimals(values: Sequence[Mean]) -> int:
    """How many decimals show two digits of a spread that is on the small side: 3 to 6.

    Example:
        >>> from stepsize.lab.statistics import Mean, decimals
        >>> decimals([Mean(0.87, 0.0031), Mean(0.88, 0.0052)])
        4
    """
    spreads = [each.spread for each in values if each.spread > 0]
    small = float(np.quantile(spreads, 0.25)) if spreads else 0.001
    return min(6, max(3, 1 - math.floor(math.log10(small))))


def _verdict(metric: Metric, difference: Difference) -> Verdict:
    if math.isnan(difference.p_holm):
        return "unknown"
    if difference.p_holm >= 1 - LEVEL:
        return "open"
    return "better" if (difference.mean > 0) == metric.higher_is_better else "worse"


def _judgement(
    metric: Metric,
    verdict: Verdict,
    difference: Difference,
    first: str,
    spread: float,
    comparisons: int,
    digits: int,
) -> list[str]:
    """The verdict in words, and what speaks against believing more than it says."""
    pairs, size = difference.pairs, f"{abs(difference.mean):.{digits}f}"
    spreads = f"The spread of the {metric.label} over seeds ({spread:.{digits}f}) is larger than the difference"
    if pairs == 0:
        return [f"No seed has a result under both this and {first}, so they cannot be compared."]
    if pairs == 1:
        return [f"One seed says nothing about a difference to {first}: another seed may turn it around."]
    if verdict == "unknown" and difference.spread == 0:
        return [
            f"All {pairs} seeds differ from {first} by the same {size}: without a spread, no interval can be given."
        ]
    if verdict == "unknown":
        return [f"The differences to {first} are too large for an interval."]
    words = []
    if verdict == "open":
        words.append(f"Not told apart from {first} by {pairs} seeds.")
        if difference.p < 1 - LEVEL:
            words.append(
                f"The interval leaves out zero, but among {comparisons} comparisons chance does that too often."
            )
        if spread > abs(difference.mean):
            words.append(f"{spreads} ({size}).")
        return words
    low, high = sorted([abs(difference.low), abs(difference.high)])
    words.append(f"{verdict.capitalize()} than {first} by {size} ({low:.{digits}f} to {high:.{digits}f}).")
    if spread > abs(difference.mean):
        words.append(f"{spreads}: only the same seeds, compared in pairs, show it.")
    return words


def _pairs(difference: Difference, of_means: float, counts: tuple[int, int], first: str) -> list[str]:
    """The warning of a difference over other runs than the means, of so many runs here and under the first schedule."""
    pairs, (here, there) = difference.pairs, counts
    if not pairs or pairs == here == there:
        return []
    only = (
        "Only 1 seed has a result under both, and the difference is its own"
        if pairs == 1
        else (f"Only {pairs} seeds have a result under both, and the difference is theirs")
    )
    opposite = ", and say the opposite" if of_means * difference.mean < 0 else ""
    return [
        f"{only}; the means are over {here} {'run' if here == 1 else 'runs'} here and {there} under {first}{opposite}."
    ]


def _losses(finished: int, diverged: int) -> list[str]:
    """The warning of a mean over survivors."""
    if not diverged:
        return []
    if not finished:
        return [f"All {diverged} runs diverged." if diverged > 1 else "The run diverged."]
    left_out = "is left out" if diverged == 1 else "are left out"
    return [f"{diverged} of {finished + diverged} runs diverged and {left_out}: the mean of the others flatters it."]
