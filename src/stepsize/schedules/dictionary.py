"""The JSON form: `to_dict` and `from_dict`, versioned and strict."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Annotated, Any

from stepsize.arguments import Flag, argument_name, listed, nearest, rules
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError, FormatError, StepsizeError, raise_together, shown
from stepsize.schedules.base import Schedule
from stepsize.schedules.function import Function
from stepsize.schedules.names import OPERATORS, SHAPES
from stepsize.schedules.plan import Plan
from stepsize.schedules.plan_form import plan_form, read_plan_form

VERSION = 1
_CLASSES: dict[str, type[Schedule]] = {item.__name__: item for item in (*SHAPES, *OPERATORS)}


def to_dict(value: Schedule | Plan) -> dict[str, Any]:
    """A schedule or a plan as strings, numbers, lists and dictionaries, ready for any strict JSON writer.

    Each schedule in it is `{"type": class, field: value, ...}`; an infinite value is left out.

    Raises:
        FormatError: it contains a function that is not given by name.

    Example:
        >>> to_dict(Linear(0.0, 0.3, 500))
        {'version': 1, 'type': 'Linear', 'start': 0.0, 'end': 0.3, 'steps': 500}
    """
    if isinstance(value, Plan):
        return {"version": VERSION, "type": "Plan", **plan_form(value, _written)}
    return {"version": VERSION, **_written(value)}


@checked
def from_dict(form: Mapping[str, Any], *, functions: Annotated[bool, Flag()] = False) -> Schedule:
    """The schedule that `to_dict` wrote.

    Args:
        form: the dictionary, or any other mapping, such as OmegaConf's.
        functions: read `Function`, which imports and runs the code it names when the schedule is called.

    Raises:
        FormatError: the version is unknown, or something is missing, unknown or of the wrong kind; says where.

    Example:
        >>> from_dict(to_dict(Cosine(0.2, 0.02, 10)))
        Cosine(0.2, 0.02, 10)
    """
    return _versioned(form, "schedule", lambda form: _read(form, "schedule", functions))  # type: ignore[no-any-return]


def plan_from_dict(form: Mapping[str, Any], functions: bool) -> Plan:
    """The plan that `to_dict` wrote."""

    def read(entry: Any, place: str) -> Schedule:
        schedule = _read(entry, place, functions)
        if isinstance(schedule, Schedule):
            return schedule
        raise FormatError(f"{place}: a schedule in JSON is a dictionary with a type, got {shown(schedule)}")

    def plan(form: dict[str, Any]) -> Plan:
        if form.pop("type", None) != "Plan":
            raise FormatError("this is not a Plan", "from_dict(form) reads a schedule")
        return read_plan_form(form, read)

    return _versioned(form, "plan", plan)  # type: ignore[no-any-return]


def is_saved(form: Any) -> bool:
    """Whether a value is a schedule or a plan in its JSON form."""
    return isinstance(form, Mapping) and {"version", "type"} <= form.keys()


def either_from_dict(form: Mapping[str, Any], functions: bool = False) -> Schedule | Plan:
    """The schedule or the plan that was saved in its JSON form."""
    return plan_from_dict(form, functions) if form["type"] == "Plan" else from_dict(form, functions=functions)


def _versioned(form: Any, what: str, read: Callable[[dict[str, Any]], Any]) -> Any:
    if not isinstance(form, Mapping):
        raise FormatError(f"a {what} in JSON is a dictionary, got {shown(form)}")
    if form.get("version") != VERSION or isinstance(form.get("version"), bool):
        raise FormatError(f'the "version" of a {what} in JSON must be {VERSION}, got {shown(form.get("version"))}')
    try:
        return read({key: form[key] for key in form if key != "version"})
    except RecursionError:
        raise FormatError("the dictionary is nested too deeply for a schedule") from None


def _written(value: Any) -> Any:
    if isinstance(value, Schedule):
        form: dict[str, Any] = {"type": type(value).__name__}
        for field in fields(value):  # type: ignore[arg-type]
            if getattr(value, field.name) != math.inf:
                form[argument_name(field.name)] = _written(getattr(value, field.name))
        return form
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    if callable(value):
        raise FormatError(f"{shown(value)} has no name to write", 'use Function("package.module:name")')
    return value


def _read(value: Any, place: str, functions: bool) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_read(item, f"{place}[{index}]", functions) for index, item in enumerate(value))
    if not isinstance(value, Mapping):
        if isinstance(value, float) and not math.isfinite(value):
            advice = "leave an endless length out" if value == math.inf else ""
            raise FormatError(f"{place}: JSON has no {value}", advice)
        return value
    if "type" not in value:
        raise FormatError(f'{place} lacks "type"')
    name = value["type"]
    if name == "Plan":
        raise FormatError(f"{place}: a Plan is not a schedule", "read it with Plan.from_dict")
    cls = _CLASSES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise FormatError(f"{place}: {shown(name)} is not a type of schedule", nearest(name, _CLASSES))
    if cls is Function and not functions:
        raise FormatError(f"{place}: Function runs your own code", "allow it with {functions}", functions=True)
    known = {argument_name(field.name): field for field in fields(cls)}  # type: ignore[arg-type]
    errors: list[StepsizeError] = [
        FormatError(f"{place}: {name} has no {shown(key)}", nearest(key, known) or listed(known))
        for key in value
        if key != "type" and key not in known
    ]
    given = {key: _read(item, f"{place}.{key}", functions) for key, item in value.items() if key in known}
    for key, field in known.items():
        if key not in given and field.default is MISSING:
            if not getattr(rules(cls)[key], "endless", False):
                errors.append(FormatError(f'{place}: {name} lacks "{key}"'))
            given[key] = math.inf
    raise_together(errors)
    try:
        return cls(**given)
    except ArgumentError as error:
        problems = [FormatError(f"{place}: {each}") for each in error.separated()]
    raise_together(problems)
