"""What the page asks, and what each question is answered with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsize.curves import LossCurve
from stepsize.errors import StepsizeError
from stepsize.play.comparison import progress, report
from stepsize.play.copies import FORMS, copied
from stepsize.play.curves import curves
from stepsize.play.descents import descents
from stepsize.play.entries import WORDS
from stepsize.play.estimates import losses, ranking
from stepsize.play.examples import EXAMPLES, FIRST, OPTIMIZERS
from stepsize.play.state import MOST_SCHEDULES, Entry, State

SLOW = ("ranking", "losses", "descents", "copied", "report", "progress")
"""The questions that load SciPy, matplotlib, PyTorch or another tool, or that compute for longer."""


@dataclass(frozen=True)
class Subject:
    """What the page is about: the state that it opens with, the curves of logs, the directory of a comparison."""

    state: State = State(tuple(map(Entry, FIRST)))
    runs: Sequence[LossCurve] = ()
    comparison: Path | None = None

    def answer(self, question: str, form: Any) -> dict[str, Any]:
        """The answer to a question about a state, which is `form` as JSON; `{"refused": ...}` if there is none."""
        try:
            return self._answer(question, form)
        except StepsizeError as error:
            return {"refused": error.message(WORDS)}
        except (MemoryError, RecursionError):
            return {"refused": "this needs more memory than the page allows"}

    def _answer(self, question: str, form: Any) -> dict[str, Any]:
        if question == "open":
            return self._opened(form)
        if question in ("report", "progress"):
            if self.comparison is None:
                raise StepsizeError("there is no comparison", "open one with: stepsize play DIR")
            return {"page": report(self.comparison)} if question == "report" else progress(self.comparison)
        state = State.of_json(form)
        match question:
            case "curves":
                return curves(state)
            case "ranking":
                return ranking(state)
            case "losses":
                return losses(state, self.runs)
            case "descents":
                return descents(state)
            case "copied":
                return copied(state)
        raise StepsizeError(f"the page has no question {question!r}")

    def _opened(self, address: Any) -> dict[str, Any]:
        """The state of an address, or the first state if it is empty or refused; and what the page can choose from."""
        from stepsize.descent import SURFACES
        from stepsize.plots.curves import line_style

        state, refused = self.state, ""
        try:
            if address:
                state = State.of_address(str(address))
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
            "runs": len(self.runs),
            "comparison": "" if self.comparison is None else self.comparison.name,
        }


def _stroke(style: dict[str, Any]) -> dict[str, Any]:
    """The colour and the dashes of a curve in pixels, as in the pictures of `stepsize.plots`."""
    dashes = () if style["linestyle"] == "solid" else style["linestyle"][1]
    return {"colour": style["color"], "dashes": [max(1, round(2 * each)) for each in dashes]}
