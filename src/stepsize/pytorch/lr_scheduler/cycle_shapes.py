"""Schedules of cosines and cycles, from the fields of a CosineAnnealingLR, CyclicLR or OneCycleLR."""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import rshift
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
    points = [(0.0, float(group[phases[0]["start_lr"]]))]
    points += [(float(phase["end_step"]), float(group[phase["end_lr"]])) for phase in phases]
    rising, held = all(a[0] < b[0] for a, b in pairwise(points)), holds_its_end(scheduler)
    if not rising:  # a very small or large `pct_start`: a phase ends before it begins
        end = total - 1 if held or points[-2][0] == points[-1][0] else total  # PyTorch divides by 0 there
        return Function(Replay(scheduler, index)).head(end)
    way = _through(points, "cosine" if scheduler._anneal_func_type == "cos" else "linear")
    if held:
        return way
    (start, high), (end, low) = points[-2:]  # PyTorch's takes one step beyond its end
    return way.head(total) >> Constant(scheduler._anneal_func(high, low, (total - start) / (end - start)))


def _through(points: Sequence[tuple[float, float]], shape: str) -> Schedule:
    """From point to point, by Linear or Cosine between whole steps, otherwise by knots."""
    if not all(step == int(step) for step, _ in points):
        return Knots(tuple(points), shape)
    kind = Cosine if shape == "cosine" else Linear
    return reduce(rshift, (kind(a[1], b[1], int(b[0] - a[0])) for a, b in pairwise(points)))
