"""The functional scaling law at the rows of several runs, prepared for repeated evaluation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import vstack

from stepsize.laws.changes import Changes, Pairs
from stepsize.laws.effective_rates import EffectiveTimes
from stepsize.laws.law import Curves, Floats, Integers

if TYPE_CHECKING:
    from stepsize.laws.functional_law import FunctionalLaw


class FunctionalRows:
    """The rows of several runs, each with its rates, the changes of the effective ones, steps, and the blocks there.

    Which updates a block has does not depend on the law, but their effective rates and their intrinsic time do.
    """

    def __init__(self, runs: Sequence[tuple[Floats, Changes, Integers, Pairs]]) -> None:
        self._times = EffectiveTimes([rates for rates, *_ in runs])
        self._pairs = Pairs.joined([pairs for *_, pairs in runs])
        rows, gaps, edges, edge_rates, points, offset = [], [], [], [], [], 0
        for place, (rates, changes, at, pairs) in enumerate(runs):
            sums = np.append(0.0, np.cumsum(rates))
            start = np.interp(changes.sums[at][pairs.row] - pairs.gap, np.append(0.0, changes.sums), sums)
            steps, point = np.unique(np.concatenate([pairs.last, pairs.first - 1]), return_inverse=True)
            row = self._times.between(place, sums[at + 1])
            rows.append(row)
            gaps.append(row[pairs.row] - self._times.between(place, start))
            edges.append(self._times.between(place, sums[steps + 1]))
            edge_rates.append(np.append(rates, 0.0)[steps])  # before the first step, 0
            points.append(point.reshape(2, -1) + offset)
            offset += steps.size
        self._rows, self._gaps, self._edges = vstack(rows), vstack(gaps), vstack(edges)
        self._rates = np.concatenate(edge_rates)
        self._log_rates = np.log(self._rates, out=np.zeros_like(self._rates), where=self._rates > 0)
        self._after, self._before = np.concatenate(points, axis=1)

    @classmethod
    def of(cls, curves: Curves, law: "FunctionalLaw", spread: float) -> "FunctionalRows":
        """The rows of several runs, with blocks of changes of that `spread` at the effective rates of a law."""
        used = [(rates[: at[-1] + 1], at) for rates, at in curves]
        runs = [(rates, Changes(law._effective(rates), 0.0), at) for rates, at in used]
        return cls([(rates, changes, at, changes.pairs(at, spread)) for rates, changes, at in runs])

    def losses(self, law: "FunctionalLaw") -> tuple[Floats, Floats]:
        """The losses, shape `(rows,)`, and their derivatives by the ten parameters, shape `(rows, 10)`."""
        scales, times = self._times.at(law.kappa, law.D, law.N0)
        time, *time_by = (self._rows @ times).T
        gap, *gap_by = (self._gaps @ times).T
        log_scale, *log_scale_by = (self._edges @ scales).T
        log_rate = self._log_rates + log_scale
        weight = np.where(self._rates > 0, np.exp((law.p - 1.0) * log_rate), 0.0)

        def change(values: Floats) -> Floats:
            return np.asarray(values[self._after] - values[self._before])

        total = self._pairs.sum_rows
        kept, kept_by_c, kept_by_rho, memory = kept_noise(law.C, law.rho, gap)
        changed = change(weight)
        fall, noise = law.A * time**-law.alpha, total(changed * kept)
        columns = [
            np.ones(time.size),
            fall / law.A,
            -fall * np.log(time),
            noise,
            law.B * total(changed * kept_by_c),
            law.B * total(changed * kept_by_rho),
            law.B * total(change(weight * log_rate) * kept),
        ]
        for by_time, by_gap, by_scale in zip(time_by, gap_by, log_scale_by, strict=True):
            by_weight = change((law.p - 1.0) * weight * by_scale)
            of_noise = law.B * total(by_weight * kept + changed * memory * by_gap)
            columns.append(of_noise - law.alpha * fall / time * by_time)
        return law.L0 + fall + law.B * noise, np.stack(columns, axis=1)


def kept_noise(c: float, rho: float, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """G(x), the integral of the memory (1 + C u)^-rho from u = 0 to x, and its derivatives by C, rho and x."""
    b, log1p = rho - 1.0, np.log1p(c * x)
    kept = integral(rho, log1p)
    faded = 1.0 - b * kept  # (1 + C x)^(1 - rho)
    memory = faded / (1.0 + c * x)
    by_rho = (log1p * faded - kept) / max(b, 1e-300)
    small = b * log1p <= 1e-3
    u, y = log1p[small], b * log1p[small]
    by_rho[small] = -(u**2) * (0.5 - y * (1.0 / 3.0 - y * (0.125 - y / 30.0)))
    return kept / c, (x * memory - kept / c) / c, by_rho / c, memory


def integral(rho: float, log1p: Floats) -> Floats:
    """C G(x) = (1 - e^(-b log(1 + C x))) / b, with b = rho - 1, or log(1 + C x) at b = 0."""
    b = rho - 1.0
    return np.asarray(-np.expm1(-b * log1p) / b if b else log1p)
