"""`compare` and `resume`: schedules side by side on equal terms, from an experiment to a directory of results."""

from collections.abc import Callable, Container, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stepsize.arguments import Maybe, Whole
from stepsize.errors import (
    ArgumentError,
    RunError,
    StateError,
    StepsizeError,
    concerning,
    gathered,
    quoted,
    raise_together,
)
from stepsize.lab.comparison import Comparison, stored_experiment
from stepsize.lab.directory import ResultDirectory, lock
from stepsize.lab.displays import display_here
from stepsize.lab.engines.choice import chosen, engine_of
from stepsize.lab.engines.workers import Training, Workers, refuse_in_a_starting_process
from stepsize.lab.environment import OF_STEPSIZE, differing, environment, resolved_device
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.html import content_page
from stepsize.lab.report.markdown import markdown_report, report_title
from stepsize.lab.rounds import add_round, first_round, planned_runs
from stepsize.lab.run_spec import RunSpec, specs_of
from stepsize.lab.standings import Display, RunWatcher, Standings
from stepsize.lab.tasks.by_name import AnyTask, experiment_task, lasting_name, other_data, task_of
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tasks.task import Task
from stepsize.lab.tensorboard import EventFiles, event_folder
from stepsize.lab.training.samples import BATCH_SIZE
from stepsize.lab.tuning import Trial, begin_tuning, check_tuning, tune, tuning_place
from stepsize.store import Store, load_runs
from stepsize.store.run import COMPLETE


def compare(
    experiment: Experiment | None = None,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    display: Display | None = None,
    tensorboard: bool = False,
) -> Comparison:
    """Train under every schedule with every seed, and compare the results.

    One single-threaded process trains on each core (one process on a GPU); the numbers do not depend on how many there
    are. The display and `comparison.png` in the directory show the progress. The directory then has `store.sqlite`
    with every point of every run, `comparison.png` and `.svg`, `report.html`, and `report.md`.

    Args:
        experiment: by default the six schedules on Fashion-MNIST, 3 epochs, one seed.
        out: a new or empty directory; `runs/<date and time>` by default.
        workers: the number of processes.
        display: what shows the progress; by default a notebook's cell, bars in a terminal, or plain lines.
        tensorboard: also write event files for TensorBoard, in the folder `tensorboard` of the directory.

    Raises:
        ArgumentError: a schedule, its rates, the optimizer, the task or the device is not possible; nothing was
            written.
        MissingExtraError: an extra that is needed is not installed.
        DataError: the data is missing, cut short or altered.
        OutputError: the directory cannot be used, or its disk is full; what was logged until then is kept.
        RunError: a run failed; the others were made and are kept.
        KeyboardInterrupt: finished runs are kept and reported, and `resume` continues with the others.
    """
    refuse_in_a_starting_process()
    experiment = Experiment() if experiment is None else experiment
    errors: list[StepsizeError] = []
    with gathered(errors):
        device = resolved_device(experiment.device)
    with gathered(errors), concerning("task"):
        task = task_of(experiment)
    raise_together(errors)
    settled = replace(first_round(experiment), task=lasting_name(experiment.task), device=device, digests=task.digests)
    if settled.metric is None and task.headline:
        with gathered(errors):
            settled = replace(settled, metric=task.headline.get("metric"), mode=task.headline.get("mode"))
    if isinstance(task, Task) and not task.has_loaders:
        settled = replace(settled, batch_size=settled.batch_size or BATCH_SIZE)
    if experiment.task == "fashion-mnist" and task.name == "digits":
        settled = replace(settled, task="digits")  # their stand-in here; workers must not look for the data again
    with gathered(errors):
        specs = checked_runs(settled, task, dict(settled.schedules))
    raise_together(errors)
    if settled.tune_peak:
        check_tuning(settled, task, specs)
    settled = replace(settled, engine=chosen(settled))
    pool = Workers(Maybe(Whole(1))("compare", "workers", workers))
    displays = _displays(display, tensorboard)
    directory = ResultDirectory.claim(None if out is None else Path(out))
    making = _Making(task, directory, pool, displays)
    with lock(directory.path), pool:
        try:
            if settled.tune_peak:
                begin_tuning(settled, task, directory, environment(device))
            else:
                making.begin(settled)
        except BaseException:
            directory.abandon()
            raise
        return making.rounds(making.tuned(settled)) if settled.tune_peak else making.rounds(settled, fresh=True)


