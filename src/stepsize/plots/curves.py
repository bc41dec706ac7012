"""Labelled curves of schedules, and the colours and line styles that tell curves apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Instance, Length, Many
from stepsize.errors import ArgumentError
from stepsize.schedules import Schedule
from stepsize.schedules.curve import curve, shown_steps

Floats = NDArray[np.float64]
Schedules = Sequence[Schedule] | Mapping[str, Schedule]
FAR = 1e300  # beyond it, distances on a linear axis overflow
# Okabe and Ito's, without yellow and black, which vanish on light and on dark paper, plus grey.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
# Their number shares no divisor with that of the colours, so that 42 curves differ.
_LINES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.5)),
    (0, (7, 1.5, 1.5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (9, 1.5, 1, 1.5, 1, 1.5)),
    (0, (2.5, 1)),
)


def colour(index: int) -> str:
    """The colour of the curve of this index."""
    return COLOURS[index % len(COLOURS)]


def line_style(index: int) -> dict[str, Any]:
    """The colour and line style of the curve of this index, as keywords of `Axes.plot`."""
    return {"color": colour(index), "linestyle": _LINES[index % len(_LINES)], "linewidth": 1.8}


@dataclass(frozen=True)
class Curve:
    """Values over steps, with a label."""

    label: str
    x: Floats
    y: Floats


def printable(label: str) -> str:
    """A label with single blanks in place of line ends and characters that cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in label).split())


def curves_of(owner: str, schedules: Schedules, steps: int | None, labels: Sequence[str] | None = None) -> list[Curve]:
    """A curve for every schedule: over `steps` if given, else to its end, or as far as the longest of the others.

    The label is the one given, the mapping's key, or the schedule's text. Errors name arguments of `owner`.
    """
    if not isinstance(schedules, Iterable):
        advice = "write [schedule]" if isinstance(schedules, Schedule) else _advice_for(schedules)
        raise ArgumentError(owner, "schedules", "a sequence or a mapping of schedules", schedules, advice)
    values = Many(_schedule)(owner, "schedules", schedules.values() if isinstance(schedules, Mapping) else schedules)
    if labels is None:
        labels = list(schedules) if isinstance(schedules, Mapping) else [str(schedule) for schedule in values]
    elif isinstance(labels, str) or len(labels) != len(values):
        raise ArgumentError(owner, "labels", f"a sequence of {len(values)} texts, one for each schedule", labels)
    lengths = [shown_steps(values) if schedule.steps == np.inf else int(schedule.steps) for schedule in values]
    if steps is not None:
        lengths = [int(Length(1)(owner, "steps", steps))] * len(values)
    return [
        Curve(str(label), *curve(schedule, length))
        for label, schedule, length in zip(labels, values, lengths, strict=True)
    ]


def _schedule(owner: str, name: str, value: Any) -> Schedule:
    return Instance(Schedule, "a schedule", _advice_for(value))(owner, name, value)  # type: ignore[no-any-return]


def _advice_for(value: object) -> str:
    """What to write in place of something that is not a schedule."""
    if hasattr(value, "schedules"):
        return "a scheduler has scheduler.schedules"
    if hasattr(value, "get_last_lr"):
        return "write from_torch(scheduler), of stepsize.pytorch"
    return "write Function(f)" if callable(value) else "parse() makes one from a text"
