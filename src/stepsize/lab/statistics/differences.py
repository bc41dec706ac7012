"""Paired differences: two schedules at the same seeds, their interval and p-value, and the correction for several.

If seeds are added in rounds and the results are looked at again and again, the intervals hold at every look. Each look
spends a share of the error that grows with the seeds, so that all looks together make no more errors than one look at a
fixed number of seeds would. Everything here is a function of values.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
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


FIRST = 4  # seeds in the first round, or more if the experiment names more

_CELLS = 256  # of the distribution of an angle
_PARTS = 2**40  # of a right angle, one of which is a boundary
_PART = math.pi / 2 / _PARTS
_ANGLES = np.linspace(-math.pi / 2, math.pi / 2, 4097)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Looks:
    """The looks at the results of `seeds`, which were added in rounds.

    `sizes` are the numbers of seeds at the looks so far, and `most` is the largest that was planned. A difference of
    the headline metric that is smaller than `margin` does not matter; None if each difference does.
    """

    seeds: tuple[int, ...]
    sizes: tuple[int, ...]
    most: int
    margin: float | None = None


def first_size(seeds: int, most: int) -> int:
    """The number of seeds in the first round of an experiment that names `seeds`."""
    return max(seeds, min(FIRST, most))


def next_size(size: int, most: int) -> int:
    """The number of seeds after the next round: a third more, and at least two more."""
    return min(most, size + max(2, size // 3))


def repeated_difference(
    values: Mapping[int, float], first: Mapping[int, float], looks: Looks, error: float
) -> Difference:
    """The mean difference over the seeds of both, with an interval that holds at every look.

    At a look with n pairs of mean m and standard deviation s, the interval is m ± c s / sqrt(n), where c is the look's
    value of `boundaries`. All of these intervals contain the true difference with a probability of at least 1 - error,
    whatever decides when to stop. `low` and `high` are what they have in common, so that a decision is never taken
    back; a look that contradicts the earlier ones is left out. Both are NaN before the first look with two pairs, and
    as long as all pairs differ by the same. It has no p-value.

    The differences are assumed to be normally distributed. A seed without a value under both schedules is left out.

    Sources: Jennison and Turnbull, "Interim analyses: the repeated confidence interval approach", 1989; Lan and DeMets,
    "Discrete sequential boundaries for clinical trials", 1983, with the share size / most of the error.

    Example:
        >>> from stepsize.lab.statistics.differences import Looks, repeated_difference
        >>> first = {seed: 0.80 + 0.01 * seed for seed in range(6)}
        >>> better = {seed: value + 0.04 + 0.002 * (seed % 2) for seed, value in first.items()}
        >>> found = repeated_difference(better, first, Looks(tuple(first), sizes=(4, 6), most=20), error=0.05)
        >>> print(f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})")
        0.041 (0.039 to 0.043)
    """
    seen = list[tuple[int, Difference]]()
    for size in looks.sizes:
        among = {seed: values[seed] for seed in looks.seeds[:size] if seed in values}
        difference = paired_difference(among, first)
        if difference.pairs > (seen[-1][1].pairs if seen else 1):
            seen.append((size, difference))
    pairs, spent = [each.pairs for _, each in seen], [error * size / looks.most for size, _ in seen]
    low, high = -math.inf, math.inf
    for (_, each), boundary in zip(seen, boundaries(tuple(pairs), tuple(spent)), strict=True):
        reach = boundary * each.spread / math.sqrt(each.pairs)
        if reach > 0 and max(low, each.mean - reach) < min(high, each.mean + reach):
            low, high = max(low, each.mean - reach), min(high, each.mean + reach)
    if math.isinf(low):
        low = high = math.nan
    return replace(paired_difference(values, first), low=low, high=high, p=math.nan, p_holm=math.nan)


def boundaries(pairs: tuple[int, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    """The values c such that |t| > c at this or an earlier look has the probability `spent`, if there is no difference.

    t = sqrt(n) m / s is Student's statistic of n normally distributed differences. With S their sum and Q the sum of
    their squares, S / sqrt(Q) = sqrt(n) sin(angle) gives t = sqrt(n - 1) tan(angle). Q is independent of the angles at
    all looks so far (Basu, 1955), so that the angles are a Markov chain: one more difference d = sqrt(Q) tan(phi) turns
    S / sqrt(Q) = tan(a) into sin(phi + a) / cos(a), and sqrt(n) tan(phi) has Student's distribution with n degrees of
    freedom. The distribution of the angle is followed from one difference to the next, without what crossed a boundary.

    Args:
        pairs: the number of differences at each look, increasing, from 2 on.
        spent: the probability for each look, increasing, below 1.

    Source: the boundaries are those of Jennison and Turnbull, "Exact calculations for sequential t, chi-squared and F
    tests", 1991.

    Example:
        >>> from stepsize.lab.statistics.differences import boundaries
        >>> print(*(f"{c:.2f}" for c in boundaries((4, 6, 10, 20), (0.01, 0.015, 0.025, 0.05))))
        5.84 4.43 3.13 2.35
    """
    return _followed(pairs, spent)[0]


@lru_cache(maxsize=256)
def _followed(pairs: tuple[int, ...], spent: tuple[float, ...]) -> tuple[tuple[float, ...], Floats, Floats]:
    """The boundaries of these looks, and then the angles that are left and their probabilities."""
    if not pairs:
        return (), np.empty(0), np.empty(0)
    found, before, masses = _followed(pairs[:-1], spent[:-1])
    for n in range(pairs[-2] + 1 if found else pairs[0], pairs[-1] + 1):
        inside = partial(_inside, n, before, masses)
        last = math.pi / 2
        if n == pairs[-1]:  # the boundary, by bisection
            last = _PART * bisect_left(range(_PARTS), 1 - spent[-1], key=lambda at: inside(np.array([at * _PART]))[0])
        ends = np.linspace(0.0, last, _CELLS + 1)
        before, masses = (ends[1:] + ends[:-1]) / 2, np.diff(inside(ends))
    return (*found, math.sqrt(n - 1) * math.tan(last)), before, masses


def _inside(n: int, before: Floats, masses: Floats, angle: Floats) -> Floats:
    """The probability that no boundary was crossed before n differences, and that their |angle| is at most `angle`.

    `masses` are the probabilities of the angles `before` of n - 1 differences; there are none at the first look.
    """
    if not masses.size:
        return 2 * _turn(n - 1, angle) - 1
    a = np.arctan(math.sqrt(n - 1) * np.sin(before))[:, None]
    reach = np.arcsin(np.minimum(1.0, math.sqrt(n) * np.sin(angle) * np.cos(a)))
    back, forth, over = (np.interp(phi - a, _ANGLES, _turns(n - 1)) for phi in (-reach, reach, math.pi - reach))
    chances: Floats = masses @ (forth - back + 1 - over)
    return chances


def _turn(n: int, phi: Floats) -> Floats:
    """The probability that one more difference than n turns by at most phi."""
    probability: Floats = stdtr(n, math.sqrt(n) * np.tan(phi))
    return probability


@lru_cache(maxsize=64)
def _turns(n: int) -> Floats:
    return _turn(n, _ANGLES)