def resume(
    directory: str | Path,
    *,
    workers: int | None = None,
    display: Display | None = None,
    tensorboard: bool = False,
    elsewhere: bool = False,
) -> Comparison:
    """Continue a comparison that was interrupted or killed, every run from its last checkpoint.

    The results are the same, bit for bit, as without the interruption.

    Args:
        directory: the directory of the comparison.
        workers: as for `compare`.
        display: as for `compare`.
        tensorboard: as for `compare`; event files that exist are continued in any case.
        elsewhere: continue even if Python, PyTorch, the processor or the kind of device has changed, so that the bits
            may differ, or if the data have; the store records it. A change of stepsize is always allowed and recorded.

    Raises:
        DataError: there is no store in the directory, or it is damaged, or does not have the experiment.
        StateError: the machine, Python, PyTorch or the data have changed and `elsewhere` is not given; or the runs
            were begun on a GPU and there is none.
        OutputError: another process works on it.
        RunError, KeyboardInterrupt: as for `compare`.
    """
    return resumed("resume", directory, workers, display, tensorboard, elsewhere)


def resumed(
    owner: str,
    directory: str | Path,
    workers: int | None,
    display: Display | None,
    tensorboard: bool,
    elsewhere: bool,
    change: Callable[[Experiment, AnyTask, ResultDirectory], Experiment] | None = None,
) -> Comparison:
    """Continue a comparison after a change to its experiment and its store; `owner` is the function for its errors."""
    workers = Maybe(Whole(1))(owner, "workers", workers)
    place = ResultDirectory(Path(directory))
    load_runs(_begun(place).path)  # or the lock would be left in a directory without a comparison
    with lock(place.path):
        begun = _begun(place)  # again: another process may have ended the tuning in between
        results = load_runs(begun.path)
        experiment = stored_experiment(results)
        try:
            resolved_device(experiment.device)
        except ArgumentError as error:
            raise StateError(
                f"{place.path} was begun on {experiment.device}, but there is none here",
                "resume it on a machine that has one, or start over in another directory with {device}",
                device="auto",
            ) from error
        before, now = results.environment, environment(experiment.device)
        differences = differing(before, now)
        if differences and not elsewhere:
            raise StateError(
                f"{place.path} was begun in another environment ({'; '.join(differences)}), so the numbers would not "
                "be the same to the last bit",
                "resume it anyway with {elsewhere}, which is recorded",
                elsewhere=True,
            )
        task = task_of(experiment)
        others = other_data(experiment.digests, task)
        if others and not elsewhere:
            raise StateError(
                f"the data of the task {quoted(experiment.task)} have changed since {place.path} was begun "
                f"({'; '.join(others)}), so its runs would not be on equal terms",
                "restore them, or start over in another directory, or resume it anyway with {elsewhere}, which is "
                "recorded",
                elsewhere=True,
            )
        experiment = replace(experiment, digests=task.digests)
        if change is not None:
            experiment = change(experiment, task, begun)
        begun.note("resumed", "; ".join(differences + others + differing(before, now, OF_STEPSIZE)))
        displays = _displays(display, tensorboard or event_folder(place.path).exists())
        with Workers(workers) as pool:
            making = _Making(task, place, pool, displays)
            return making.rounds(making.tuned(experiment) if begun.path != place.path else experiment)


