"""A schedule in the forms to copy: its text, code, and configs of other tools."""

import importlib
import json
from collections.abc import Callable
from typing import Any

from stepsize.arguments import Choice
from stepsize.errors import StepsizeError
from stepsize.horizon import Horizon
from stepsize.interop import to_code
from stepsize.interop.frameworks import FRAMEWORKS, WRITTEN
from stepsize.play.entries import WORDS, Reading
from stepsize.play.state import State
from stepsize.schedules import Schedule, to_dict

_CODE = {"code": "python", "torch": "torch", "jax": "jax"}
_TITLES = {each.name: each.title for each in FRAMEWORKS}
FORMS = {
    "text": "Text",
    "python": "Python with stepsize",
    "json": "JSON",
    "code": "Python alone",
    "torch": "PyTorch",
    "jax": "JAX",
    **{name: _TITLES.get(name, name.upper()) for name in WRITTEN},
}
"""The titles of the forms by their names."""


def copied(state: State) -> dict[str, Any]:
    """The schedule that is copied in the form of the state; or why the form cannot have it."""
    try:
        form = Choice(tuple(FORMS))("play", "form", state.form)
        reading = Reading.of(state)
        chosen = reading.meanings[state.copied : state.copied + 1]
        if not chosen or chosen[0].schedule is None:
            raise StepsizeError("there is no schedule to copy", "choose one whose text can be read")
        return {"text": _written(chosen[0].schedule, form, reading.horizon), "error": ""}
    except StepsizeError as error:
        return {"text": "", "error": error.message(WORDS)}


def _written(schedule: Schedule, form: str, horizon: Horizon | None) -> str:
    match form:
        case "text":
            return str(schedule)
        case "python":
            return f"import stepsize as ss\n\nschedule = ss.parse({str(schedule)!r})"
        case "json":
            return json.dumps(to_dict(schedule), indent=2)
    if form in _CODE:
        return to_code(schedule, _CODE[form]).rstrip()
    source: Callable[[Schedule, Horizon | None], str]
    source = importlib.import_module(f"stepsize.interop.writers.{form}").source
    return source(schedule, horizon).rstrip()
