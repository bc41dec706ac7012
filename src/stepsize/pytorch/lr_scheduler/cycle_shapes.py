"""Schedules of cycles and phases, from the fields of a CyclicLR or OneCycleLR: of the rate, and of the momentum."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch.optim import lr_scheduler as torch_schedulers
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import refusal
from stepsize.schedules import Constant, Cosine, Exponential, Function, Knots, Linear, Schedule, Triangle

Point = tuple[float, float]
"""A step and the value there."""


def as_pytorch(scheduler: LRScheduler) -> bool:
    """Whether PyTorch's behaviour at and past the ends is meant."""
    return getattr(scheduler, "past_end", "torch") == "torch"


def through(points: Sequence[Point], shape: str) -> Schedule:
    """From point to point: by shapes of whole lengths where the steps are whole, else by knots.

    The first point may lie before step 0.
    """
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


def _whole(owner: str, name: str, size: float) -> int:
    if abs(size - round(size)) > 1e-6:
        raise refusal(owner, name, "a whole number", size)
    return round(size)


@dataclass(frozen=True)
class ThereAndBack:
    """A schedule of so many steps, also a fraction of them, forwards and backwards for ever, as a function."""

    way: Schedule
    steps: float

    def __call__(self, t: float) -> float:
        gone = math.fmod(t, 2.0 * self.steps)
        return self.way(min(gone, 2.0 * self.steps - gone))


def cycle_bounds(scheduler: torch_schedulers.CyclicLR, index: int) -> tuple[float, float]:
    """A group's lowest and highest rate."""
    lows = getattr(scheduler, "_lows", None) or scheduler.base_lrs
    return float(lows[index]), float(scheduler.max_lrs[index])


def unit_cycle(scheduler: torch_schedulers.CyclicLR) -> Schedule:
    """The cycles of a CyclicLR between 0 and 1."""
    up = scheduler.total_size * scheduler.step_ratio
    ups, downs = (
        _whole("CyclicLR", name, size)
        for name, size in (("step_size_up", up), ("step_size_down", scheduler.total_size - up))
    )
    if ups == 0:
        raise refusal("CyclicLR", "step_size_up", "at least 1", 0)
    triangle = Triangle(0.0, 1.0, ups, downs) if downs else Linear(0.0, 1.0, ups)
    own = scheduler._scale_fn_custom
    if own is not None:
        scale = Function(own) if scheduler.scale_mode != "cycle" else Function(OfCycle(own)).every(ups + downs)
        return triangle.repeat(math.inf) * scale
    if scheduler.mode == "exp_range":
        return triangle.repeat(math.inf) * Exponential(1.0, scheduler.gamma)
    return triangle.repeat(math.inf, 0.5 if scheduler.mode == "triangular2" else 1.0)


class OfCycle:
    """A function of the cycle as PyTorch counts them, from 1."""

    def __init__(self, function: Callable[[float], float]) -> None:
        self.function = function

    def __call__(self, cycle: float) -> float:
        return self.function(cycle + 1)


def corner_rates(scheduler: torch_schedulers.OneCycleLR, index: int) -> tuple[float, float, float]:
    """A group's first, highest and last rate, as they stand in the group."""
    group = scheduler.optimizer.param_groups[index]
    return float(group["initial_lr"]), float(group["max_lr"]), float(group["min_lr"])


def one_cycle(scheduler: Any, values: dict[str, float], ends: tuple[str, str]) -> Schedule:
    """The phases of a OneCycleLR, of the rate or of the momentum, between the named values."""
    phases, total = scheduler._schedule_phases, scheduler.total_steps
    shape = "cosine" if scheduler._anneal_func_type == "cos" else "linear"
    points = [(0.0, values[phases[0][ends[0]]])]
    points += [(float(phase["end_step"]), values[phase[ends[1]]]) for phase in phases]
    gone = max(i for i, (step, _) in enumerate(points) if step <= 0.0)
    points = points[gone:]  # phases that are over before step 0
    reached = 1 + next((i for i, (a, b) in enumerate(pairwise(points)) if b[0] <= a[0]), len(points) - 1)
    points = points[:reached]  # a phase that would end before the one before it never begins
    way = through(points, shape) if len(points) > 1 else Constant(points[0][1])
    if points[-1][0] > total - 1:
        way = way.head(total - 1)
    beyond = _one_step_beyond(scheduler, values, ends) if as_pytorch(scheduler) else None
    return way if beyond is None else way.head(total) >> Constant(beyond)


def _one_step_beyond(scheduler: Any, values: dict[str, float], ends: tuple[str, str]) -> float | None:
    """What PyTorch has at step `total_steps`, by the formula of a phase that is over; None where that divides by 0."""
    total, begin = scheduler.total_steps, 0.0
    for phase in scheduler._schedule_phases:
        end = phase["end_step"]
        if total <= end or phase is scheduler._schedule_phases[-1]:
            break
        begin = end
    if end == begin:
        return None
    z = (total - begin) / (end - begin)
    w = (1.0 - math.cos(math.pi * z)) / 2.0 if scheduler._anneal_func_type == "cos" else z
    return values[phase[ends[0]]] * (1.0 - w) + values[phase[ends[1]]] * w
