"""The changes of a rate, singly and in blocks of neighbours, so that few terms approximate a sum over all changes.

At step t, a law adds for every change k up to then a weight of the change times a smooth function of S(t) - S(k-1), and
perhaps of log eta_k. Neighbouring changes long before t hardly differ in either. A block of them counts as one change,
from the rate before its first to the rate after its last, at the means of S(k-1) and log eta_k weighted by the changes.

A block is small enough at t if (l + w)^2 + w^2 <= spread, where log eta_k ranges over l in the block, and S(k-1) over
w (S(t) - S(k-1)) at the end nearest to t. Each law derives the spread that a tolerance allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.laws.law import Floats, Integers

MOST_PAIRS = 2**20  # of a row and a block, held in memory at once
MOST_ROWS = 256
LOG_ZERO = -1e300  # stands for the logarithm of a rate of zero: a change from or to zero is in no block


@dataclass(frozen=True)
class Blocks:
    """Blocks of 2^j neighbouring changes each: ends, weighted means and extremes, shape `(blocks,)`."""

    rate_before: Floats  # before the first change
    rate_after: Floats  # after the last
    start: Floats  # the mean of S(k-1)
    log_rate: Floats
    least_log_rate: Floats
    most_log_rate: Floats
    first: Integers  # the step of the first change of the block
    last: Integers
    monotone: NDArray[np.bool_]

    def merged(self) -> "Blocks":
        """Blocks of twice the size; an odd last block is left out."""
        end = len(self.first) // 2 * 2
        a, b = (Blocks(**{name: field[place:end:2] for name, field in vars(self).items()}) for place in (0, 1))
        change = b.rate_after - a.rate_before
        monotone = a.monotone & b.monotone & ((a.rate_after > a.rate_before) == (b.rate_after > b.rate_before))
        share = np.divide(a.rate_after - a.rate_before, change, out=np.full(change.shape, 0.5), where=monotone)
        return Blocks(
            rate_before=a.rate_before,
            rate_after=b.rate_after,
            start=np.clip(share * a.start + (1.0 - share) * b.start, a.start, b.start),  # rounding may leave the two
            log_rate=share * a.log_rate + (1.0 - share) * b.log_rate,
            least_log_rate=np.minimum(a.least_log_rate, b.least_log_rate),
            most_log_rate=np.maximum(a.most_log_rate, b.most_log_rate),
            first=a.first,
            last=b.last,
            monotone=monotone,
        )


@dataclass(frozen=True)
class Pairs:
    """Which blocks count at which rows, shape `(pairs,)` each, and the number of rows; `gap` is S(t) - S(k-1) > 0."""

    row: Integers
    first: Integers  # the step of the first change of the block
    last: Integers
    rate_before: Floats
    rate_after: Floats
    log_rate: Floats
    gap: Floats
    rows: int

    def sum_rows(self, values: Floats) -> Floats:
        """The sum of the values of the pairs of every row, shape `(rows,)`."""
        return np.asarray(np.bincount(self.row, values, self.rows), dtype=np.float64)

    @classmethod
    def joined(cls, parts: list["Pairs"]) -> "Pairs":
        """The pairs of several curves, with the rows numbered consecutively."""
        offsets = np.cumsum([0, *(part.rows for part in parts)])
        row = np.concatenate([part.row + offset for part, offset in zip(parts, offsets, strict=False)])
        columns = ("first", "last", "rate_before", "rate_after", "log_rate", "gap")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
        return cls(row, **joined, rows=int(offsets[-1]))


class Changes:
    """The changes of the rates of one run; `sums` is S(t).

    `initial` is the rate before the first update: that of the first update, or 0 if the first update counts as a change
    from 0.
    """

    def __init__(self, rates: Floats, initial: float) -> None:
        self.sums = np.cumsum(rates)
        self._sums_before = np.concatenate([[0.0], self.sums[:-1]])
        steps = np.flatnonzero(np.diff(rates, prepend=initial))
        after = rates[steps]
        before = np.concatenate([[initial], rates])[steps]
        log_rate, log_before = (
            np.log(each, out=np.full(each.shape, LOG_ZERO), where=each > 0) for each in (after, before)
        )
        least, most = np.minimum(log_rate, log_before), np.maximum(log_rate, log_before)
        monotone = np.ones(steps.shape, np.bool_)
        level = Blocks(before, after, self._sums_before[steps], log_rate, least, most, steps, steps, monotone)
        self._levels = [level]
        while len(level.first) > 1:
            level = level.merged()
            self._levels.append(level)

    def pairs(self, at: Integers, spread: float) -> Pairs:
        """The blocks that count at each of the steps, a row each; a spread of 0 counts every change by itself."""
        reached, rows = self.sums[at], np.arange(len(at))
        levels = self._levels if spread > 0 else self._levels[:1]
        row, block = np.empty(0, np.int64), np.empty(0, np.int64)
        found: list[tuple[NDArray[Any], ...]] = []
        for depth in range(len(levels) - 1, -1, -1):
            level = levels[depth]
            # Blocks that no larger block contains: all at the top level, an odd last one below.
            size = len(level.first)
            alone = np.arange(0 if depth == len(levels) - 1 else size // 2 * 2, size)
            row = np.concatenate([row, np.repeat(rows, alone.size)])
            block = np.concatenate([block, np.tile(alone, len(at))])
            begun = level.first[block] <= at[row]
            row, block = row[begun], block[begun]
            gap = reached[row] - level.start[block]
            counts = self._small(level, block, reached[row], spread) if depth else gap > 0
            chosen = block[counts]
            found.append((
                row[counts], level.first[chosen], level.last[chosen], level.rate_before[chosen],
                level.rate_after[chosen], level.log_rate[chosen], gap[counts],
            ))  # fmt: skip
            row, block = np.repeat(row[~counts], 2), np.repeat(2 * block[~counts], 2)
            block[1::2] += 1
        row, first, last, before, after, log_rate, gap = (np.concatenate(each) for each in zip(*found, strict=True))
        return Pairs(row, first, last, before, after, log_rate, gap, len(at))

    def _small(self, level: Blocks, block: Integers, reached: Floats, spread: float) -> NDArray[np.bool_]:
        """Which blocks are monotone, over where the sums are `reached`, and of at most this spread."""
        first, last = self._sums_before[level.first[block]], self._sums_before[level.last[block]]
        gap = reached - last
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            width = (last - first) / gap
            slope = level.most_log_rate[block] - level.least_log_rate[block]
            small = (slope + width) ** 2 + width**2 <= spread
        return np.asarray(level.monotone[block] & (gap > 0) & small)

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
