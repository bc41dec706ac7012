"""What the page is about: the subject, and how it is read from words: texts, configs, logs, a comparison."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepsize.curves import LossCurve
from stepsize.errors import DataError, StepsizeError, gathered, raise_together
from stepsize.play.examples import FIRST
from stepsize.play.state import MOST_SCHEDULES, Entry, State
from stepsize.schedules.dictionary import is_saved
from stepsize.schedules.named_text import is_file_name, named
from stepsize.schedules.plan_text import parse_either
from stepsize.store import load_runs
from stepsize.store.database import FILE_NAME


@dataclass(frozen=True)
class Subject:
    """What the page is about: the state that it opens with, the curves of logs, the directory of a comparison."""

    state: State
    runs: Sequence[LossCurve] = ()
    comparison: Path | None = None


def subject_of(words: Sequence[str], read_logs: Callable[[Sequence[Path]], Sequence[LossCurve]]) -> Subject:
    """What the page is about: each word is a text, or the path of a config, of logs or of a comparison.

    Args:
        words: texts and paths.
        read_logs: reads the curves at the paths that are no configs.

    Raises:
        StepsizeError: a file cannot be read, or there are two comparisons. A text with an error is shown on the page.
    """
    entries, logs, comparisons = list[Entry](), list[Path](), list[Path]()
    errors: list[StepsizeError] = []
    for word in words:
        path = Path(word)
        with gathered(errors):
            if (path / FILE_NAME).is_file():
                comparisons.append(path)
            elif path.is_dir():
                logs.append(path)
            elif _is_file(word):
                entry = _config_in(path)
                entries += [entry] if entry else []
                logs += [] if entry else [path]
            else:
                entries.append(_typed(word.strip()))
    runs: Sequence[LossCurve] = ()
    with gathered(errors):
        if len(comparisons) > 1:
            raise DataError("a page shows one comparison", "open the others in pages of their own")
        if logs:
            runs = read_logs(logs)
    raise_together(errors)
    comparison = comparisons[0] if comparisons else None
    entries = entries or _first(runs, comparison)
    tab = "comparison" if comparison else "schedules"
    return Subject(State(tuple(entries[:MOST_SCHEDULES]), tab=tab), runs, comparison)


def _typed(word: str) -> Entry:
    """The entry of [NAME=]TEXT; a config that was typed has no name."""
    from stepsize.interop.frameworks import is_typed_config  # late: a page about logs does not need it

    name, text = ("", word) if is_typed_config(word) else named(word, parse_either)
    return Entry(text, name)


def _is_file(word: str) -> bool:
    """Whether a word is the path of a file, or meant as one."""
    if os.path.isfile(word):
        return True
    if is_file_name(word):
        raise DataError(f"no such file: {word}")
    if os.sep in word and not set(word) & set(" ()'\"\n"):
        raise DataError(f"no such file or folder: {word}")
    return False


def _config_in(path: Path) -> Entry | None:
    """The entry of a config or of a saved schedule; None if the file is neither, and so perhaps a log."""
    from stepsize.interop.config_files import config_in  # late: a page about texts needs neither
    from stepsize.interop.frameworks import is_recognized
    from stepsize.play.entries import is_config, meaning_of

    try:
        config = config_in(path)
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        if isinstance(config, list) and config and str(config[0]).startswith("--"):
            text = " ".join(config)
        entry = Entry(text, path.name)
    except (StepsizeError, TypeError):
        return None
    has_error = is_config(text) and (is_saved(config) or is_recognized(config))  # which the page shows
    return entry if has_error or meaning_of(entry, None).schedule is not None else None


def _rounded(steps: float) -> int:
    """A length of at least 1 as a person would write it: the one with the fewest digits within 1%."""
    shorter = (round(float(f"{steps:.{digits}g}")) for digits in range(1, 5))
    return max(next((each for each in shorter if abs(each - steps) <= 0.01 * steps), round(steps)), 1)


def _first(runs: Sequence[LossCurve], comparison: Path | None) -> list[Entry]:
    """What the page opens with if no text is given: the schedules of the comparison, or two that suit the logs."""
    if comparison is not None:
        schedules = {run.name: run.schedule for run in load_runs(comparison).outcomes()}
        return [Entry(text, name if name != text else "") for name, text in schedules.items()]
    if not runs:
        return [*map(Entry, FIRST)]
    longest = max(runs, key=lambda run: run.steps[-1])
    steps, peak = _rounded(longest.steps[-1] + 1), float(f"{longest.peak_lr:.3g}")
    way_up = _rounded(int(np.argmax(longest.rates >= 0.99 * longest.peak_lr)) + 1)
    end, down = f"{peak / 10:.3g}", _rounded((steps - way_up) / 5)
    return [
        Entry(f"warmup_cosine({peak:g}, {way_up}, {steps}, final_lr={end})", "cosine"),
        Entry(f"wsd({peak:g}, {way_up}, {steps - way_up - down}, {down}, final_lr={end})", "wsd"),
    ]
