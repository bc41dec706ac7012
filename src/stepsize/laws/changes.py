"""The changes of a rate, alone and in blocks of neighbours, so that a sum over all of them can be had from few.

At step t every earlier change k counts with g(u_k), u_k = log C - gamma log eta_k + log(S(t) - S(k-1)), and
g(u) = 1 - (1 + e^u)^-beta. Neighbouring changes long before t have nearly the same u: a block of them counts once, with
the means of log eta_k and S(k-1) weighted by the changes. How large the error can be is said in `spread_for`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stepsize.laws.rates import Floats, Integers

MOST_PAIRS = 2**20
"""Of a row and a block, held at once: the memory does not grow with their product."""
MOST_ROWS = 256


@dataclass(frozen=True)
class Blocks:
    """Blocks of 2^j neighbouring changes each: sums, weighted means and extremes, shape `(blocks,)`."""

    change: Floats
    """Sum of eta_k - eta_{k-1}."""
    log_rate: Floats
    before: Floats
    """S(k-1), the sum of the rates before the change."""
    least_log_rate: Floats
    most_log_rate: Floats
    first_before: Floats
    last_before: Floats
    first: Integers
    """The step of the first change of the block, and of the last."""
    last: Integers
    whole: np.typing.NDArray[np.bool_]
    """All changes go one way and no rate is zero, so that the block may count as one."""

    def paired(self) -> "Blocks":
        """The blocks of twice as many; an odd last one is left out."""
        end = len(self.change) // 2 * 2
        a, b = slice(0, end, 2), slice(1, end, 2)
        change = self.change[a] + self.change[b]
        whole = self.whole[a] & self.whole[b] & (np.sign(self.change[a]) == np.sign(self.change[b]))
        share = np.divide(self.change[a], change, out=np.full(change.shape, 0.5), where=whole)
        return Blocks(
            change=change,
            log_rate=share * self.log_rate[a] + (1.0 - share) * self.log_rate[b],
            before=share * self.before[a] + (1.0 - share) * self.before[b],
            least_log_rate=np.minimum(self.least_log_rate[a], self.least_log_rate[b]),
            most_log_rate=np.maximum(self.most_log_rate[a], self.most_log_rate[b]),
            first_before=self.first_before[a],
            last_before=self.last_before[b],
            first=self.first[a],
            last=self.last[b],
            whole=whole,
        )


@dataclass(frozen=True)
class Pairs:
    """Which blocks count at which rows, each with weight `change` and u = log C - gamma log_rate + log_gap."""

    row: Integers
    change: Floats
    log_rate: Floats
    log_gap: Floats
    """log(S(t) - S(k-1))."""
    full: Floats
    """For every row, the changes to a rate of zero since which some rate was positive: they count as a whole."""

    def u(self, speed: float, gamma: float) -> Floats:
        """log(C eta_k^-gamma (S(t) - S(k-1))) of every pair, with C = speed."""
        return np.asarray(np.log(speed) + self.log_gap - gamma * self.log_rate)

    def summed(self, values: Floats) -> Floats:
        """The sum of change times value at every row, shape `(rows,)`."""
        return np.asarray(np.bincount(self.row, self.change * values, len(self.full)), dtype=np.float64)

    @classmethod
    def joined(cls, parts: list["Pairs"]) -> "Pairs":
        """The pairs of several curves, their rows numbered on."""
        offsets = np.cumsum([0, *(len(part.full) for part in parts)])
        return cls(
            np.concatenate([part.row + offset for part, offset in zip(parts, offsets, strict=False)]),
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("change", "log_rate", "log_gap", "full")
            ),
        )


class Changes:
    """The changes of the rates of one run."""

    def __init__(self, rates: Floats) -> None:
        self.sums = np.cumsum(rates)
        """S(t), shape `(steps,)`."""
        steps = np.flatnonzero(np.diff(rates)) + 1
        change, after, before = rates[steps] - rates[steps - 1], rates[steps], self.sums[steps - 1]
        self.total = float(np.abs(change).sum())
        """How far the rate has gone up and down in all."""
        log_rate = np.log(np.where(after > 0, after, 1.0))
        level = Blocks(
            change, log_rate, before, log_rate, log_rate, before, before, steps, steps, np.asarray(after > 0)
        )  # fmt: skip
        self._levels = [level]
        while len(level.change) > 1:
            level = level.paired()
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
            # Those that no larger block holds: all on the top, an odd last one below.
            size = len(level.change)
            alone = np.arange(0 if depth == len(levels) - 1 else size // 2 * 2, size)
            row = np.concatenate([row, np.repeat(rows, alone.size)])
            block = np.concatenate([block, np.tile(alone, len(at))])
            begun = level.first[block] <= at[row]
            row, block = row[begun], block[begun]
            gap = reached[row] - level.before[block]
            if depth:
                small = level.whole[block] & (level.last[block] <= at[row])
                small &= self._is_small(level, row, block, reached, spread)
            else:
                small = level.whole[block] & (gap > 0)
                ended = ~level.whole[block] & (gap > 0)
                full += np.bincount(row[ended], level.change[block[ended]], len(at))
            chosen = block[small]
            found.append((row[small], level.change[chosen], level.log_rate[chosen], np.log(gap[small])))
            row, block = np.repeat(row[~small], 2), np.repeat(2 * block[~small], 2)
            block[1::2] += 1
        columns = [np.concatenate(column) for column in zip(*found, strict=True)]
        return Pairs(columns[0], columns[1], columns[2], columns[3], full)

    def parts(self, at: Integers, spread: float) -> Iterator[tuple[slice, Pairs]]:
        """The pairs of some rows at a time, so that few are held at once."""
        if not at.size:
            return
        # Nowhere are there more than at the last step, up to a few blocks.
        most = len(self.pairs(at[[at.argmax()]], spread).row)
        rows = max(1, min(MOST_ROWS, MOST_PAIRS // max(1, most)))
        for begin in range(0, len(at), rows):
            part = slice(begin, begin + rows)
            yield part, self.pairs(at[part], spread)

    @staticmethod
    def _is_small(
        level: Blocks, row: Integers, block: Integers, reached: Floats, spread: float
    ) -> np.typing.NDArray[np.bool_]:
        gap = reached[row] - level.last_before[block]
        with np.errstate(divide="ignore", invalid="ignore"):
            width = (level.last_before[block] - level.first_before[block]) / gap
        slope = level.most_log_rate[block] - level.least_log_rate[block]
        return (gap > 0) & ((slope + width) ** 2 + width**2 <= spread)


def bracket(u: Floats, beta: float) -> tuple[Floats, Floats, Floats]:
    """(1 + e^u)^-beta, log(1 + e^u) and e^u / (1 + e^u), of which g and its slope are made; u may be infinite."""
    x = np.exp(np.minimum(u, 700.0))
    log1p = np.maximum(np.log1p(x), u)
    return np.exp(-beta * log1p), log1p, x / (1.0 + x)


def steepest(beta: float) -> float:
    """The largest slope of g: (1 + 1/beta)^-(beta + 1), where e^u = 1/beta."""
    return float(np.exp(-(beta + 1.0) * np.log1p(1.0 / beta)))


def spread_for(tolerance: float, beta: float, total: float) -> float:
    """How wide blocks may be so that the sum over all changes is off by at most `tolerance`.

    In a block, let log eta_k range over l and S(k-1) over a width of w (S(t) - S(k-1)), at its end nearest to t. u then
    ranges over at most gamma l + w, and a mean of g over it differs from g at the mean of u by at most an eighth of
    that squared times the largest |g''| <= max(1, beta) g'max; the mean of u differs from u at the means of log eta_k
    and S(k-1) by at most w^2 / 8. As gamma < 1, a block is off by at most

        |change| g'max max(1, beta) ((l + w)^2 + w^2) / 8

    and blocks with (l + w)^2 + w^2 <= spread are off by total g'max max(1, beta) spread / 8 all together.
    """
    slope = total * steepest(beta) * max(1.0, beta)
    return 8.0 * tolerance / slope if slope > 0 else np.inf
