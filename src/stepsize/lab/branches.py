"""Shared beginnings: which runs branch from which others, found from the values of their schedules.

Runs of one seed that get the same values at their first k steps are in the same state after k updates. They are trained
once up to there, as one of them, and the others branch from it.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import Constant, Plan

LONGEST = 3_000_000  # updates; runs that are longer stay apart, since their values are compared step by step
LEAST = 0.05  # of a run; a shorter beginning is not worth a checkpoint


class Branch(NamedTuple):
    """A run begins in the state of the run `parent` after `step` updates."""

    parent: int
    step: int


Branches = Mapping[int, Branch]
"""The runs that branch from others, by number."""


def shared_beginnings(specs: Mapping[int, RunSpec], begun: Collection[int] = ()) -> dict[int, Branch]:
    """Where to branch, so that no update is made twice; those that have `begun` continue from where they are.

    Each run branches from the one with which it shares most. A family of runs that leave one of them at several steps
    all branch from that one. Runs with feedback stay apart, since their rates do not depend on the step alone.

    Example:
        >>> from stepsize.lab import Experiment
        >>> from stepsize.lab.branches import shared_beginnings
        >>> cooldowns = {f"at {at}": f"Constant(0.1).cooldown({at}, 4)" for at in (4, 6, 8)}
        >>> specs = Experiment(cooldowns, batch_size=64).run_specs(256)
        >>> shared_beginnings(dict(enumerate(specs)))
        {2: Branch(parent=1, step=7), 0: Branch(parent=1, step=5)}
    """
    steps = min(spec.steps for spec in specs.values())
    if steps > LONGEST:
        return {}
    least = math.ceil(LEAST * steps)
    plans = {number: spec.plan for number, spec in specs.items() if spec.feedback is None}
    early = {plan: _values(plan, least).tobytes() for plan in set(plans.values())}
    families = defaultdict(list)
    for number, plan in plans.items():
        families[specs[number].seed, _form(plan), early[plan]].append(number)
    large = [family for family in families.values() if len(family) > 1]
    values = {plan: _values(plan, steps) for plan in {plans[number] for family in large for number in family}}
    found: dict[int, Branch] = {}
    for family in large:
        shared = _shared(values[plans[number]] for number in family)
        # First those that have begun, then the one that shares most with all others: the others branch from it.
        order = sorted(range(len(family)), key=lambda each: (family[each] not in begun, -shared[each].sum()))
        for place, each in enumerate(order):
            if place and family[each] not in begun:
                nearest = max(order[:place], key=shared[each].__getitem__)
                step = min(int(shared[each, nearest]), steps - 1)  # its last update makes the run one of its own
                if step >= least:
                    found[family[each]] = Branch(family[nearest], step)
    return found


def _form(plan: Plan) -> Plan:
    """What a plan schedules, without the values."""
    return plan.map(lambda _: Constant(0.0))


def _values(plan: Plan, steps: int) -> NDArray[np.int64]:
    """The bits of all values at each step (steps, schedules), computed one by one as in a training."""
    schedules = plan.schedules.values()
    values = [[schedule(step) for schedule in schedules] for step in range(steps)]
    return np.array(values, dtype=np.float64).view(np.int64)


def _shared(values: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The number of first steps at which two of the plans have the same values (plans, plans)."""
    rows = np.stack(list(values))
    differ = [np.any(row != rows, axis=2) for row in rows]
    return np.stack([np.where(each.any(axis=1), each.argmax(axis=1), rows.shape[1]) for each in differ])
