"""What is told of runs that failed, and what is kept of it."""

import os
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from stepsize.errors import RunError, StepsizeError, shown

MOST_REASONS = 5
"""So many of the errors of runs that failed are told in one message."""

_LIBRARIES = tuple(
    f"{place}{os.sep}"
    for place in (Path(__file__).parents[2], Path(torch.__path__[0]).parent, Path(traceback.__file__).parent)
)


def reason(error: BaseException) -> str:
    """Why a run failed: an error of ours in its own words, another's by its type as well, and the user's line."""
    if isinstance(error, StepsizeError):
        return str(error)
    lines = [line for line in traceback.extract_tb(error.__traceback__) if not line.filename.startswith(_LIBRARIES)]
    place = f" in {Path(lines[-1].filename).name}, line {lines[-1].lineno}" if lines else ""
    return shown(error, 200) + place


def account(error: BaseException) -> str:
    """The reason, and below it where the error was raised, for the events of a store."""
    return f"{reason(error)}\n\n{''.join(traceback.format_exception(error))}"


def several(failures: Sequence[RunError]) -> RunError:
    """The errors of runs that failed, as one: each distinct reason, as far as a person would read."""
    reasons = list(dict.fromkeys(map(str, failures)))
    more = f"; and {len(reasons) - MOST_REASONS} more failed" if len(reasons) > MOST_REASONS else ""
    return RunError("; ".join(reasons[:MOST_REASONS]) + more)
