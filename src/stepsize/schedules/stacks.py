"""Schedules of one form under one formula: their numbers are taken out, and arrays of numbers put in."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any


def flattened(value: Any, kinds: tuple[type, ...]) -> tuple[Any, list[float]]:
    """The form of a schedule or field, and the numbers in it; schedules of other classes are part of the form."""
    if isinstance(value, int | float):
        return float, [value]
    if isinstance(value, kinds):
        names = tuple(field.name for field in fields(value))  # type: ignore[arg-type]
        items = [getattr(value, name) for name in names]
    elif isinstance(value, tuple):
        names, items = (), list(value)
    else:
        return value, []
    flat = [flattened(item, kinds) for item in items]
    return (type(value), names, tuple(form for form, _ in flat)), [each for _, numbers in flat for each in numbers]


def restored(form: Any, numbers: Iterator[Any]) -> Any:
    """A schedule of this form with these numbers, each of which may be an array."""
    if form is float:
        return next(numbers)
    if not isinstance(form, tuple):
        return form
    kind, names, forms = form
    items = [restored(each, numbers) for each in forms]
    if kind is tuple:
        return tuple(items)
    made = object.__new__(kind)
    for name, item in zip(names, items, strict=True):
        object.__setattr__(made, name, item)
    return made
