"""Schedules of cosines and cycles, from the fields of a CosineAnnealingLR, CyclicLR or OneCycleLR."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from torch.optim import lr_scheduler as pytorch

from stepsize.arguments import Number
from stepsize.pytorch.lr_scheduler.replay import Replay
from stepsize.schedules import Constant, Cosine, Exponential, Function, Knots, Linear, Schedule, Triangle


def holds_its_end(scheduler: pytorch.LRScheduler) -> bool:
    """Whether it is a class of this package that holds its last rate; PyTorch's go on."""
    return getattr(scheduler, "past_end", "torch") == "hold"


def annealed(scheduler: pytorch.CosineAnnealingLR, index: int) -> Schedule:
    """From the base rate to `eta_min`, and, in PyTorch's class, back, and so on."""
    start, low = float(scheduler.base_lrs[index]), Number()("CosineAnnealingLR", "eta_min", scheduler.eta_min)
    steps = Number(above=0.0)("CosineAnnealingLR", "T_max", scheduler.T_max)
    if holds_its_end(scheduler):
        return _through([(0.0, start), (steps, low)], "cosine")
    if steps != int(steps):
        return Function(Replay(scheduler, index))
    return (Cosine(start, low, int(steps)) >> Cosine(low, start, int(steps))).repeat(math.inf)


def cyclic(scheduler: pytorch.CyclicLR, index: int) -> Schedule:
    """From the group's lowest rate to its highest and back, and so on."""
    low, high = float(scheduler.base_lrs[index]), float(scheduler.max_lrs[index])
    up, size = scheduler.total_size * scheduler.step_ratio, scheduler.total_size
    ups, downs = round(up), round(size - up)
    if scheduler._scale_fn_custom is not None or abs(ups - up) + abs(ups + downs - size) > 1e-6:
        return Function(Replay(scheduler, index))
    triangle = Triangle(0.0, 1.0, ups, downs) if downs else Linear(0.0, 1.0, ups)
    cycles = triangle.repeat(math.inf, 0.5 if scheduler.mode == "triangular2" else 1.0)
    return low + (high - low) * (
        cycles * Exponential(1.0, scheduler.gamma) if scheduler.mode == "exp_range" else cycles
    )


def one_cycle(scheduler: Any, index: int) -> Schedule:
    """The phases of a OneCycleLR between the rates in the group."""
    group, phases, total = scheduler.optimizer.param_groups[index], scheduler._schedule_phases, scheduler.total_steps
    shape = "cosine" if scheduler._anneal_func_type == "cos" else "linear"
    points = [(0.0, float(group[phases[0]["start_lr"]]))]
    points += [(float(phase["end_step"]), float(group[phase["end_lr"]])) for phase in phases]
    gone = max(i for i, (step, _) in enumerate(points) if step <= 0.0)
    points = points[gone:]  # phases that are over before step 0
    reached = 1 + next((i for i, (a, b) in enumerate(pairwise(points)) if b[0] <= a[0]), len(points) - 1)
    points = points[:reached]  # a phase that would end before the one before it never begins
    way = _through(points, shape) if len(points) > 1 else Constant(points[0][1])
    if points[-1][0] > total - 1:
        way = way.head(total - 1)
    if not holds_its_end(scheduler):
        with suppress(ZeroDivisionError):  # PyTorch's takes one step beyond its end
            way = way.head(total) >> Constant(Replay(scheduler, index).jump(total))
    return way


def _through(points: Sequence[tuple[float, float]], shape: str) -> Schedule:
    """From point to point, by Linear or Cosine between whole steps, otherwise by knots; the first may lie before 0."""
    early = math.ceil(-points[0][0]) if points[0][0] < 0 else 0
    steps = [step + early for step, _ in points]
    if not early and all(step == int(step) for step in steps):
        kind = Cosine if shape == "cosine" else Linear
        phases: Iterable[Schedule] = (
            kind(here[1], there[1], int(there[0] - here[0])) for here, there in pairwise(points)
        )
        whole, *others = phases
        for phase in others:
            whole = whole >> phase
        return whole
    knots = Knots(tuple(zip(steps, (value for _, value in points), strict=True)), shape)
    return knots.tail(early) if early else knots
