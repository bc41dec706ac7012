"""What the page asks, and what each question is answered with."""

from typing import Any

from stepsize.arguments import Choice
from stepsize.descent import SURFACES
from stepsize.errors import StepsizeError, shown
from stepsize.interop.frameworks import FRAMEWORKS, WRITTEN
from stepsize.interop.writers import written
from stepsize.play.comparison import progress, report
from stepsize.play.curves import curves
from stepsize.play.descents import descents
from stepsize.play.entries import WORDS, Reading
from stepsize.play.estimates import losses, ranking
from stepsize.play.examples import EXAMPLES, OPTIMIZERS
from stepsize.play.state import MOST_SCHEDULES, State
from stepsize.play.subjects import Subject
from stepsize.plots.curves import line_style

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


def answer(subject: Subject, question: str, form: Any) -> dict[str, Any]:
    """The answer to a question about a state, which is `form` as JSON; `{"refused": ...}` if there is none."""
    try:
        return _answer(subject, question, form)
    except StepsizeError as error:
        return {"refused": error.message(WORDS)}
    except (MemoryError, RecursionError):
        return {"refused": "this needs more memory than the page allows"}


def _answer(subject: Subject, question: str, form: Any) -> dict[str, Any]:
    if question == "open":
        return _opened(subject, str(form))
    if question in ("report", "progress"):
        if subject.comparison is None:
            raise StepsizeError("there is no comparison", "open one with: stepsize play DIR")
        return {"page": report(subject.comparison)} if question == "report" else progress(subject.comparison)
    state = State.of_json(form)
    match question:
        case "curves":
            return curves(state)
        case "ranking":
            return ranking(state)
        case "losses":
            return losses(state, subject.runs)
        case "descents":
            return descents(state)
        case "copied":
            return _copied(state)
    raise StepsizeError(f"the page does not know the question {shown(question)}")


def _opened(subject: Subject, address: str) -> dict[str, Any]:
    """The state of an address, or the first state if it is empty or refused; and what the page can choose from."""
    state, refused = subject.state, ""
    try:
        if address:
            state = State.of_address(address)
    except StepsizeError as error:
        refused = error.message(WORDS)
    return {
        "state": state.as_json(),
        "refused": refused,
        "examples": EXAMPLES,
        "forms": FORMS,
        "surfaces": {name: surface.text for name, surface in SURFACES.items()},
        "optimizers": OPTIMIZERS,
        "strokes": [_stroke(line_style(index)) for index in range(MOST_SCHEDULES)],
        "runs": len(subject.runs),
        "comparison": "" if subject.comparison is None else subject.comparison.name,
    }


def _stroke(style: dict[str, Any]) -> dict[str, Any]:
    """The colour and the dashes of a curve in pixels, as in the pictures of `stepsize.plots`."""
    dashes = () if style["linestyle"] == "solid" else style["linestyle"][1]
    return {"colour": style["color"], "dashes": [max(1, round(2 * each)) for each in dashes]}


def _copied(state: State) -> dict[str, Any]:
    """The schedule that is copied in the form of the state; or why the form cannot have it."""
    try:
        form = Choice(tuple(FORMS))("play", "form", state.form)
        reading = Reading.of(state)
        chosen = reading.meanings[state.copied : state.copied + 1]
        if not chosen or chosen[0].schedule is None:
            raise StepsizeError("there is no schedule to copy", "choose one whose text can be read")
        if form == "python":
            text = f"import stepsize as ss\n\nschedule = ss.parse({str(chosen[0].schedule)!r})"
        else:
            text = written(chosen[0].schedule, form, reading.horizon).rstrip()
        return {"text": text, "error": ""}
    except StepsizeError as error:
        return {"text": "", "error": error.message(WORDS)}
