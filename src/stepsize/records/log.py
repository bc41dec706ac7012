"""What was logged of one run, as it was read, and the words for what a log lacks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import quoted
from stepsize.errors import DataError, ParseError
from stepsize.records.run import Floats
from stepsize.schedules import Schedule, parse

LATE = 4
"""Means that begin more than so many of their largest distances after step 0 are of a log without its beginning."""

Rows = tuple[NDArray[np.int64], Floats]
"""Steps, and what was logged there."""


@dataclass(frozen=True)
class Log:
    """The rows of one run as they were read: losses at some steps, rates at some, and where they come from."""

    source: str
    name: str
    steps: NDArray[np.int64]
    losses: Floats
    logged: Rows | None = None
    """Of the rate; None where the log has none."""
    no_rates: str = "has no learning rate; read a log that has it"
    """What to say where they are needed."""
    schedule: Schedule | None = None
    """Where the log has that of the run."""

    def of_means(self) -> "Log":
        """The log of a run whose rows were written when `steps` updates were done, with means since the row before.

        A mean stands at the middle of its updates; the rate is that of the last of them.

        Raises:
            DataError: a row stands before the first update.
        """
        done = self.steps
        for each in (done, *(self.logged or ())[:1]):
            if each.size and not each[0]:
                raise DataError(
                    f"{self.source} has a row at step 0, when no update was done: its losses are no means since the "
                    "row before; read it with means=False"
                )
        if not done.size:
            return self
        largest = int(np.diff(done).max(initial=1)) if done.size > 1 else int(done[0])
        begin = 0 if done[0] <= LATE * largest else done[0] - largest
        before = np.concatenate([[begin], done[:-1]])
        logged = None if self.logged is None else (self.logged[0] - 1, self.logged[1])
        return replace(self, steps=(before + done - 1) // 2, logged=logged)


def schedule_of(text: str) -> Schedule | None:
    """The schedule of a run whose text was kept; None for a function of the user's own."""
    try:
        return parse(text)
    except ParseError:
        return None


_ALIKE = {"step": ("step", "update"), "lr": ("lr", "rate"), "loss": ("loss",)}


def lacking(kind: str, name: str, known: Sequence[str], word: str) -> str:
    """`has no column "loss"; it has "step", "lr", "ce"; name it with loss="..."`: what stands for `word` is missing."""
    alike = [each for each in known if any(part in each.lower() for part in _ALIKE[word])]
    (best,) = alike[:1] or get_close_matches(name, known, 1) or ["..."]
    return f'has no {kind} {quoted(name)}; it has {listed(known)}; name it with {word}="{best}"'


def listed(names: Sequence[str]) -> str:
    """The names in quotes, the first twelve of many."""
    few = ", ".join(map(quoted, names[:12])) or "none"
    return f"{few} and {len(names) - 12} more" if len(names) > 12 else few
