"""Notices about runs: what is odd about them, from the events of a store."""

from stepsize.errors import first_few
from stepsize.lab.own_loops.journal_records import NOTICE
from stepsize.store import Results

_MOST_NAMED = 4


def notices_of(results: Results) -> tuple[str, ...]:
    """A sentence for each notice, with the runs that it is about."""
    runs = {each.number: f"{each.name}, seed {each.seed}" for each in results.outcomes()}
    by_text: dict[str, dict[str, None]] = {}
    for event in results.events():
        if event.kind == NOTICE and event.number is not None:
            by_text.setdefault(event.text, {})[runs[event.number]] = None
    return tuple(f"{first_few([*names], _MOST_NAMED, '; ')}: {text}" for text, names in by_text.items())