def checked_runs(experiment: Experiment, task: AnyTask, new: Container[str]) -> tuple[RunSpec, ...]:
    """The runs of an experiment; an error if new schedules have impossible values, or do not fit the task."""
    errors: list[StepsizeError] = []
    valid: list[RunSpec] = []
    with gathered(errors):
        specs = experiment.run_specs(task.horizon(experiment))
        for spec in specs[: len(experiment.schedules)]:  # of one seed
            if spec.name in new:
                with gathered(errors):
                    spec.validate()
                    valid.append(spec)
    with gathered(errors):
        task.check(experiment, valid)
    raise_together(errors)
    return specs


def _begun(place: ResultDirectory) -> ResultDirectory:
    """The directory whose store a resume continues: that of the trials until the comparison has a store."""
    tuning = tuning_place(place)
    return tuning if tuning.store.exists() and not place.store.exists() else place


def _displays(display: Display | None, tensorboard: bool) -> list[Display]:
    shown = display_here() if display is None else display
    return [shown, EventFiles()] if tensorboard else [shown]


@dataclass(frozen=True)
class _Making:
    """What makes the runs of a comparison, and where."""

    task: AnyTask
    directory: ResultDirectory
    workers: Workers
    displays: Sequence[Display]

    def tuned(self, experiment: Experiment) -> Experiment:
        """Tune the peaks and make the store of the comparison; return the experiment with the tuned schedules."""
        experiment, trials = tune(experiment, self.task, self.directory, self.workers, self.displays[0])
        self.begin(experiment, trials)
        return experiment

    def begin(self, experiment: Experiment, trials: tuple[Trial, ...] = ()) -> None:
        """Make the store of the comparison."""
        task = self.task
        chance = Chance.of(experiment_task(experiment)) if isinstance(task, Task) else None
        settings: dict[str, Any] = {
            "experiment": experiment.as_dict(),
            "data": task.source,
            "accuracy": task.accuracy if isinstance(task, Task) else "",
            "network": task.network,
            "steps": task.horizon(experiment).steps,
            "trains_itself": isinstance(task, OwnLoop),
            "trials": [each.as_dict() for each in trials],
            "chance": None if chance is None else asdict(chance),
        }
        if experiment.until_told:
            settings["looks"] = [len(experiment.seeds)]
        runs = planned_runs(experiment, task)
        Store.create(self.directory.store, settings, environment(experiment.device), runs).close()

    def rounds(self, experiment: Experiment, fresh: bool = False) -> Comparison:
        """Make the runs, and those of more seeds until each difference is told apart, if the experiment asks for it."""
        content = self.runs(experiment, fresh=fresh)
        while another := add_round(content.experiment, self.task, self.directory, content.terms.looks, content.runs):
            content = self.runs(*another)
        return Comparison(self.directory.path, content)

    def runs(self, experiment: Experiment, news: str = "", fresh: bool = False) -> ReportContent:
        """Train the runs that are not complete, and write the reports; return what these say.

        A `fresh` directory is removed if no run begins. The displays begin with the news, or else with the source of
        the data.
        """
        directory = self.directory
        results = load_runs(directory.path)
        specs = specs_of(results.outcomes(), experiment.run_specs(self.task.horizon(experiment)))
        begun = ReportContent.of(results, experiment)
        standings = Standings(specs, results, begun.terms)
        left = {number: spec for number, spec in enumerate(specs) if not standings.is_complete(number)}
        watcher = RunWatcher(standings, directory, self.displays, directory.path)

        def made() -> ReportContent:
            return ReportContent.of(results, experiment, standings.ended_runs)

        def reports() -> dict[str, str]:
            content = made()
            title = report_title(content, self.task)
            return {"report.md": markdown_report(content, title), "report.html": content_page(content, title)}

        try:
            with watcher.watching(news or begun.source, reports):
                if left:
                    engine_of(experiment).train_runs(left, Training(experiment, directory, self.workers, watcher))
                directory.remove_checkpoints()
        except RunError as error:
            if any(run.status in COMPLETE for run in standings.runs):
                raise RunError(str(error), f"the results of the other runs are in {directory.path}") from error
            raise
        finally:
            if fresh and not standings.runs and not (directory.path / "runs").exists():
                directory.abandon()
        return made()
