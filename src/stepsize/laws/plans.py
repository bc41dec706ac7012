"""Which runs followed one plan, so that one of them tells of the others what another seed would."""

from collections.abc import Sequence

import numpy as np

from stepsize.curves import LossCurve

DECAY, SAME = 0.1, 0.01
"""A rate has decayed that is this part of the peak lower; rates are the same that differ by less."""


def plans_of(runs: Sequence[LossCurve]) -> list[list[int]]:
    """The places of the runs of each plan, in order; a longer run at the same rates is of the same plan."""
    rates = [run.rates[: run.steps[-1] + 1] / run.peak_lr for run in runs]
    plans: list[list[int]] = []
    # The longest first: a short run may be the beginning of several, which are then apart already.
    for place in sorted(range(len(runs)), key=lambda place: -rates[place].size):
        for plan in plans:
            known = rates[plan[0]][: rates[place].size]
            if np.abs(rates[place] - known).max() <= SAME:
                plan.append(place)
                break
        else:
            plans.append([place])
    return sorted(sorted(plan) for plan in plans)


def decays(run: LossCurve) -> bool:
    """Whether the rate comes down after its peak."""
    used = run.rates[: run.steps[-1] + 1]
    return float(used[used.argmax() :].min()) <= (1.0 - DECAY) * float(used.max())
