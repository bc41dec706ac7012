"""A comparison as a value: its experiment, its runs, and all that its reports say beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from stepsize.errors import DamagedStoreError, DataError, StepsizeError, first_few, visible
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.journal_records import NOTICE
from stepsize.lab.report.summary_table import Row, SummaryTable, pairs_table, rows, shared_updates, summary_table
from stepsize.lab.rounds import about_seeds, looks_at
from stepsize.lab.statistics.findings import Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import Trial
from stepsize.store import Results, Run, load_runs, stored_runs
from stepsize.store.run import COMPLETE, StoredRun

_MOST_NAMED = 4  # runs in a notice


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison: its runs, in the order of the store, and the directory of its files.

    `source` says where the data came from. `trials` are those of `tune_peak`, if it was asked for.
    """

    experiment: Experiment
    source: str
    directory: Path
    trials: tuple[Trial, ...] = field(default=(), repr=False)
    _stored: tuple[StoredRun, ...] = field(default=(), repr=False, compare=False)
    _terms: Terms = field(default=Terms(), repr=False, compare=False)
    _remarks: tuple[str, ...] = field(default=(), repr=False, compare=False)
    _accuracy: str = field(default="", repr=False, compare=False)  # how right samples were counted
    _trains_itself: bool = field(default=False, repr=False, compare=False)  # it has no optimizer and no epochs

    @classmethod
    def _of(cls, results: Results, experiment: Experiment, runs: Sequence[StoredRun] = ()) -> "Comparison":
        """The comparison of these runs, on its terms and with what a reader must know, but for chance level."""
        settings = results.settings
        try:
            source, accuracy = (visible(str(text)) for text in (settings["data"], settings.get("accuracy", "")))
            trials = tuple(map(Trial.of_dict, settings.get("trials", ())))
            chance = Chance(**settings["chance"]) if settings.get("chance") else None
            sizes, added = (tuple(map(int, settings.get(name, ()))) for name in ("looks", "added"))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedStoreError(results.path, f"its settings have another form: {error!r}") from error
        looks = looks_at(experiment, sizes, runs)
        terms = experiment.terms(chance, looks, {name for run in runs for name in run.metrics})
        remarks = (*about_seeds(experiment, looks, runs, added), *_notices(results), *shared_updates(runs))
        trains_itself = settings.get("trains_itself", experiment.command is not None)
        return cls(
            experiment, source, results.path.parent, trials, tuple(runs), terms, remarks, accuracy, trains_itself
        )

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs with all their points, read from the store when they are first asked for."""
        return load_runs(self.directory).runs()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table as numbers: a row for each schedule that has a run."""
        by_name = {row.name: row for row in rows(self._stored, self.experiment.headline)}
        return tuple(by_name[name] for name, _ in self.experiment.schedules if name in by_name)

    @property
    def table(self) -> SummaryTable:
        """The table as texts, with the differences to the first schedule."""
        return summary_table(self._stored, self._terms, self._remarks)

    @property
    def all_pairs(self) -> SummaryTable:
        """The difference of every schedule to each before it, in the first metric, with p corrected for all pairs."""
        return pairs_table(self._stored, self._terms)

    def __str__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def load(directory: str | Path) -> Comparison:
    """The comparison in a directory, finished or under way, as `compare` returns it; its task is not needed.

    It has the runs that are complete. `stepsize.store.load_runs` reads the others too, and runs without an experiment.

    Raises:
        DataError: there is no store in the directory, or it is damaged, or does not have the experiment.
    """
    results = load_runs(directory)
    experiment = stored_experiment(results)
    return Comparison._of(results, experiment, [run for run in stored_runs(results) if run.status in COMPLETE])


def stored_experiment(results: Results) -> Experiment:
    """The experiment of a store; DataError if the store does not have it, or has one that is not allowed."""
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


def _notices(results: Results) -> Iterator[str]:
    """A sentence for each notice among the events, with the runs that it is about."""
    runs = {each.number: f"{each.name}, seed {each.seed}" for each in results.outcomes()}
    by_text: dict[str, dict[str, None]] = {}
    for event in results.events():
        if event.kind == NOTICE and event.number is not None:
            by_text.setdefault(visible(event.text), {})[runs.get(event.number, "a run")] = None
    for text, names in by_text.items():
        yield f"{first_few([*names], _MOST_NAMED, '; ')}: {text}"
