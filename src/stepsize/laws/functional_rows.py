"""The functional scaling law at the rows of several runs, prepared for repeated evaluation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import vstack

from stepsize.laws.changes import Changes, Pairs
from stepsize.laws.effective_rates import EffectiveTimes
from stepsize.laws.law import Curves, Floats, Integers
from stepsize.laws.noise_memory import kept_noise

if TYPE_CHECKING:
    from stepsize.laws.functional_law import FunctionalLaw


class Prepared:
    """The rates of a run, and the changes of its effective rates."""

    def __init__(self, rates: Floats, effective: Floats) -> None:
        self.rates = rates
        self.sums = np.append(0.0, np.cumsum(rates))
        self.changes = Changes(effective, 0.0)

    def sums_at(self, times: Floats) -> Floats:
        """The sums of the rates at some sums of the effective rates."""
        return np.asarray(np.interp(times, np.append(0.0, self.changes.sums), self.sums))


class FunctionalRows:
    """The rows of several runs, each with the blocks of changes that count at its rows.

    Which updates a block has does not depend on the law, but their effective rates and their intrinsic time do.
    """

    def __init__(self, runs: Sequence[tuple[Prepared, Integers, Pairs]]) -> None:
        self._times = EffectiveTimes([run.rates for run, _, _ in runs])
        self._pairs = Pairs.joined([pairs for _, _, pairs in runs])
        rows, gaps, edges, rates, points, offset = [], [], [], [], [], 0
        for place, (run, at, pairs) in enumerate(runs):
            start = run.sums_at(run.changes.sums[at][pairs.row] - pairs.gap)
            steps, point = np.unique(np.concatenate([pairs.last, pairs.first - 1]), return_inverse=True)
            row = self._times.between(place, run.sums[at + 1])
            rows.append(row)
            gaps.append(row[pairs.row] - self._times.between(place, start))
            edges.append(self._times.between(place, run.sums[steps + 1]))
            rates.append(np.append(run.rates, 0.0)[steps])  # before the first step, 0
            points.append(point.reshape(2, -1) + offset)
            offset += steps.size
        self._rows, self._gaps, self._edges = vstack(rows), vstack(gaps), vstack(edges)
        self._rates = np.concatenate(rates)
        self._log_rates = np.log(self._rates, out=np.zeros_like(self._rates), where=self._rates > 0)
        self._after, self._before = np.concatenate(points, axis=1)

    @classmethod
    def of(cls, curves: Curves, law: "FunctionalLaw", spread: float) -> "FunctionalRows":
        """The rows of several runs, with blocks of changes of that `spread` at the effective rates of a law."""
        runs = [(Prepared(rates[: at[-1] + 1], law._effective(rates[: at[-1] + 1])), at) for rates, at in curves]
        return cls([(run, at, run.changes.pairs(at, spread)) for run, at in runs])

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
