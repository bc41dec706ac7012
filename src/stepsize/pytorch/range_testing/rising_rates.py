"""The rates of a range test: one schedule for each parameter group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import Many, Number, refusal
from stepsize.errors import ArgumentError
from stepsize.pytorch.plan import Group, rate_of
from stepsize.schedules import Geometric, Linear, Schedule

Rate = float | Sequence[float]
SHAPES = {"geometric": Geometric, "linear": Linear}


@dataclass(frozen=True)
class RisingRates:
    """Each group's schedule, and the one that the others are spoken of by: the one that goes highest."""

    reference: Schedule
    groups: tuple[Schedule, ...]

    @classmethod
    def over(cls, groups: Sequence[Group], start_lr: Rate, end_lr: Rate, steps: int, shape: str) -> "RisingRates":
        """From `start_lr` to `end_lr`, both included, in so many updates: a range for each group, or one for all.

        Under one range the group with the highest base rate goes through it, and the others keep their ratio to it;
        a base rate is a group's `initial_lr`, else its `lr`.

        Raises:
            ArgumentError: a rate is not positive, a range goes down, or there are not as many as groups.
        """
        each = [_one_each(name, rate, len(groups)) for name, rate in (("start_lr", start_lr), ("end_lr", end_lr))]
        if (each[0] is None) != (each[1] is None):
            raise ArgumentError("range_test(start_lr=..., end_lr=...) must be two numbers, or a sequence of them each")
        if each[0] is not None and each[1] is not None:
            made = tuple(_rising(low, high, steps, shape) for low, high in zip(each[0], each[1], strict=True))
            return cls(max(made, key=lambda schedule: schedule(schedule.steps)), made)
        reference = _rising(start_lr, end_lr, steps, shape)
        bases = [max(_base(group), 0.0) for group in groups]
        highest = max(bases)
        ratios = [base / highest if highest > 0.0 else 1.0 for base in bases]
        return cls(reference, tuple(reference if ratio == 1.0 else ratio * reference for ratio in ratios))


def _one_each(name: str, rate: Any, groups: int) -> tuple[float, ...] | None:
    """The rates of a sequence, one for each group; None for what is no sequence."""
    if not isinstance(rate, list | tuple):
        return None
    rates: tuple[float, ...] = Many(Number(above=0.0))("range_test", name, rate)
    if len(rates) != groups:
        raise refusal("range_test", name, f"one rate for each of the {groups} parameter groups", rate)
    return rates


def _rising(start: Any, end: Any, steps: int, shape: str) -> Schedule:
    low = Number(above=0.0)("range_test", "start_lr", start)
    high = Number(above=0.0)("range_test", "end_lr", end)
    if low >= high:
        raise refusal("range_test", "start_lr", f"below end_lr, {high:g}", start, "the rate goes up")
    schedule: Schedule = SHAPES[shape](low, high, steps - 1)
    return schedule


def _base(group: Group) -> float:
    return float(group["initial_lr"]) if "initial_lr" in group else rate_of(group)
