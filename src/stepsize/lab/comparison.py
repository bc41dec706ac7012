"""`compare`: schedules side by side on equal terms, from an experiment to a directory of results."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path

from stepsize.arguments import Maybe, Whole
from stepsize.errors import ArgumentError, DataError, OutputError, RunError, StateError, quoted
from stepsize.lab.directory import ResultDirectory, lock
from stepsize.lab.displays import display_here
from stepsize.lab.engines import chosen, engine_of
from stepsize.lab.engines.local import refuse_in_a_starting_process
from stepsize.lab.environment import OURS, differing, environment, resolved_device
from stepsize.lab.experiment import Experiment, Plan
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.rehearsal import try_plan
from stepsize.lab.report.closing import ClosingTable, Row, closing_table, table
from stepsize.lab.report.html import About, html_report
from stepsize.lab.report.markdown import report
from stepsize.lab.session import Session, with_resume_advice
from stepsize.lab.task import Task
from stepsize.lab.tasks import lasting_name, load_task, other_data
from stepsize.lab.tensorboard import EventFiles, event_folder
from stepsize.lab.tuning import Trial, begin_tuning, check_tuning, tune, tuning_place
from stepsize.lab.watching import Display, Standings
from stepsize.store import Run, Store, load_runs
from stepsize.store.run_views import StoredRun


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: its runs, in the order of the experiment, and where their files lie."""

    experiment: Experiment
    source: str
    """Where the data came from, in a sentence."""
    directory: Path
    trials: tuple[Trial, ...] = field(default=(), repr=False)
    """What was tried to find each schedule's best peak, where that was asked for."""
    _stored: tuple[StoredRun, ...] = field(default=(), repr=False, compare=False)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs with all their points, read from the store when they are first asked for."""
        return load_runs(self.directory).runs()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table: a row for each schedule that has a run."""
        rows = {row.name: row for row in table(self._stored)}
        return tuple(rows[name] for name, _ in self.experiment.schedules if name in rows)

    @property
    def closing(self) -> ClosingTable:
        """The table as texts, with the differences to the first schedule."""
        names = [name for name, _ in self.experiment.schedules]
        return closing_table(self._stored, names, len(self.experiment.seeds), self.experiment.judged_on)

    def _repr_html_(self) -> str:
        """A notebook shows the table."""
        shown = self.closing
        head = "".join(f"<th>{escape(column)}</th>" for column in shown.columns)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in shown.lines)
        notes = "".join(f"<p>{escape(note)}</p>" for note in shown.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def compare(
    experiment: Experiment | None = None,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    display: Display | None = None,
    tensorboard: bool = False,
) -> Comparison:
    """Train under every schedule with every seed, and put the results side by side.

    One single-threaded process a core trains (one process on a GPU), and the numbers do not depend on how many there
    are. While they run, `comparison.png` in the directory and the display follow. What is left at the end:
    `store.sqlite` with every point of every run, `comparison.png` and `.svg`, `report.html`, and `report.md`.

    Args:
        experiment: the six schedules on Fashion-MNIST, 3 epochs, one seed, if left out.
        out: a new or empty directory; `runs/<date and time>` if left out.
        workers: the number of processes.
        display: what shows the progress; if left out, whatever suits the place: a notebook's cell, a terminal, or
            plain lines.
        tensorboard: write event files for TensorBoard too, in the folder `tensorboard` of the directory.

    Raises:
        ArgumentError: a schedule, its rates, the optimizer, the task or the device cannot be; nothing was written then.
        MissingExtraError: an extra is not installed that something asked for needs.
        DataError: the data is missing, cut short or altered.
        OutputError: the directory cannot be used, or its disk is full; what was logged until then is kept.
        RunError: a run failed; all the others were made, and are kept.
        KeyboardInterrupt: runs that ended before it are kept, the report is about them, and `resume` goes on.
    """
    refuse_in_a_starting_process()
    experiment = Experiment() if experiment is None else experiment
    device = resolved_device(experiment.device)
    task = load_task(experiment.task)
    settled = replace(experiment, task=lasting_name(experiment.task), device=device, digests=task.digests)
    if experiment.task == "fashion-mnist" and task.name == "digits":
        settled = replace(settled, task="digits")  # which stand in for it; workers must not go and look for it again
    plans = settled.plans(task.samples)
    for plan in plans:
        try_plan(plan)
    if settled.tune_peak:
        check_tuning(settled, plans)
    model, _ = (task.initial_model(plan.seed) for plan in (plans[0], plans[-1]))  # refuses one that is given twice
    experiment_optimizer(experiment, model)  # refuse early
    settled = replace(settled, engine=chosen(settled))
    workers = Maybe(Whole(1))("compare", "workers", workers)
    displays = _displays(display, tensorboard)
    directory = ResultDirectory.claim(None if out is None else Path(out))
    with lock(directory.path):
        try:
            if settled.tune_peak:
                begin_tuning(settled, task, directory, environment(device))
            else:
                _make_store(settled, task, directory)
        except BaseException:
            directory.abandon()
            raise
        if settled.tune_peak:
            settled = _tuned(settled, task, directory, workers, displays[0])
        return _carry_out(settled, task, directory, workers, displays, fresh=not settled.tune_peak)


def resume(
    directory: str | Path,
    *,
    workers: int | None = None,
    display: Display | None = None,
    tensorboard: bool = False,
    elsewhere: bool = False,
) -> Comparison:
    """Go on with a comparison that was interrupted or killed: every run from its last checkpoint, with the same bits.

    Args:
        directory: that of the comparison.
        workers: as for `compare`.
        display: as for `compare`.
        tensorboard: as for `compare`; where there are event files already, they go on in any case.
        elsewhere: go on even where Python, PyTorch, the processor or the device's kind is another, so that the bits
            may differ, or where the data are others; it is noted in the store, as another stepsize is in any case.

    Raises:
        DataError: there is no store in the directory, or it is damaged, or does not say what was asked for.
        StateError: this is another machine, Python or PyTorch, or the task gives other data, and `elsewhere` is not
            given; or there is no GPU, and that is what the runs were begun on.
        OutputError: another process is at work on it.
        RunError, KeyboardInterrupt: as for `compare`.
    """
    place = ResultDirectory(Path(directory))
    load_runs(_begun(place).path)  # where there is nothing to go on with, no lock is left behind
    with lock(place.path):
        begun = _begun(place)  # only now: another process may have ended the tuning in between
        results = load_runs(begun.path)
        settings = results.settings
        if "experiment" not in settings:
            raise DataError(
                f"{results.path} does not say what was asked for, so it can be read and not resumed: it was written by "
                "other means; start over in another directory"
            )
        experiment = Experiment.of_dict(settings["experiment"])
        try:
            resolved_device(experiment.device)
        except ArgumentError as error:
            raise StateError(
                f"{place.path} was begun on {experiment.device}, and there is none here; go on where there is one, or "
                'start over in another directory with device="auto" (--device auto)'
            ) from error
        before, now = results.environment, environment(experiment.device)
        differences = differing(before, now)
        if differences and not elsewhere:
            raise StateError(
                f"{place.path} was begun under other circumstances ({'; '.join(differences)}), so the numbers would "
                "not be the same to the last bit; go on all the same with elsewhere=True (--elsewhere), which is noted"
            )
        task = load_task(experiment.task)
        others = other_data(experiment.digests, task)
        if others and not elsewhere:
            raise StateError(
                f"the task {quoted(experiment.task)} gives other data than those that {place.path} was begun on "
                f"({'; '.join(others)}), so its runs would not be on equal terms; bring those back, or start over in "
                "another directory; elsewhere=True (--elsewhere) goes on all the same, which is noted"
            )
        experiment = replace(experiment, digests=task.digests)
        begun.note("resumed", "; ".join(differences + others + differing(before, now, OURS)))
        workers = Maybe(Whole(1))("resume", "workers", workers)
        displays = _displays(display, tensorboard or event_folder(place.path).exists())
        if begun.path != place.path:
            experiment = _tuned(experiment, task, place, workers, displays[0])
        return _carry_out(experiment, task, place, workers, displays)


def _begun(place: ResultDirectory) -> ResultDirectory:
    """Where the store is that a resume goes on with: that of the trials, until the comparison has its own."""
    tuning = tuning_place(place)
    return tuning if tuning.store.exists() and not place.store.exists() else place


def _displays(display: Display | None, tensorboard: bool) -> list[Display]:
    """What shows the progress, and the event files if they are asked for."""
    shown = display_here() if display is None else display
    return [shown, EventFiles()] if tensorboard else [shown]


def _tuned(
    experiment: Experiment, task: Task, directory: ResultDirectory, workers: int | None, display: Display
) -> Experiment:
    """Find the peaks, and make the store; the experiment as it is then carried out."""
    experiment, trials = tune(experiment, task, directory, workers, display)
    _make_store(experiment, task, directory, trials)
    return experiment


def _make_store(experiment: Experiment, task: Task, directory: ResultDirectory, trials: tuple[Trial, ...] = ()) -> None:
    """Make the store of the comparison itself."""
    about = {
        "experiment": experiment.as_dict(),
        "data": task.source,
        "trials": [trial.as_dict() for trial in trials],
    }
    runs = [(plan.name, str(plan.schedule), plan.seed) for plan in experiment.plans(task.samples)]
    Store.create(directory.store, about, environment(experiment.device), runs).close()


def _carry_out(
    experiment: Experiment,
    task: Task,
    directory: ResultDirectory,
    workers: int | None,
    displays: Sequence[Display],
    fresh: bool = False,
) -> Comparison:
    """Make the runs that are not complete, and the report of all; a `fresh` directory goes if nothing comes of it."""
    results, plans = load_runs(directory.path), experiment.plans(task.samples)
    source, trials = results.settings["data"], tuple(map(Trial.of_dict, results.settings.get("trials", ())))
    standings = Standings(plans, results, experiment.judged_on)
    left = {number: plan for number, plan in enumerate(plans) if not standings.is_complete(number)}
    session = Session(standings, directory, displays, fresh)
    try:
        with session.running(source, lambda: _reports(experiment, source, plans, directory, standings, trials)):
            if left:
                engine_of(experiment).run_plans(left, experiment, directory, workers, session)
            directory.end()
    except KeyboardInterrupt as interrupt:
        kept = f"what the runs have done is kept in {directory.path}" if standings.runs else "no run had begun"
        raise type(interrupt)(f"interrupted; {kept}") from None
    except RunError as error:
        if not standings.runs:
            raise
        raise RunError(f"{error}; what the other runs came to is in {directory.path}") from error
    except OutputError as error:
        raise with_resume_advice(error, directory.path) from error
    return Comparison(experiment, source, directory.path, trials, standings.ended_runs)


def _reports(
    experiment: Experiment,
    source: str,
    plans: tuple[Plan, ...],
    directory: ResultDirectory,
    standings: Standings,
    trials: tuple[Trial, ...],
) -> dict[str, str]:
    """The reports by the names of their files."""
    settings = {"steps": plans[0].steps, **experiment.as_dict()}
    title = f"Comparison of {len(experiment.schedules)} schedules"
    about = About(
        title,
        settings,
        source,
        load_runs(directory.path).environment,
        len(plans),
        [name for name, _ in experiment.schedules],
        len(experiment.seeds),
        trials,
        experiment.judged_on,
    )
    return {
        "report.md": report(experiment, source, plans[0].steps, standings.ended_runs, trials),
        "report.html": html_report(standings.ended_runs, about),
    }
