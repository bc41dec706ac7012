"""Schedules written in other forms: their text, JSON, code, and the config of each tool."""

import importlib
import json
from typing import Any

from stepsize.interop.frameworks import WRITTEN
from stepsize.interop.tool_schedule import AnyHorizon
from stepsize.schedules import to_dict

LANGUAGES = {"code": "python", "jax": "jax", "python": "python", "torch": "torch"}
FORMS = ("text", "json", *LANGUAGES, *WRITTEN)


def written(value: Any, form: str, horizon: AnyHorizon = None) -> str:
    """A schedule in one of the `FORMS`, a plan in those that no tool has; ArgumentError if the form cannot have it."""
    if form == "text":
        return str(value)
    if form in LANGUAGES:
        from stepsize.interop.code import to_code  # late: the others do not need it

        return to_code(value, LANGUAGES[form])
    if form == "json":
        return json.dumps(to_dict(value), indent=2)
    writer = importlib.import_module(f"stepsize.interop.writers.{form}")
    if hasattr(writer, "source"):
        return str(writer.source(value, horizon))
    return json.dumps(getattr(writer, f"to_{form}")(value, horizon), indent=2)
