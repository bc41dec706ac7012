"""The schedule that a law foresees the lowest loss of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from stepsize.arguments import NonNegative, Phase, Positive, Steps, checked
from stepsize.errors import ArgumentError, FitError
from stepsize.laws.families import FAMILIES, Room, best_member
from stepsize.laws.forecast import Fit
from stepsize.laws.law import Law
from stepsize.laws.multi_power import MultiPowerLaw
from stepsize.laws.rates import Floats
from stepsize.schedules import Knots, Schedule, Table

KNOTS = (12, 48, 192)
"""Ever finer: the rate is a straight line between so many steps, each stage beginning where the last one ended."""
DEEPEST = 30.0
"""A rate comes down to e^-30 of the way to the lowest that is allowed."""


@dataclass(frozen=True)
class Member:
    """The best member of a family, and what it is foreseen to lose against the best of all."""

    family: str
    schedule: Schedule
    final_loss: float
    excess: float


@dataclass(frozen=True)
class Design:
    """The best schedule under a law, its foreseen loss, and the best members of named families, best first.

    `compact` is the same schedule as a short text, for a configuration file: in few points, or the best member, where
    nothing better was found. `cautions` say in words where it goes beyond
    the runs that the law was learned from.
    """

    schedule: Table
    compact: Schedule
    final_loss: float
    members: tuple[Member, ...]
    cautions: tuple[str, ...]


@checked
def design(
    found: Fit | Law,
    peak_lr: Positive,
    steps: Steps,
    *,
    warmup_steps: Phase = 0,
    final_lr: NonNegative = 0.0,
    monotone: bool = True,
) -> Design:
    """The schedule of so many steps that the law foresees the lowest final loss of.

    After a linear warmup the rate lies between `final_lr` and `peak_lr`; it is a straight line between some two hundred
    steps, found from the law's exact final loss and its gradient, beginning with the best member of the families below
    or with what coarser knots led to. Within families of schedules that have names the same is done: warmup, stable,
    decay by its decay's length and shape, lines, cosines and powers, each by the rate that it ends at.

    The law is asked here for what it was perhaps never shown: train what it suggests before you believe it.

    Args:
        found: a fit, or a `MultiPowerLaw`. The momentum law has no best schedule: under it every fall pays.
        peak_lr: the highest rate; keep to that of the runs.
        steps: in all, warmup included.
        warmup_steps: from 0 to the peak in a straight line; keep to that of the runs.
        final_lr: the lowest rate that is allowed.
        monotone: after the warmup the rate never rises. Of rises a law knows little, and a search that may rise finds
            where it is wrong: look at the result twice.

    Raises:
        ArgumentError: the warmup takes all the steps, or `final_lr` is above `peak_lr`.
        FitError: the law is no `MultiPowerLaw`; or the peak is far from that of the runs.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, design
        >>> law = MultiPowerLaw(3.04, 0.525, 0.508, 364.0, 2.07, 0.583, 0.641)
        >>> best = design(law, 3e-4, 4000, warmup_steps=200)
        >>> best.members[0].family, best.members[0].excess < 0.01
        ('wsd, 1-sqrt', True)

    Reference: Luo et al., arXiv 2503.12811 (2025), who optimise schedules under their law.
    """
    law = found.law if isinstance(found, Fit) else found
    if not isinstance(law, MultiPowerLaw):
        raise FitError(
            "design needs a MultiPowerLaw: under the momentum law every fall of the rate pays, the later the more, and "
            "the best schedule is an accident of the bounds"
        )
    if warmup_steps >= steps - 1:
        raise ArgumentError("design", "warmup_steps", f"less than steps - 1 = {steps - 1}", warmup_steps)
    if final_lr > peak_lr:
        raise ArgumentError("design", "final_lr", f"at most peak_lr = {peak_lr:g}", final_lr)
    room = Room(steps, peak_lr, warmup_steps, final_lr)
    if isinstance(found, Fit):
        found.cautions([peak_lr])  # refuses a peak that is far from the runs, before the search
    members = sorted(((name, *best_member(name, law, room)) for name in FAMILIES), key=lambda member: member[2])
    _, plan, loss = members[0]
    compact: Schedule = plan
    for knots in _Search(law, room, monotone).from_member(plan):
        reached = law.final(knots, steps).loss
        if reached < loss:
            compact, loss = knots, reached
    table = Table(tuple(compact.sample(steps).tolist()))
    return Design(
        schedule=table,
        compact=compact,
        final_loss=loss,
        members=tuple(Member(*member, member[2] - loss) for member in members),
        cautions=found.cautions(table) if isinstance(found, Fit) else (),
    )


class _Search:
    """For the best schedule that is a straight line between knots.

    The rate at a knot is moved by its depth, rate = final + (peak - final) e^-depth.
    """

    def __init__(self, law: Law, room: Room, monotone: bool) -> None:
        self._law, self._room, self._monotone = law, room, monotone
        self._rise = np.linspace(0.0, room.peak_lr, room.warmup_steps + 1)[:-1]
        self._span = room.peak_lr - room.final_lr
        self._steps: Floats = np.arange(room.down, dtype=np.float64)

    def from_member(self, plan: Schedule) -> Iterator[Knots]:
        """Where the search ends: once begun with few knots, once with all of them at the rates of the member."""
        left = (plan(self._room.warmup_steps + self._steps) - self._room.final_lr) / (self._span or 1.0)
        depths = -np.log(np.clip(left, np.exp(-DEEPEST), 1.0))
        for counts in (KNOTS, KNOTS[-1:]):
            places, reached = self._steps, depths
            for count in counts:
                finer = _places(self._room.down, count)
                reached = self._descended(finer, np.interp(finer, places, reached))
                places = finer
            rates = self._rates(reached)
            points = [
                (self._room.warmup_steps + float(place), float(rate)) for place, rate in zip(places, rates, strict=True)
            ]
            yield Knots(((0.0, 0.0), *points) if self._rise.size else tuple(points))

    def _rates(self, depths: Floats) -> Floats:
        return np.asarray(self._room.final_lr + self._span * np.exp(-depths))

    def _descended(self, places: Floats, depths: Floats) -> Floats:
        """The depths of the knots at `places`, from where they are to the best."""
        before = np.clip(np.searchsorted(places, self._steps, side="right") - 1, 0, places.size - 2)
        share = (self._steps - places[before]) / (places[before + 1] - places[before])

        def value(depth: Floats) -> tuple[float, Floats]:
            knots = self._rates(depth)
            rates = knots[before] * (1.0 - share) + knots[before + 1] * share
            final = self._law.final(np.concatenate([self._rise, rates]))
            by_rate = final.gradient[self._rise.size :]
            by_knot = np.bincount(before, by_rate * (1.0 - share), places.size)
            by_knot += np.bincount(before + 1, by_rate * share, places.size)
            return final.loss, -(knots - self._room.final_lr) * by_knot

        return _lowest(value, depths, self._monotone)


def _places(down: int, count: int) -> Floats:
    """So many steps at most, half of them at even distances, half of them ever closer towards the end."""
    even = np.linspace(0.0, down - 1.0, min((count + 1) // 2, down))
    closer = down - 1.0 - np.geomspace(1.0, down, min(count // 2, down)) + 1.0
    return np.unique(np.concatenate([even, closer]).clip(0.0).round())


def _lowest(value: Callable[[Floats], tuple[float, Floats]], depths: Floats, monotone: bool) -> Floats:
    """The depths at the lowest value near these; never falling where `monotone`."""
    if not monotone:
        return np.asarray(_descent(value, depths).x)

    def of_falls(falls: Floats) -> tuple[float, Floats]:
        loss, slope = value(np.cumsum(falls))
        return loss, np.cumsum(slope[::-1])[::-1]

    return np.cumsum(_descent(of_falls, np.maximum(np.diff(depths, prepend=0.0), 0.0)).x)


def _descent(value: Callable[[Floats], tuple[float, Floats]], begin: Floats) -> Any:
    bounds = [(0.0, DEEPEST)] * begin.size
    options = {"gtol": 1e-7, "ftol": 1e-11}
    with threadpool_limits(1, "blas"):  # on so few numbers more threads only wait for each other
        return minimize(value, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
