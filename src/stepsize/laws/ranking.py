"""Schedules in the order of the convex bound, best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepsize.errors import ArgumentError
from stepsize.laws.convex import Bound, convex_bound
from stepsize.schedules import Schedule


@dataclass(frozen=True)
class Ranked:
    """A schedule in a ranking: its bound, and how many times that of the best it is."""

    name: str
    schedule: Schedule
    bound: Bound
    over_best: float


def rank(schedules: Sequence[Schedule] | Mapping[str, Schedule], steps: int | None = None) -> tuple[Ranked, ...]:
    """Schedules by `convex_bound`, the best first: each shape at its own best height, with no data at all.

    A ranking, no forecast: differences of the bound are no differences of a loss.

    Args:
        schedules: a sequence, or a mapping with names of yours.
        steps: how long they run; needed where one never ends, and where they differ in length.

    Raises:
        ArgumentError: there are none, one is no schedule, or they do not last as long as each other.

    Example:
        >>> from stepsize.laws import rank
        >>> [each.name for each in rank({"flat": Constant(0.1), "down": Linear(0.1, 0.0, 400)}, 400)]
        ['down', 'flat']
    """
    if isinstance(schedules, Schedule):
        raise ArgumentError("rank", "schedules", "a sequence or a mapping of schedules", schedules, "write [schedule]")
    named = schedules if isinstance(schedules, Mapping) else {str(each): each for each in schedules}
    if not named:
        raise ArgumentError("rank needs at least one schedule")
    for name, schedule in named.items():
        if not isinstance(schedule, Schedule):
            raise ArgumentError("rank", f"schedules[{name!r}]", "a schedule", schedule, "parse() makes one of a text")
    lengths = {schedule.steps for schedule in named.values()}
    if steps is None and len(lengths) > 1:
        shown = ", ".join(f"{length:g}" for length in sorted(lengths))
        raise ArgumentError(f"rank compares schedules over the same steps, and these last {shown}; write steps=1000")
    bounds = {name: convex_bound(schedule, steps) for name, schedule in named.items()}
    best = min(bound.value for bound in bounds.values())
    order = sorted(named, key=lambda name: bounds[name].value)
    return tuple(Ranked(name, named[name], bounds[name], bounds[name].value / best) for name in order)
