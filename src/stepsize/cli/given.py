"""What verbs that show, check and convert schedules are given: texts, saved schedules, and configs of other tools."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.arguments import Maybe, Number, Whole
from stepsize.cli.options import numeric
from stepsize.cli.schedules import EXAMPLE, horizon_of, length_of
from stepsize.cli.words import CommandLine
from stepsize.errors import ArgumentError, DataError, ParseError, StepsizeError, gathered, quoted, raise_together, shown
from stepsize.horizon import Horizon
from stepsize.interop.config_files import config_in, config_of
from stepsize.interop.frameworks import is_typed_config, meaning
from stepsize.interop.tool_schedule import EPOCHS, UPDATES, Run, ToolSchedule
from stepsize.schedules import Plan, Schedule, parse
from stepsize.schedules.dictionary import either_from_dict, is_saved
from stepsize.schedules.named_text import is_file_name, named
from stepsize.schedules.plan_text import parse_either, rate_of_plan

VERB = "check"  # whom errors of configs name

Texts = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]TEXT|FILE",
        help="Schedules, e.g. 'Linear(0, 0.3, 500) >> Cosine(0.3, 0, 9500)', or files with configs of other tools.",
    ),
]
ToolName = Annotated[
    str | None,
    typer.Option("--from", metavar="TOOL", help="The tool of the configs. [default: recognized from the settings]"),
]
BaseRate = Annotated[
    float | None,
    numeric("RATE", "The optimizer's rate, for tools whose schedules are factors of it.", "--base-lr"),
    Maybe(Number(least=0.0)),
]
RunSteps = Annotated[int | None, numeric("N", "The updates of the run, if a config leaves them open."), Whole(1)]


@dataclass(frozen=True)
class Given:
    """A schedule or a plan, its name in pictures, and what it means in the config of another tool."""

    name: str
    value: Schedule | Plan
    meaning: ToolSchedule | None = None

    @property
    def rates(self) -> Schedule:
        """The rates, or the factors on them."""
        return self.value if isinstance(self.value, Schedule) else rate_of_plan("plot", "texts", self.value)

    @property
    def run(self) -> Schedule:
        """The rates, or the factors, up to the end of the run if a config names it."""
        end = math.inf if self.meaning is None else self.meaning.total_steps
        return self.rates.head(math.ceil(end)) if end < self.rates.steps else self.rates

    def refuse_factors(self, verb: str) -> None:
        """Refuse a config that leaves the optimizer's rate to the program."""
        if self.meaning is not None and self.meaning.relative:
            rule, advice = "given: the config has factors of the optimizer's rate", "write {base_lr}"
            raise ArgumentError(f"stepsize {verb}", "base_lr", rule, None, advice, base_lr=...)


@dataclass(frozen=True)
class Reader:
    """Reads the words of a verb that has these options."""

    context: typer.Context
    tool: str | None = None
    base_lr: float | None = None
    horizon: str | None = None
    steps: int | None = None
    functions: bool = False

    def run_length(self) -> Horizon | int | None:
        return self.steps if self.horizon is None else horizon_of(self.horizon)

    def read(self, words: Sequence[str]) -> list[Given]:
        """What each word means, a text or the path of a file; one StepsizeError holds the problems of all."""
        run = Run.of(VERB, self.run_length(), self.base_lr)
        times = Counter(os.path.basename(word) for word in words if os.path.isfile(word))
        found, errors = list[Given](), list[StepsizeError]()
        for place, typed in enumerate(words, start=1):
            label, word = self._named(typed)
            name = label or (os.path.basename(word) if times[os.path.basename(word)] == 1 else word)
            with gathered(errors):
                if os.path.isdir(word):
                    raise DataError(f"{word} is a folder", "name a file in it")
                if is_file_name(word) and not os.path.exists(word):
                    raise DataError(f"no such file: {word}")
                if os.path.isfile(word) or self.tool is not None or is_typed_config(word):
                    found.append(self._config(name, word, run, of_several=len(words) > 1))
                else:
                    found.append(self._text(label, word, f"schedule {place}" if len(words) > 1 else ""))
        values = dict[str, Schedule | Plan]()
        for each in found:
            if values.setdefault(each.name, each.value) != each.value:
                errors.append(StepsizeError(f"two schedules have the name {quoted(each.name)}", "give each its own"))
        if errors:
            errors[0].words = _ConfigWords(self.context.command.params)
        raise_together(errors)
        return found

    def runs(self, words: Sequence[str], *, factors: bool) -> tuple[dict[str, Schedule], int | None]:
        """The schedules of runs by name, and how long all run (None: each its own length); factors may be refused."""
        given = self.read(words)
        if not factors:
            for each in given:
                each.refuse_factors(str(self.context.command.name))
        run = self.run_length()
        steps = self.steps or (run.steps if isinstance(run, Horizon) else None)
        return {each.name: each.run if steps is None else each.rates for each in given}, steps

    def _named(self, word: str) -> tuple[str, str]:
        """The name, "" if there is none, and the rest of [NAME=]TEXT or [NAME=]FILE; a config has no name."""
        if os.path.isfile(word) or self.tool is not None or is_typed_config(word):
            return "", word
        return named(word, lambda text: None if os.path.isfile(text) else self._schedule(text))

    def _schedule(self, text: str) -> Schedule:
        return parse(text.strip(), length_of(text, self.horizon, self.steps), functions=self.functions)

    def _text(self, name: str, text: str, place: str) -> Given:
        try:
            return Given(name or " ".join(text.split()), self._schedule(text))
        except StepsizeError as error:
            raise error.about("", name or place) if name or place else error from None

    def _config(self, name: str, word: str, run: Run, *, of_several: bool) -> Given:
        try:
            config = config_in(Path(word)) if os.path.isfile(word) else config_of(word)
            if self.tool is None and (saved := self._saved(word, config)) is not None:
                return Given(name, saved)
            meant = meaning(config, run, self.tool)
        except StepsizeError as error:
            for each in error.problems:
                each.key = name if of_several else ""
            raise
        return Given(name, meant.value, meant)

    def _saved(self, path: str, config: Any) -> Schedule | Plan | None:
        """The schedule or plan that was saved as JSON or as its text; None if the config is another tool's."""
        if isinstance(config, str) and not is_typed_config(config):
            try:
                return parse_either(config, length_of(config, self.horizon, self.steps), self.functions)
            except ParseError as error:
                if "\n" not in config:
                    raise
                reason = f"{path} is neither a config nor the text of a schedule"
                raise DataError(reason, "write one schedule in a file, and type several as NAME=TEXT") from error
        return either_from_dict(config, self.functions) if is_saved(config) else None


class _ConfigWords(CommandLine):
    """Settings as a config has them, after the name of its file if there are several."""

    def place(self, error: StepsizeError) -> str:
        return f"{error.key}: " if error.key else ""

    def argument(self, owner: str, name: str) -> str:
        if name == "config":
            return "the config"
        if name == "horizon":
            return "the length of the run"
        said = super().argument(owner, name)
        return said if said != f"{owner}({name}=...)" else name if owner == VERB else f"{name} of {owner}"

    def setting(self, owner: str, name: str, value: Any) -> str:
        as_typed = {UPDATES: "--steps 10000", EPOCHS: f"--horizon {EXAMPLE}"}
        return as_typed[value] if name == "horizon" and value in as_typed else super().setting(owner, name, value)

    def value(self, value: Any) -> str:
        return shown(value)

    def got(self, value: Any) -> str:
        return "" if value is None else f", got {shown(value)}"

    def unknown(self, owner: str, name: str) -> str:
        return f"{owner} has no {shown(name)}"
