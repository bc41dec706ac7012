"""A run before it is trained: its schedules, its seed, its length, and the beginning that it shares with others.

Runs of one seed that get the same values at their first k steps are in the same state after k updates. They are trained
once up to there, as one of them, and the others branch from it.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer

from stepsize.errors import ArgumentError
from stepsize.pytorch.plateau import Plateau
from stepsize.pytorch.scheduler import Scheduler
from stepsize.schedules import Constant, Plan, Schedule
from stepsize.store.run import Outcome

_LARGEST = float(np.finfo(np.float32).max)  # the largest rate that the weights' type can hold
_BLOCK = 65536  # steps that are checked at a time


@dataclass(frozen=True)
class RunSpec:
    """A run of an experiment, in `steps` updates over `epochs`.

    `schedule` is that of the rate, or a Plan. `weight_decay` is the experiment's own, which no Plan schedules too.
    `feedback` multiplies the rates.
    """

    name: str
    schedule: Schedule | Plan
    seed: int
    epochs: int
    steps: int
    weight_decay: Schedule | None = None
    feedback: Plateau | None = None

    @property
    def plan(self) -> Plan:
        """All that is scheduled in the run."""
        plan = self.schedule if isinstance(self.schedule, Plan) else Plan(lr=self.schedule)
        if self.weight_decay is None:
            return plan
        return Plan(**plan, weight_decay=self.weight_decay, relative=plan.relative)

    @property
    def text(self) -> str:
        """What is scheduled, as the store records it: the text of the schedule, and `with` that of any feedback."""
        return str(self.schedule) if self.feedback is None else f"{self.schedule} with {self.feedback}"

    @property
    def rate(self) -> Schedule:
        """The schedule of the rate."""
        rate: Schedule = self.plan["lr"]
        return rate

    def scheduler(self, optimizer: Optimizer) -> Scheduler:
        """The scheduler that writes the schedules into an optimizer that has the rate 1.

        Groups with different rates keep their ratios. If some groups decay their weights, the others still do not.
        """
        entries, decays = dict(self.plan), [bool(group.get("weight_decay")) for group in optimizer.param_groups]
        decay = entries.get("weight_decay")
        if isinstance(decay, Schedule) and any(decays) and not all(decays):
            entries["weight_decay"] = [decay if each else 0.0 for each in decays]
        shares = {float(group["lr"]) for group in optimizer.param_groups}
        relative = len(shares) > 1 if self.plan.relative is None else self.plan.relative
        return Scheduler(optimizer, relative=relative, feedback=self.feedback, **entries)

    def validate(self, factor: float = 1.0) -> None:
        """Evaluate the schedules at every step, so that an error is found before the training begins.

        The rates are multiplied by `factor`, the largest that `tune_peak` tries.

        Raises:
            ArgumentError: a value is negative, or larger than the weights' type can hold.
            StepError: one has no finite value at some step.
        """
        for name, schedule in self.plan.schedules.items():
            shared = name == "weight_decay" and self.weight_decay is not None
            argument = name if shared else f"schedules[{self.name!r}]"
            self._validate(argument, schedule, factor if name == "lr" else 1.0)

    def _validate(self, argument: str, schedule: Schedule, factor: float) -> None:
        for begin in range(0, self.steps, _BLOCK):
            values = factor * schedule(np.arange(begin, min(begin + _BLOCK, self.steps)))
            wrong = np.flatnonzero((values < 0.0) | (values > _LARGEST))
            if wrong.size:
                times = "" if factor == 1.0 else f", times {factor:g} (the largest factor of tune_peak),"
                rule = f"a schedule whose values{times} are from 0 to {_LARGEST:.1e}"
                step, value = begin + int(wrong[0]), float(f"{values[wrong[0]]:.4g}")
                advice = f"this is at step {step} of {self.steps}; bound it with .clip(low, high)"
                raise ArgumentError("Experiment", argument, rule, value, advice)


def specs_of(runs: Iterable[Outcome], specs: Sequence[RunSpec]) -> tuple[RunSpec, ...]:
    """The specs of the runs of a store, in the order of the store; a run is known by its name and its seed."""
    known = {(spec.name, spec.seed): spec for spec in specs}
    return tuple(known[run.name, run.seed] for run in runs)


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
    """
    steps = min(spec.steps for spec in specs.values())
    if steps > LONGEST:
        return {}
    least = math.ceil(LEAST * steps)
    plans = {number: spec.plan for number, spec in specs.items() if spec.feedback is None}
    early = {plan: _values(plan, least).tobytes() for plan in set(plans.values())}
    families = defaultdict(list)
    for number, plan in plans.items():
        form = plan.map(lambda _: Constant(0.0))  # what it schedules, without the values
        families[specs[number].seed, form, early[plan]].append(number)
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
