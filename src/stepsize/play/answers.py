"""What the page asks, and what each question is answered with."""

from pathlib import Path
from typing import Any

from stepsize.arguments import Choice
from stepsize.descent import SURFACES
from stepsize.errors import StepsizeError, shown
from stepsize.interop.frameworks import FRAMEWORKS, WRITTEN
from stepsize.interop.writers.forms import written
from stepsize.play.curves import curves
from stepsize.play.descents import descents
from stepsize.play.entries import WORDS, Reading
from stepsize.play.estimates import losses, ranking
from stepsize.play.examples import EXAMPLES, OPTIMIZERS
from stepsize.play.state import MOST_SCHEDULES, State
from stepsize.play.subjects import Subject
from stepsize.plots.curves import line_style
from stepsize.sqlite_files import refuse_links
from stepsize.store import load_runs
from stepsize.store.database import FILE_NAME
from stepsize.store.run import COMPLETE

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


def progress(directory: Path) -> dict[str, Any]:
    """How far the comparison has come; `mark` changes with its store and its report."""
    outcomes = load_runs(directory).outcomes()
    done = sum(run.status in COMPLETE for run in outcomes)
    files = [file.stat() for name in (f"{FILE_NAME}*", "report.html") for file in sorted(directory.glob(name))]
    sentence = f"{done} of {len(outcomes)} runs have finished"
    return {"mark": repr([(each.st_size, each.st_mtime_ns) for each in files]), "progress": sentence}


def report(directory: Path) -> str:
    """The page of the report. Runs that have not ended are drawn as far as they have come."""
    from stepsize.lab.comparison import stored_experiment  # late: it loads PyTorch
    from stepsize.lab.report.content import ReportContent
    from stepsize.lab.report.html import content_page
    from stepsize.store import stored_runs

    finished = directory / "report.html"
    results = load_runs(directory)
    outcomes = results.outcomes()
    refuse_links(finished)
    if all(run.status in COMPLETE for run in outcomes) and finished.is_file():
        return finished.read_text("utf-8")
    content = ReportContent.of(results, stored_experiment(results), stored_runs(results))
    count = len(content.experiment.schedules)
    return content_page(content, f"Comparison of {count} schedule{'s' * (count > 1)}, under way")
