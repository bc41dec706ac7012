"""The schedule that a law foresees the lowest loss of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from stepsize.arguments import NonNegative, Phase, Positive, Steps, checked, refusal
from stepsize.errors import FitError
from stepsize.laws.families import FAMILIES, Room, best_member
from stepsize.laws.forecast import Fit
from stepsize.laws.law import Law
from stepsize.laws.multi_power import MultiPowerLaw
from stepsize.laws.rates import Floats
from stepsize.schedules import Knots, Schedule, Table

KNOTS = (12, 48, 192)
"""Ever finer: the rate is a straight line between so many steps, each stage beginning where the last one ended."""
DEEPEST = 16.0
"""A rate comes down to e^-16 of the way to the lowest that is allowed."""


@dataclass(frozen=True)
class Member:
    """The best member of a family, and what it is foreseen to lose against the best of all."""

    family: str
    schedule: Schedule
    loss: float
    excess: float


@dataclass(frozen=True)
class Design:
    """The best schedule under a law, its foreseen loss, and the best members of named families, best first.

    `knots` is the same schedule in few points, for a configuration file.
    """

    schedule: Table
    knots: Knots
    loss: float
    members: tuple[Member, ...]


@checked
def design(
    found: Fit | Law,
    steps: Steps,
    peak_lr: Positive,
    *,
    warmup_steps: Phase = 0,
    final_lr: NonNegative = 0.0,
    monotone: bool = True,
) -> Design:
    """The schedule of so many steps that the law foresees the lowest final loss of.

    After a linear warmup the rate lies between `final_lr` and `peak_lr`; it is a straight line between some two hundred
    steps, found from the law's exact final loss and its gradient. The same is done within families of schedules that
    have names: warmup, stable, decay by its decay's length and shape, lines, cosines and powers, each by the rate that
    it ends at.

    The law is asked here for what it was perhaps never shown: train what it suggests before you believe it.

    Args:
        found: a fit, or a `MultiPowerLaw`. The momentum law has no best schedule: under it every fall pays.
        steps: in all, warmup included.
        peak_lr: the highest rate; keep to that of the runs.
        warmup_steps: from 0 to the peak in a straight line.
        final_lr: the lowest rate that is allowed.
        monotone: after the warmup the rate never rises.

    Raises:
        ArgumentError: the warmup takes all the steps, or `final_lr` is above `peak_lr`.
        FitError: the law is no `MultiPowerLaw`; or the peak is far from that of the runs.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, design
        >>> law = MultiPowerLaw(3.04, 0.525, 0.508, 364.0, 2.07, 0.583, 0.641)
        >>> best = design(law, 4000, 3e-4, warmup_steps=200)
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
        raise refusal("design", "warmup_steps", f"less than steps - 1 = {steps - 1}", warmup_steps)
    if final_lr > peak_lr:
        raise refusal("design", "final_lr", f"at most peak_lr = {peak_lr:g}", final_lr)
    room = Room(steps, peak_lr, warmup_steps, final_lr)
    if isinstance(found, Fit):
        found.predict([peak_lr])  # which refuses a peak that is far from the runs
    members = [(name, *best_member(name, law, room)) for name in FAMILIES]
    knots = _best(law, room, monotone, min(members, key=lambda member: member[2])[1])
    table = Table(tuple(knots.sample(steps).tolist()))
    loss = law.final(table).loss
    order = sorted(members, key=lambda member: member[2])
    return Design(table, knots, loss, tuple(Member(*member, member[2] - loss) for member in order))


def _best(law: Law, room: Room, monotone: bool, begin: Schedule) -> Knots:
    """The best schedule that is a straight line between the finest knots, from one that is good already."""
    rise = np.linspace(0.0, room.peak_lr, room.warmup_steps + 1)[:-1]
    span = room.peak_lr - room.final_lr
    places = np.arange(room.down, dtype=np.float64)
    left = (begin(room.warmup_steps + places) - room.final_lr) / (span or 1.0)
    depths = -np.log(np.clip(left, np.exp(-DEEPEST), 1.0))
    for count in KNOTS:
        knots = np.unique(np.linspace(0, room.down - 1, min(count, room.down)).round())
        depths = _descended(law, room, rise, knots, np.interp(knots, places, depths), monotone)
        places = knots
    rates = room.final_lr + span * np.exp(-depths)
    points = [(room.warmup_steps + float(place), float(rate)) for place, rate in zip(places, rates, strict=True)]
    return Knots(((0.0, 0.0), *points) if room.warmup_steps else tuple(points))


def _descended(law: Law, room: Room, rise: Floats, places: Floats, depths: Floats, monotone: bool) -> Floats:
    """The depths, rate = final + (peak - final) e^-depth, of the knots at `places`, from where they are to the best."""
    span = room.peak_lr - room.final_lr
    steps = np.arange(room.down)
    before = np.clip(np.searchsorted(places, steps, side="right") - 1, 0, places.size - 2)
    share = (steps - places[before]) / (places[before + 1] - places[before])

    def value(depth: Floats) -> tuple[float, Floats]:
        knots = room.final_lr + span * np.exp(-depth)
        final = law.final(np.concatenate([rise, knots[before] * (1.0 - share) + knots[before + 1] * share]))
        by_rate = final.gradient[rise.size :]
        by_knot = np.bincount(before, by_rate * (1.0 - share), places.size)
        by_knot += np.bincount(before + 1, by_rate * share, places.size)
        return final.loss, -(knots - room.final_lr) * by_knot

    return _lowest(value, depths, monotone)


def _lowest(value: Callable[[Floats], tuple[float, Floats]], depths: Floats, monotone: bool) -> Floats:
    """The depths at the lowest value near these; never falling where `monotone`."""
    if not monotone:
        done = minimize(value, depths, jac=True, method="L-BFGS-B", bounds=[(0.0, DEEPEST)] * depths.size)
        return np.asarray(done.x)

    def of_falls(falls: Floats) -> tuple[float, Floats]:
        loss, slope = value(np.cumsum(falls))
        return loss, np.cumsum(slope[::-1])[::-1]

    falls = np.maximum(np.diff(depths, prepend=0.0), 0.0)
    done = minimize(of_falls, falls, jac=True, method="L-BFGS-B", bounds=[(0.0, DEEPEST)] * falls.size)
    return np.cumsum(done.x)
