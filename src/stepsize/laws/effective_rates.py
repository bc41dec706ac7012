"""Effective rates: an update changes the direction of large weights less than that of small ones.

The squared size of the weights is measured as the rate N at which updates and weight decay would balance there. It
follows the rate with a delay:

    N_k = N_{k-1} exp(-D eta_k) + eta_k (1 - exp(-D eta_k)),    N_{-1} = N0,    e_k = eta_k N_k^-kappa
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg.blas import dtbsv
from scipy.sparse import csr_array

from stepsize.laws.law import Floats

NODES = 1000  # of a run, between which sizes and times are interpolated


def sizes(rates: Floats, decay: float, start: float) -> Floats:
    """N_k after every update."""
    fading = np.exp(-decay * rates)
    driven = -np.expm1(-decay * rates) * rates
    driven[0] += fading[0] * start
    return _recursion(fading, driven)


def by_rates(rates: Floats, size: Floats, decay: float, start: float, kappa: float, gradient: Floats) -> Floats:
    """The gradient by the rates, from the gradient by the effective rates and the sizes."""
    scale, fading = size**-kappa, np.exp(-decay * rates)
    by_size = -kappa * gradient * rates * scale / size
    # The adjoint of the recursion of N: the same recursion, backwards.
    later = _recursion(np.append(0.0, fading[:0:-1]), by_size[::-1])[::-1]
    before = np.append(start, size[:-1])
    return np.asarray(gradient * scale + later * (1.0 - fading + decay * fading * (rates - before)))


def _recursion(fading: Floats, driven: Floats) -> Floats:
    """x_k = fading_k x_{k-1} + driven_k, with x_{-1} = 0: a triangular system with two diagonals."""
    diagonals = np.ones((2, fading.size), order="F")
    diagonals[1, :-1] = -fading[1:]
    return np.asarray(dtbsv(1, diagonals, driven, lower=1, diag=1))


class EffectiveTimes:
    """The sizes and the intrinsic times S = sum e at nodes of several runs, for any kappa, D and N0.

    The nodes are steps that divide R = sum eta evenly, or all steps of a short run. Between nodes, log N and S are
    linear in R.
    """

    def __init__(self, runs: Sequence[Floats]) -> None:
        sums, squares, steps = [], [], []
        for rates in runs:
            total = np.append(0.0, np.cumsum(rates))
            nodes = np.arange(total.size)
            if rates.size > NODES:
                even = np.searchsorted(total, np.linspace(0.0, total[-1], NODES))
                nodes = np.unique([0, *even, rates.size])
            sums.append(total[nodes])
            squares.append(np.append(0.0, np.cumsum(rates**2))[nodes])
            steps.append(np.diff(nodes, prepend=-1))
        self._sums, self._first = sums, np.cumsum([0, *map(len, sums)])
        self._gone = np.concatenate([np.diff(each, prepend=0.0) for each in sums])
        square = np.concatenate([np.diff(each, prepend=0.0) for each in squares])
        self._rate = np.divide(square, self._gone, out=np.zeros_like(square), where=self._gone > 0)
        # Of the sum over the updates between two nodes, the share at the later one: each has the size after it.
        self._later = 0.5 + 0.5 / np.concatenate(steps)

    def between(self, run: int, sums: Floats) -> csr_array:
        """The matrix that interpolates values at the nodes to some sums of the rates of a run."""
        nodes = self._sums[run]
        before = np.clip(np.searchsorted(nodes, sums, "right") - 1, 0, nodes.size - 2)
        width = nodes[before + 1] - nodes[before]
        share = np.divide(sums - nodes[before], width, out=np.ones_like(sums), where=width > 0)
        values = np.stack([1.0 - share, share], axis=1).ravel()
        node = self._first[run] + np.stack([before, before + 1], axis=1).ravel()
        return csr_array((values, node, np.arange(0, node.size + 1, 2)), (sums.size, self._first[-1]))

    def at(self, kappa: float, decay: float, start: float) -> Floats:
        """log N^-kappa and S at the nodes, each with its derivatives by kappa, D and N0, shape `(2, nodes, 4)`."""
        first = self._first[:-1]
        fading = np.exp(-decay * self._gone)
        fading[first] = 0.0
        driven = (1.0 - fading) * self._rate
        driven[first] = start
        size = _recursion(fading, driven)
        by_decay = _recursion(fading, self._gone * fading * (self._rate - np.append(0.0, size[:-1])))
        by_start = np.zeros_like(size)
        by_start[first] = 1.0
        by_start = _recursion(fading, by_start)
        log_size = np.log(size)
        logs = np.stack([-kappa * log_size, -log_size, -kappa * by_decay / size, -kappa * by_start / size])
        slopes = np.exp(logs[0]) * np.stack([np.ones_like(size), *logs[1:]])
        earlier = np.roll(slopes, 1, axis=1)
        times = np.cumsum(self._gone * (earlier + self._later * (slopes - earlier)), axis=1)
        times -= np.repeat(times[:, first], np.diff(self._first), axis=1)
        return np.ascontiguousarray(np.stack([logs, times]).transpose(0, 2, 1))
