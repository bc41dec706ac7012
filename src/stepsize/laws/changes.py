"""The changes of a rate, singly and in blocks of neighbours, so that few terms approximate a sum over all changes.

At step t every earlier change k counts with g(u_k), u_k = log C - gamma log eta_k + log(S(t) - S(k-1)), and
g(u) = 1 - (1 + e^u)^-beta. Neighbouring changes long before t have nearly the same u: a block of them counts once, with
the means of log eta_k and S(k-1) weighted by the changes. `spread_for` bounds the error.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepsize.laws.law import Floats, Integers

MOST_PAIRS = 2**20  # of a row and a block, held in memory at once
MOST_ROWS = 256


@dataclass(frozen=True)
class Blocks:
    """Blocks of 2^j neighbouring changes each: sums, weighted means and extremes, shape `(blocks,)`."""

    change: Floats  # sum of eta_k - eta_{k-1}
    log_rate: Floats
    before: Floats  # S(k-1), the sum of the rates before the change
    least_log_rate: Floats
    most_log_rate: Floats
    first: Integers  # the step of the first change of the block
    last: Integers
    uniform: NDArray[np.bool_]  # all changes have one sign and no rate is zero, so the block may count as one

    def merged(self) -> "Blocks":
        """Blocks of twice the size; an odd last block is left out."""
        end = len(self.change) // 2 * 2
        a, b = (Blocks(**{name: field[place:end:2] for name, field in vars(self).items()}) for place in (0, 1))
        change = a.change + b.change
        uniform = a.uniform & b.uniform & (np.sign(a.change) == np.sign(b.change))
        share = np.divide(a.change, change, out=np.full(change.shape, 0.5), where=uniform)
        return Blocks(
            change=change,
            log_rate=share * a.log_rate + (1.0 - share) * b.log_rate,
            before=share * a.before + (1.0 - share) * b.before,
            least_log_rate=np.minimum(a.least_log_rate, b.least_log_rate),
            most_log_rate=np.maximum(a.most_log_rate, b.most_log_rate),
            first=a.first,
            last=b.last,
            uniform=uniform,
        )


@dataclass(frozen=True)
class Pairs:
    """Which blocks count at which rows, each with weight `change` and u = log C - gamma log_rate + log_gap.

    `log_gap` is log(S(t) - S(k-1)). `full` holds, for every row, the sum of the changes to a rate of zero after which
    some rate was positive: their bracket is 1.
    """

    row: Integers
    change: Floats
    log_rate: Floats
    log_gap: Floats
    full: Floats

    def u(self, c: float, gamma: float) -> Floats:
        """log(C eta_k^-gamma (S(t) - S(k-1))) of every pair."""
        return np.asarray(np.log(c) + self.log_gap - gamma * self.log_rate)

    def sum_rows(self, values: Floats) -> Floats:
        """The sum of change times value at every row, shape `(rows,)`."""
        return np.asarray(np.bincount(self.row, self.change * values, len(self.full)), dtype=np.float64)

    @classmethod
    def joined(cls, parts: list["Pairs"]) -> "Pairs":
        """The pairs of several curves, with the rows numbered consecutively."""
        offsets = np.cumsum([0, *(len(part.full) for part in parts)])
        rows = np.concatenate([part.row + offset for part, offset in zip(parts, offsets, strict=False)])
        columns = ("change", "log_rate", "log_gap", "full")
        return cls(rows, *(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


class Changes:
    """The changes of the rates of one run: `sums` is S(t), `total` the sum of the absolute changes."""

    def __init__(self, rates: Floats) -> None:
        self.sums = np.cumsum(rates)
        steps = np.flatnonzero(np.diff(rates)) + 1
        change, after, before = rates[steps] - rates[steps - 1], rates[steps], self.sums[steps - 1]
        self.total = float(np.abs(change).sum())
        log_rate = np.log(np.where(after > 0, after, 1.0))
        level = Blocks(change, log_rate, before, log_rate, log_rate, steps, steps, after > 0)
        self._levels = [level]
        while len(level.change) > 1:
            level = level.merged()
            self._levels.append(level)

    def pairs(self, at: Integers, spread: float) -> Pairs:
        """The blocks that count at each of the steps, a row each; for `spread` see `spread_for`, 0: no blocks."""
        reached, rows = self.sums[at], np.arange(len(at))
        levels = self._levels if spread > 0 else self._levels[:1]
        row, block = np.empty(0, np.int64), np.empty(0, np.int64)
        found: list[tuple[Integers, Floats, Floats, Floats]] = []
        full = np.zeros(len(at))
        for depth in range(len(levels) - 1, -1, -1):
            level = levels[depth]
            # Blocks that no larger block contains: all at the top level, an odd last one below.
            size = len(level.change)
            alone = np.arange(0 if depth == len(levels) - 1 else size // 2 * 2, size)
            row = np.concatenate([row, np.repeat(rows, alone.size)])
            block = np.concatenate([block, np.tile(alone, len(at))])
            begun = level.first[block] <= at[row]
            row, block = row[begun], block[begun]
            gap = reached[row] - level.before[block]
            if depth:
                counts = level.uniform[block] & (level.last[block] <= at[row])
                counts &= self._small(level, block, reached[row], spread)
            else:
                counts = level.uniform[block] & (gap > 0)
                to_zero = ~level.uniform[block] & (gap > 0)
                full += np.bincount(row[to_zero], level.change[block[to_zero]], len(at))
            chosen = block[counts]
            found.append((row[counts], level.change[chosen], level.log_rate[chosen], np.log(gap[counts])))
            row, block = np.repeat(row[~counts], 2), np.repeat(2 * block[~counts], 2)
            block[1::2] += 1
        columns = [np.concatenate(column) for column in zip(*found, strict=True)]
        return Pairs(columns[0], columns[1], columns[2], columns[3], full)

    def _small(self, level: Blocks, block: Integers, reached: Floats, spread: float) -> NDArray[np.bool_]:
        """Which blocks satisfy the bound of `spread_for` at the sums `reached`."""
        first, last = self.sums[level.first[block] - 1], self.sums[level.last[block] - 1]
        gap = reached - last
        with np.errstate(divide="ignore", invalid="ignore"):
            width = (last - first) / gap
        slope = level.most_log_rate[block] - level.least_log_rate[block]
        return (gap > 0) & ((slope + width) ** 2 + width**2 <= spread)

    def chunks(self, at: Integers, spread: float) -> Iterator[tuple[slice, Pairs]]:
        """The pairs of a few rows at a time, which bounds the memory."""
        if not at.size:
            return
        # The last step has the most pairs, give or take a few blocks.
        most = len(self.pairs(at[[at.argmax()]], spread).row)
        rows = max(1, min(MOST_ROWS, MOST_PAIRS // max(1, most)))
        for begin in range(0, len(at), rows):
            chunk = slice(begin, begin + rows)
            yield chunk, self.pairs(at[chunk], spread)


def bracket(u: Floats, beta: float) -> tuple[Floats, Floats, Floats]:
    """(1 + e^u)^-beta, log(1 + e^u) and e^u / (1 + e^u), which give g and its slope; u may be infinite."""
    x = np.exp(np.minimum(u, 700.0))
    log1p = np.maximum(np.log1p(x), u)
    return np.exp(-beta * log1p), log1p, x / (1.0 + x)


def spread_for(tolerance: float, beta: float, total: float) -> float:
    """The largest spread of blocks with which the sum over all changes is off by at most `tolerance`.

    In a block, let log eta_k range over l and S(k-1) over a width of w (S(t) - S(k-1)), at its end nearest to t. u then
    ranges over at most gamma l + w, and a mean of g over it differs from g at the mean of u by at most an eighth of
    that squared times the largest |g''| <= max(1, beta) g'max; the mean of u differs from u at the means of log eta_k
    and S(k-1) by at most w^2 / 8. As gamma < 1, a block is off by at most

        |change| g'max max(1, beta) ((l + w)^2 + w^2) / 8

    and blocks with (l + w)^2 + w^2 <= spread are off by total g'max max(1, beta) spread / 8 all together. The largest
    slope of g is g'max = (1 + 1/beta)^-(beta + 1), at e^u = 1/beta.
    """
    steepest = float(np.exp(-(beta + 1.0) * np.log1p(1.0 / beta)))
    slope = total * steepest * max(1.0, beta)
    return 8.0 * tolerance / slope if slope > 0 else np.inf
