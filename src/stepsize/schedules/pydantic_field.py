"""Schedules, plans and horizons as fields of pydantic's models, read from texts and dictionaries."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from stepsize.errors import FormatError, shown
from stepsize.horizon import Horizon
from stepsize.schedules.base import Schedule
from stepsize.schedules.dictionary import from_dict
from stepsize.schedules.plan import Plan
from stepsize.schedules.text import parse

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


def field_schema(cls: type[Schedule] | type[Plan]) -> "CoreSchema":
    """pydantic's schema of a field of this class; the context of a validation may have a horizon for units."""
    from pydantic_core import core_schema

    of_text, of_form = (Plan.parse, Plan.from_dict) if issubclass(cls, Plan) else (parse, from_dict)

    def validate(value: Any, info: core_schema.ValidationInfo[Any]) -> Any:
        if isinstance(value, str):
            value = of_text(value, (info.context or {}).get("horizon"))
        elif isinstance(value, Mapping) and not isinstance(value, Plan):
            value = of_form(value)
        if not isinstance(value, cls):
            raise FormatError(f"a {cls.__name__}, its text or its dictionary is needed, got {shown(value)}")
        return value

    forms: list[Any] = [core_schema.str_schema(), core_schema.dict_schema()]
    return core_schema.with_info_plain_validator_function(
        validate,
        json_schema_input_schema=core_schema.union_schema(forms),
        serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
    )


def horizon_schema(handler: "GetCoreSchemaHandler") -> "CoreSchema":
    """pydantic's schema of a Horizon: a mapping of its arguments, in which a schedule as the batch is a text."""
    from pydantic_core import core_schema

    def validate(value: Any, arguments: core_schema.ValidatorFunctionWrapHandler) -> Horizon:
        return value if isinstance(value, Horizon) else Horizon(**arguments(value))

    types = get_type_hints(Horizon) | {"batch": int | Schedule}
    form = core_schema.typed_dict_schema(
        {
            each.name: core_schema.typed_dict_field(
                handler.generate_schema(types[each.name]), required=each.default is MISSING
            )
            for each in fields(Horizon)
        },
        extra_behavior="forbid",
    )
    return core_schema.no_info_wrap_validator_function(
        validate,
        form,
        serialization=core_schema.plain_serializer_function_ser_schema(
            lambda horizon: {each.name: getattr(horizon, each.name) for each in fields(horizon)}, return_schema=form
        ),
    )
