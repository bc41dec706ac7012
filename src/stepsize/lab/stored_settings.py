"""What the store of a comparison says beside its runs: experiment, data, trials, and how seeds were added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.errors import DamagedStoreError, DataError, StepsizeError, visible
from stepsize.lab.experiment import Experiment
from stepsize.lab.report.notices import notices_of
from stepsize.lab.report.summary_table import shared_updates
from stepsize.lab.rounds import about_seeds, looks_at
from stepsize.lab.statistics.findings import Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import Trial
from stepsize.store import Results
from stepsize.store.run import StoredRun


def stored_experiment(results: Results) -> Experiment:
    """The experiment of a store.

    Raises:
        DataError: the store does not have it, or has one that is not allowed.
    """
    settings = results.settings
    if "experiment" not in settings:
        raise DataError(
            f"{results.path} does not have the experiment, so its runs can be read with load_runs and nothing else",
            "start over in another directory",
        )
    try:
        return Experiment.of_dict(settings["experiment"])
    except StepsizeError as error:
        raise DataError(f"{results.path} has an experiment that is not allowed: {error}") from error
    except (AttributeError, TypeError) as error:
        raise DamagedStoreError(results.path, str(error)) from error


@dataclass(frozen=True)
class StoredSettings:
    """The settings of a store. `looks` are the numbers of seeds at the looks, `added` the seeds that a user added."""

    source: str
    accuracy: str
    trials: tuple[Trial, ...]
    chance: Chance | None
    looks: tuple[int, ...]
    added: tuple[int, ...]

    @classmethod
    def of(cls, results: Results) -> "StoredSettings":
        """The settings of a store.

        Raises:
            DamagedStoreError: they have another form.
        """
        settings: dict[str, Any] = results.settings
        try:
            return cls(
                visible(str(settings["data"])),
                visible(str(settings.get("accuracy", ""))),
                tuple(map(Trial.of_dict, settings.get("trials", ()))),
                Chance(**settings["chance"]) if settings.get("chance") else None,
                tuple(map(int, settings.get("looks", ()))),
                tuple(map(int, settings.get("added", ()))),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedStoreError(results.path, f"its settings have another form: {error!r}") from error

    def terms_and_remarks(
        self, experiment: Experiment, results: Results, runs: Sequence[StoredRun]
    ) -> tuple[Terms, tuple[str, ...]]:
        """The terms on which the runs that have ended are judged; and what a reader must know, but for chance level."""
        looks = looks_at(experiment, self.looks, runs)
        about = about_seeds(experiment, looks, runs, self.added)
        terms = experiment.terms(self.chance, looks, {name for run in runs for name in run.metrics})
        return terms, (*about, *notices_of(results), *shared_updates(runs))
