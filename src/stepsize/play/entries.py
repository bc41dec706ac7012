"""What the text of an entry means: a schedule, or what another tool's config does."""

import math
from dataclasses import dataclass

from stepsize.errors import ParseError, StepsizeError
from stepsize.horizon import Horizon
from stepsize.interop.config_files import config_of
from stepsize.interop.frameworks import is_typed_config, meaning
from stepsize.interop.tool_schedule import Run
from stepsize.play.controls import Control, controls
from stepsize.play.state import Entry, PageWords, State
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.curve import shown_steps
from stepsize.schedules.dictionary import either_from_dict, is_saved
from stepsize.schedules.plan_text import parse_either, rate_of_plan

WORDS = PageWords()
FARTHEST = 10**12  # steps that are shown


@dataclass(frozen=True)
class Meaning:
    """The schedule of an entry, or else what is wrong with it; `tool` is the tool of a config."""

    entry: Entry
    schedule: Schedule | None = None
    tool: str = ""
    error: str = ""

    @property
    def label(self) -> str:
        """The name of the entry in legends and tables."""
        return self.entry.name or " ".join(self.entry.text.split())[:200]


@dataclass(frozen=True)
class Reading:
    """What all entries of a state mean in its run; `note` says what is wrong with the run."""

    meanings: tuple[Meaning, ...]
    horizon: Horizon | None = None
    note: str = ""

    @classmethod
    def of(cls, state: State) -> "Reading":
        horizon, note = None, ""
        try:
            horizon = state.horizon
        except StepsizeError as error:
            note = error.message(WORDS)
        return cls(tuple(meaning_of(entry, horizon) for entry in state.schedules), horizon, note)

    @property
    def shown(self) -> list[tuple[int, str, Schedule]]:
        """The schedules that are not hidden, each with its index and what sentences call it."""
        return [
            (index, each.entry.name or f"schedule {index + 1}", each.schedule)
            for index, each in enumerate(self.meanings)
            if each.schedule is not None and not each.entry.hidden
        ]

    def length(self, schedule: Schedule) -> int:
        """The steps to show: those of the run, or the schedule's own; of an endless one as many as of the longest."""
        if self.horizon is not None:
            return min(self.horizon.steps, FARTHEST)
        others = [each.schedule for each in self.meanings if each.schedule is not None]
        return min(shown_steps([schedule] if schedule.steps < math.inf else others), FARTHEST)


def meaning_of(entry: Entry, horizon: Horizon | None) -> Meaning:
    """What an entry means."""
    try:
        return Meaning(entry, *_read(entry.text, horizon))
    except StepsizeError as error:
        return Meaning(entry, error=error.message(WORDS))


def sliders(text: str, horizon: Horizon | None) -> list[Control]:
    """The controls of a text; of a config, those of the settings that its reader reads."""
    try:
        found = controls(text, is_config(text))
    except StepsizeError:
        return []
    if not is_config(text):
        return found
    before = _outcome(text, horizon)  # whoever reads a setting refuses a word in place of its number
    return [each for each in found if _outcome(f'{text[: each.start]}"?"{text[each.end :]}', horizon) != before]


def _outcome(config: str, horizon: Horizon | None) -> tuple[Schedule, str] | str:
    try:
        return _read(config, horizon)
    except StepsizeError as error:
        return str(error)


def is_config(text: str) -> bool:
    """Whether a text is JSON, a command line or a call of another tool, and no schedule."""
    return text.lstrip()[:1] in ("[", "{") or is_typed_config(text)


def _read(text: str, horizon: Horizon | None) -> tuple[Schedule, str]:
    if not text.strip():
        raise ParseError("there is no schedule yet", text, 0, "write e.g. Linear(0.3, 0, 1000)")
    if not is_config(text):
        return _rates(parse_either(text, horizon)), ""
    config = config_of(text)
    if is_saved(config):
        return _rates(either_from_dict(config)), ""
    found = meaning(config, Run("play", horizon))
    return found.rates, found.tool


def _rates(value: Schedule | Plan) -> Schedule:
    return value if isinstance(value, Schedule) else rate_of_plan("play", "text", value)
