"""The rule of schedules by their names. It needs no PyTorch, so that a mistyped schedule is refused at once."""

from collections.abc import Callable, Mapping
from typing import Any

from stepsize.errors import ArgumentError, ParseError, StepsizeError, gathered, raise_together
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.plan_text import parse_either

NamedSchedules = tuple[tuple[str, str | Schedule | Plan], ...]

_EXAMPLE = {"schedules": {"cosine": "Cosine(0.2, 0.02, 1000)"}}


def named_schedules(owner: str, name: str, value: Any) -> NamedSchedules:
    """The rule of named schedules: a mapping, or pairs, of names to texts or schedules."""
    items = [*value.items()] if isinstance(value, Mapping) else value
    if not isinstance(items, tuple | list) or not all(isinstance(each, tuple) and len(each) == 2 for each in items):
        raise ArgumentError(owner, name, "schedules by their names", value, "write e.g. {schedules}", **_EXAMPLE)
    labels = [str(label).strip() for label, _ in items]
    pairs = [*zip(labels, (given for _, given in items), strict=True)]
    if not pairs:
        raise ArgumentError(owner, name, "at least one schedule", value, "write e.g. {schedules}", **_EXAMPLE)
    errors: list[StepsizeError] = []
    for label, given in pairs:
        with gathered(errors):
            _check_named(owner, f"{name}[{label!r}]", label, given)
    for label in dict.fromkeys(label for label in labels if labels.count(label) > 1):
        errors.append(ArgumentError(owner, name, "given different names", label))
    raise_together(errors)
    return tuple(pairs)


def _check_named(owner: str, name: str, label: str, given: Any) -> None:
    if not label or not label.isprintable():
        raise ArgumentError(owner, name, "a name of printable characters", label)
    if not isinstance(given, str | Schedule | Plan):
        number = isinstance(given, int | float) and not isinstance(given, bool)
        advice = f'write "Constant({given})" for a constant rate' if number else ""
        raise ArgumentError(owner, name, "a schedule or its text", given, advice)
    check_text(owner, name, given)


def check_text(owner: str, name: str, given: Any, parse: Callable[..., object] = parse_either) -> None:
    """Refuse a text that is not a schedule, whatever the lengths of the run are and whether functions are allowed."""
    try:
        _ = parse(given) if isinstance(given, str) else None
    except ParseError as error:
        if not error.settings.keys() & {"horizon", "functions"}:
            raise error.about(owner, name) from None
