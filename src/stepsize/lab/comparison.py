"""A comparison as a value: its experiment, its runs and its tables."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stepsize.errors import DamagedStoreError, DataError, StepsizeError
from stepsize.lab.experiment import Experiment
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.summary_table import Row, SummaryTable, pairs_table, rows, summary_table
from stepsize.lab.tuning import Trial
from stepsize.store import Results, Run, load_runs, stored_runs
from stepsize.store.run import COMPLETE


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison, and the directory of its files."""

    directory: Path
    _content: ReportContent

    @property
    def experiment(self) -> Experiment:
        """What was asked for."""
        return self._content.experiment

    @property
    def source(self) -> str:
        """Where the data came from."""
        return self._content.source

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of `tune_peak`, if it was asked for."""
        return self._content.trials

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs with all their points, in the order of the store, which is read when they are first asked for."""
        return load_runs(self.directory).runs()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table as numbers: a row for each schedule that has a run."""
        by_name = {row.name: row for row in rows(self._content.runs, self.experiment.headline)}
        return tuple(by_name[name] for name, _ in self.experiment.schedules if name in by_name)

    @property
    def table(self) -> SummaryTable:
        """The table as texts, with the differences to the first schedule."""
        return summary_table(self._content.runs, self._content.terms, self._content.remarks)

    @property
    def all_pairs(self) -> SummaryTable:
        """The difference of every schedule to each before it, in the first metric, with p corrected for all pairs."""
        return pairs_table(self._content.runs, self._content.terms)

    def __str__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def load(directory: str | Path) -> Comparison:
    """The comparison in a directory, as `compare` returns it.

    The comparison may still be running, and its task is not needed. The result has the runs that are complete.
    `stepsize.store.load_runs` reads the others too, and runs without an experiment.

    Raises:
        DataError: there is no store in the directory, or it is damaged, or does not have the experiment.
    """
    results = load_runs(directory)
    experiment = stored_experiment(results)
    complete = [run for run in stored_runs(results) if run.status in COMPLETE]
    return Comparison(results.path.parent, ReportContent.of(results, experiment, complete))


def stored_experiment(results: Results) -> Experiment:
    """The experiment of a store; DataError if the store does not have it, or has one that is not allowed."""
    settings = results.settings
    if "experiment" not in settings:
        raise DataError(
            f"{results.path} does not have the experiment, so only load_runs can read its runs",
            "start over in another directory",
        )
    try:
        return Experiment.of_dict(settings["experiment"])
    except StepsizeError as error:
        raise DataError(f"{results.path} has an experiment that is not allowed: {error}") from error
    except (AttributeError, TypeError) as error:
        raise DamagedStoreError(results.path, str(error)) from error
