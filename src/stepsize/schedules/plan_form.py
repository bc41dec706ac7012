"""A plan as dictionaries and lists, in which a function of the caller's writes and reads each schedule."""

from collections.abc import Callable, Mapping
from typing import Any

from stepsize.errors import ArgumentError, FormatError, shown
from stepsize.schedules.assignment import Assignment, ConstantProduct, Course
from stepsize.schedules.base import Schedule
from stepsize.schedules.plan import Plan


def plan_form(plan: Plan, write: Callable[[Schedule], Any]) -> dict[str, Any]:
    """`{"relative": ..., "schedules": {name: entry}}`.

    An entry is what `write` makes of a schedule, or a dictionary with one of the keys "tuple", "list" (for each
    group), "groups" (by name) and "product with lr".
    """

    def course(given: Course) -> Any:
        if isinstance(given, ConstantProduct):
            return {"product with lr": given.product}
        return {"tuple": [write(each) for each in given]} if isinstance(given, tuple) else write(given)

    def entry(assignment: Assignment) -> Any:
        given, wrapped = assignment.as_given(course), {"list": "list", "named": "groups"}.get(assignment.form)
        return {wrapped: given} if wrapped else given

    return {"relative": plan.relative, "schedules": {key: entry(each) for key, each in plan.assignments.items()}}


def read_plan_form(form: Mapping[str, Any], read: Callable[[Any, str], Schedule]) -> Plan:
    """The plan of such a form; `read` gets what stands for a schedule, and its place in words."""

    def course(given: Any, place: str) -> Course:
        match given:
            case {"tuple": [*items], **rest} if not rest:
                return tuple(read(item, f"{place}[{index}]") for index, item in enumerate(items))
            case {"product with lr": product, **rest} if not rest:
                return ConstantProduct(product)
        return read(given, place)

    def entry(given: Any, place: str) -> Any:
        match given:
            case {"list": [*items], **rest} if not rest:
                return [course(item, f"{place}[{index}]") for index, item in enumerate(items)]
            case {"groups": Mapping() as items, **rest} if not rest:
                return {name: course(item, f"{place}[{name!r}]") for name, item in items.items()}
        return course(given, place)

    match form:
        case {"relative": None | bool() as relative, "schedules": Mapping() as schedules, **rest} if not rest:
            try:
                entries = {str(key): entry(given, str(key)) for key, given in schedules.items()}
                return Plan.of("Plan", entries, relative)
            except ArgumentError as error:
                raise FormatError(str(error)) from None
    raise FormatError(f'a plan in JSON has "relative" and "schedules", got {shown(dict(form), 200)}')
