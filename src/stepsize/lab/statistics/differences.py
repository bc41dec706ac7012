"""Paired differences: two schedules at the same seeds, their interval and p-value, and the correction for several."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats would take ten times as long to load

LEVEL = 0.95  # of the intervals; a corrected p-value below 1 - LEVEL is called a difference
ROUNDING = 16 * 2.0**-52  # differences that vary by less than this, relative to the values, are equal but for rounding


@dataclass(frozen=True)
class Difference:
    """The mean of `pairs` differences, its interval from `low` to `high`, and its p-value.

    `spread` is the standard deviation of the differences, and `p_holm` is `p` corrected for the other comparisons.
    Numbers that need more pairs are NaN.
    """

    pairs: int
    mean: float
    spread: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_holm: float = math.nan


def paired_difference(values: Mapping[int, float], first: Mapping[int, float]) -> Difference:
    """Student's t for pairs: the mean of the differences d over the seeds of both, and its 95% interval.

    With n pairs and s the standard deviation of d, the interval is mean(d) ± t s / sqrt(n), where t is the 97.5% point
    of Student's distribution with n - 1 degrees of freedom; p is the probability of so large a |mean(d)| sqrt(n) / s if
    there is no difference. Interval and p are NaN for one pair, and for pairs that all differ by the same.

    Source: Student, "The probable error of a mean", 1908.

    Example:
        >>> from stepsize.lab.statistics.differences import paired_difference
        >>> found = paired_difference({0: 0.84, 1: 0.86, 2: 0.86}, {0: 0.80, 1: 0.82, 2: 0.81})
        >>> print(f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f}), p = {found.p:.4f}")
        0.0433 (0.0290 to 0.0577), p = 0.0059
    """
    seeds = sorted(values.keys() & first.keys())
    if not seeds:
        return Difference(0, math.nan)
    ours, theirs = np.array([[values[seed], first[seed]] for seed in seeds], dtype=np.float64).T
    differences = ours - theirs
    n, mean = len(seeds), float(differences.mean())
    if n == 1:
        return Difference(1, mean)
    with np.errstate(over="ignore"):
        spread = float(differences.std(ddof=1))
    if not math.isfinite(spread):  # its square is not a float
        return Difference(n, mean)
    if spread <= ROUNDING * float(max(np.abs(ours).max(), np.abs(theirs).max())):
        return Difference(n, mean, 0.0)
    error = spread / math.sqrt(n)
    reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Difference(n, mean, spread, mean - reach, mean + reach, p, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number: each can be compared with the level as if it were the only one.

    Of m values, p_1 <= ... <= p_m becomes p'_k = max over j <= k of min(1, (m - j + 1) p_j). NaN stays NaN and does
    not count.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Example:
        >>> from stepsize.lab.statistics.differences import holm
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
