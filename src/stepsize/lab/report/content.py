"""What the reports of a comparison say, whatever their form, read from its store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stepsize.errors import DamagedStoreError, first_few, visible
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.journal_records import NOTICE
from stepsize.lab.report.summary_table import shared_updates
from stepsize.lab.rounds import about_seeds, looks_at
from stepsize.lab.statistics.findings import Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import Trial
from stepsize.store import Results
from stepsize.store.run import COMPLETE, StoredRun

_MOST_NAMED = 4  # runs in a notice


@dataclass(frozen=True)
class ReportContent:
    """What the reports of a comparison say: its experiment, its runs, and what a reader must know about them.

    `source` says where the data came from, and `steps` is the length of a run. `remarks` are sentences about the runs,
    without those on chance level, which the tables add. `accuracy` says how right samples are counted, and `network`
    names the network; both may be "". Optimizer and epochs mean nothing to a run that `trains_itself`.
    """

    experiment: Experiment
    source: str
    runs: tuple[StoredRun, ...] = field(repr=False, compare=False)
    terms: Terms = field(repr=False)
    steps: int
    trials: tuple[Trial, ...] = field(default=(), repr=False)
    remarks: tuple[str, ...] = field(default=(), repr=False)
    accuracy: str = ""
    network: str = ""
    trains_itself: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, results: Results, experiment: Experiment, runs: Sequence[StoredRun] = ()) -> "ReportContent":
        """The content of the reports on these runs of a store."""
        settings = results.settings
        try:
            texts = (settings["data"], settings.get("accuracy", ""), settings.get("network", ""))
            source, accuracy, network = (visible(str(text)) for text in texts)
            trials = tuple(map(Trial.of_dict, settings.get("trials", ())))
            chance = Chance(**settings["chance"]) if settings.get("chance") else None
            sizes, added = (tuple(map(int, settings.get(name, ()))) for name in ("looks", "added"))
            longest = max((int(run.column("step").max(initial=0)) for run in runs), default=0)
            steps = int(settings.get("steps", longest))  # older stores do not have them
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedStoreError(results.path, f"its settings have another form: {error!r}") from error
        looks = looks_at(experiment, sizes, runs)
        return cls(
            experiment,
            source,
            tuple(runs),
            experiment.terms(chance, looks, {name for run in runs for name in run.metrics}),
            steps,
            trials,
            (*about_seeds(experiment, looks, runs, added), *_notices(results), *shared_updates(runs)),
            accuracy,
            network,
            settings.get("trains_itself", experiment.command is not None),
            results.environment,
        )

    @property
    def planned(self) -> int:
        """The number of runs that were asked for."""
        return len(self.experiment.schedules) * len(self.experiment.seeds)

    @property
    def missing(self) -> int:
        """The number of runs that have not finished."""
        return self.planned - sum(run.status in COMPLETE for run in self.runs)


def _notices(results: Results) -> Iterator[str]:
    """A sentence for each notice among the events, with the runs that it is about."""
    runs = {each.number: f"{each.name}, seed {each.seed}" for each in results.outcomes()}
    by_text: dict[str, dict[str, None]] = {}
    for event in results.events():
        if event.kind == NOTICE and event.number is not None:
            by_text.setdefault(visible(event.text), {})[runs.get(event.number, "a run")] = None
    for text, names in by_text.items():
        yield f"{first_few([*names], _MOST_NAMED, '; ')}: {text}"
