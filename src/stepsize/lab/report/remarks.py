"""What a reader of a comparison must know about its runs, in sentences, and the looks at its results."""

from collections.abc import Mapping, Sequence
from typing import Any

from stepsize.lab.experiment import Experiment
from stepsize.lab.report.notices import notices_of
from stepsize.lab.report.summary_table import shared_updates
from stepsize.lab.rounds import about_seeds, looks_at
from stepsize.lab.statistics.sequential import Looks
from stepsize.lab.tasks.chance import Chance
from stepsize.store import Results
from stepsize.store.run import StoredRun


def chance_of(settings: Mapping[str, Any]) -> Chance | None:
    """Chance level, from the settings of a store."""
    return Chance(**settings["chance"]) if settings.get("chance") else None


def looks_and_remarks(
    experiment: Experiment, settings: Mapping[str, Any], results: Results, runs: Sequence[StoredRun]
) -> tuple[Looks | None, tuple[str, ...]]:
    """The looks at the runs that have ended, and sentences about them: seeds, notices, shared updates."""
    looks = looks_at(experiment, settings.get("looks", ()), runs)
    about = about_seeds(experiment, looks, runs, settings.get("added", ()))
    return looks, (*about, *notices_of(results), *shared_updates(runs))
