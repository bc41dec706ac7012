"""Sums of any power of the rates, evaluated again and again for other powers."""

import numpy as np

from stepsize.laws.law import Floats, Integers

WIDTH = 0.02  # of the range of log eta in which updates count as one: sums are off by less than a part in 10^4


class SummedPowers:
    """S_theta(t) = sum_{k<=t} eta_k^theta at rising steps t, for any theta.

    Between two rows, neighbouring updates whose rates nearly agree count with the mean of log eta_k.
    """

    def __init__(self, rates: Floats, at: Integers) -> None:
        updates = np.flatnonzero(rates[: at[-1] + 1])
        logs = np.log(rates[updates])
        row, level = np.searchsorted(at, updates), np.floor(logs / WIDTH)
        begin = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(level, prepend=np.nan) != 0))
        self._rows = at.size
        self._row = row[begin]
        self._counts = np.diff(begin, append=updates.size)
        self._logs = np.add.reduceat(logs, begin) / self._counts

    def at(self, theta: float) -> Floats:
        """log S_theta of every row, and its derivative by theta, shape `(2, rows)`."""
        terms = self._counts * np.exp(theta * self._logs)
        sums = np.cumsum(np.bincount(self._row, terms, self._rows))
        slopes = np.cumsum(np.bincount(self._row, terms * self._logs, self._rows))
        return np.stack([np.log(sums), slopes / sums])
