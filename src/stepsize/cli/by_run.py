"""Arguments for all runs of the logs, or for one: [RUN=]TEXT, where the text is a schedule or another run's log."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from stepsize.curves.read_options import Branch
from stepsize.errors import ArgumentError, ParseError, StepsizeError, raise_together, shown
from stepsize.schedules import Schedule, parse
from stepsize.schedules.named_text import named

T = TypeVar("T")


def schedules_by_run(owner: str, name: str, texts: Sequence[str]) -> list[tuple[str, Schedule]]:
    """The rule of [RUN=]TEXT: one schedule with the name "" for all runs, or schedules by the names of runs."""
    return _by_run(owner, name, texts, "TEXT", _schedule)


def branches_by_run(owner: str, name: str, texts: Sequence[str]) -> list[tuple[str, Branch]]:
    """The rule of [RUN=]FILE:STEP: one log that all runs branch from, or logs by the names of runs."""
    return _by_run(owner, name, texts, "FILE:STEP", _branch)


def _schedule(text: str) -> Schedule:
    try:
        return parse(text)
    except ParseError as error:
        if "horizon" in error.settings:  # a finished run has none
            error.advice, error.settings = "write the number of steps", {}
        raise


def _branch(text: str) -> Branch:
    file, _, step = text.rpartition(":")
    if not step.isdecimal() or not Path(file).exists():
        raise StepsizeError(f"{shown(text)} is not the path of a log and a step", "write e.g. trunk.csv:20000")
    return Path(file), int(step)


def _by_run(owner: str, name: str, texts: Sequence[str], form: str, read: Callable[[str], T]) -> list[tuple[str, T]]:
    found, errors = list[tuple[str, T]](), list[StepsizeError]()
    for text in texts:
        run, rest = named(text, read)
        try:
            found.append((run, read(rest)))
        except StepsizeError as error:
            errors.append(error.about(owner, f"{name}[{run!r}]" if run else name))
    runs = [run for run, _ in found]
    if "" in runs and len(texts) > 1:
        errors.append(ArgumentError(owner, name, f"given once, or as RUN={form} for each run", list(texts)))
    elif len({*runs}) < len(runs):
        errors.append(ArgumentError(owner, name, "given once for each run", list(texts)))
    raise_together(errors)
    return found


def for_runs(by_run: Sequence[tuple[str, T]] | None) -> Any:
    """What was given for all runs, or by the names of runs; None if nothing was."""
    found = dict(by_run or ())
    return found.get("") or found or None
