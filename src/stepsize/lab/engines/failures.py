"""How a failed run is reported: its name, the reason and the traceback; and several failures in one error."""

import os
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from stepsize.errors import RunError, StepsizeError, shown
from stepsize.lab.run_spec import RunSpec

MOST_REASONS = 5  # reported in one message, if many runs fail
_LIBRARIES = tuple(  # whose lines a reason does not name
    f"{place}{os.sep}"
    for place in (Path(__file__).parents[2], Path(torch.__path__[0]).parent, Path(traceback.__file__).parent)
)


def run_in_words(spec: RunSpec) -> str:
    """Which run it is."""
    return f"the run {spec.name!r} with seed {spec.seed}"


def reason(error: BaseException) -> str:
    """Why a run failed: the message of our own errors; of others the type, the message and the user's line."""
    if isinstance(error, StepsizeError):
        return str(error)
    lines = [line for line in traceback.extract_tb(error.__traceback__) if not line.filename.startswith(_LIBRARIES)]
    place = f" in {Path(lines[-1].filename).name}, line {lines[-1].lineno}" if lines else ""
    return shown(error, 200) + place


def account(error: BaseException) -> str:
    """The reason and the traceback, for the events of a store."""
    return f"{reason(error)}\n\n{''.join(traceback.format_exception(error))}"


def joined(failures: Sequence[RunError]) -> RunError:
    """One error with a line for each distinct message of several, up to `MOST_REASONS`."""
    reasons = list(dict.fromkeys(map(str, failures)))
    more = [f"and {len(reasons) - MOST_REASONS} more failed"] if len(reasons) > MOST_REASONS else []
    return RunError("\n".join([*reasons[:MOST_REASONS], *more]))
