"""Each schedule's own best peak rate before a comparison: so many trials for each, judged on a held-out part.

A trial is a run like any other, of an experiment whose training set has lost a fifth to judge on. The test set is not
looked at, and the seed is none of the comparison's. What is tried is a factor on the whole schedule: for half of the
trials a grid from a thousandth to a thousandfold, with 1 in its middle; then factors between the best and its
neighbours. That is deterministic, so the factors do not depend on how many processes there are or how often it was
stopped.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepsize.errors import ArgumentError, MissingExtraError, OutputError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import engine_of
from stepsize.lab.experiment import Experiment, Plan
from stepsize.lab.rehearsal import try_plan
from stepsize.lab.session import Session, with_resume_advice
from stepsize.lab.task import Task
from stepsize.lab.watching import Display, Standings
from stepsize.schedules import Schedule
from stepsize.store import Store, load_runs
from stepsize.store.run import Outcome

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

LEAST, MOST = 1e-3, 1e3
"""The factors that are tried lie between these."""
TRIAL_COLUMNS = ("schedule", "factor", "held-out loss", "chosen")
HOW_TUNED = (
    "Before they were compared, each schedule was multiplied by the factor that came out best in the same number of "
    "trials, judged on a held-out fifth of the training set under a seed that is not among those compared; the test "
    "set was not looked at."
)
"""What is said above the trials in a report."""
_FIRST_SEED = 1000
_AT_ONCE = 4  # trials under way at the same time, at least, whatever the number of processes: the factors depend on it


@dataclass(frozen=True)
class Trial:
    """What a schedule came to when its rates were multiplied by `factor`: the loss on the held-out samples at the end.

    The loss is infinite where the run diverged. The comparison goes on with the factor that is `chosen`.
    """

    schedule: str
    factor: float
    loss: float
    chosen: bool

    def as_dict(self) -> dict[str, Any]:
        """The fields by name; the loss is None where it is infinite, which JSON has not."""
        return {**asdict(self), "loss": self.loss if math.isfinite(self.loss) else None}

    def cells(self) -> tuple[str, str, str, str]:
        """The trial as texts, under `TRIAL_COLUMNS`."""
        loss = f"{self.loss:.4f}" if math.isfinite(self.loss) else "diverged"
        return self.schedule, f"{self.factor:g}", loss, "chosen" if self.chosen else ""

    @classmethod
    def of_dict(cls, form: dict[str, Any]) -> "Trial":
        """The trial that `as_dict` wrote."""
        return cls(**{**form, "loss": math.inf if form["loss"] is None else form["loss"]})


def tuning_place(directory: ResultDirectory) -> ResultDirectory:
    """Where the trials of a comparison lie: their store and their checkpoints."""
    return ResultDirectory(directory.path / "tuning")


def check_tuning(experiment: Experiment, plans: tuple[Plan, ...]) -> None:
    """Find out, before anything is written, what would go wrong later.

    Raises:
        MissingExtraError: Optuna is not installed.
        ArgumentError: a schedule times the largest factor gives rates that cannot be, or the comparison would be
            judged on what the peaks are chosen on.
    """
    if experiment.held_out:
        raise ArgumentError(
            "tune_peak chooses on the held-out part of the training set, so a comparison with held_out would be judged "
            "on what its schedules were chosen on; leave one of them out"
        )
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("Optuna", "tune") from error
    for plan in plans:
        try_plan(replace(plan, name=f"{plan.name} times {MOST:g}", schedule=MOST * plan.schedule))


def begin_tuning(experiment: Experiment, task: Task, directory: ResultDirectory, environment: dict[str, str]) -> None:
    """Make the store of the trials, from which `tune` goes on however often it is stopped."""
    place = ResultDirectory.claim(tuning_place(directory).path)
    runs = [(plan.name, f"factor * {plan.schedule}", plan.seed) for plan in _trials(experiment, task.samples)]
    Store.create(place.store, {"experiment": experiment.as_dict(), "data": task.source}, environment, runs).close()


def tune(
    experiment: Experiment,
    task: Task,
    directory: ResultDirectory,
    workers: int | None,
    display: Display,
) -> tuple[Experiment, tuple[Trial, ...]]:
    """Make the trials that are not made yet; the experiment with the schedules that they chose, and all trials.

    Raises:
        RunError: a trial failed.
        OutputError: the study or the store cannot be written to.
        KeyboardInterrupt: the trials are kept as far as they came.
    """
    place, budget, inner = tuning_place(directory), experiment.tune_peak, _inner(experiment)
    results, plans = load_runs(place.path), _trials(experiment, task.samples)
    standings = Standings(plans, results, inner.judged_on)
    session = Session(standings, place, [display], fresh=False)
    about = (
        f"{task.source} Before they are compared, each schedule gets its best peak rate in {budget} trials, judged on "
        "a held-out fifth of the training set."
    )
    try:
        with session.running(about, dict), _storage(directory.path / "study.sqlite") as storage:
            names = [name for name, _ in experiment.schedules]
            searches = [_Search(storage, name, budget) for name in names]
            at_once = max(2, math.ceil(_AT_ONCE / len(searches)))
            while open_trials := {
                index * budget + position: factor
                for index, search in enumerate(searches)
                for position, factor in search.asked(at_once).items()
            }:
                left = {
                    number: replace(plans[number], schedule=_times(factor, plans[number].schedule))
                    for number, factor in open_trials.items()
                    if not standings.is_complete(number)
                }
                if left:
                    standings.replan(left)
                    engine_of(inner).run_plans(left, inner, place, workers, session)
                outcomes = results.outcomes()
                for number in open_trials:
                    searches[number // budget].tell(number % budget, _loss(outcomes[number]))
            found = tuple(trial for search in searches for trial in search.trials())
        place.end()
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(f"interrupted; what the trials have done is kept in {directory.path}") from None
    except OutputError as error:
        raise with_resume_advice(error, directory.path) from error
    schedules = {plan.name: plan.schedule for plan in experiment.plans(task.samples)}
    chosen = {trial.schedule: _times(trial.factor, schedules[trial.schedule]) for trial in found if trial.chosen}
    return replace(experiment, schedules=tuple(chosen.items())), found


def _inner(experiment: Experiment) -> Experiment:
    """The experiment that the trials are runs of."""
    seed = next(seed for seed in count(_FIRST_SEED) if seed not in experiment.seeds)
    return replace(experiment, seeds=(seed,), tune_peak=0, held_out=True)


def _trials(experiment: Experiment, samples: int) -> tuple[Plan, ...]:
    """The trials, schedule by schedule, before their factors: the same shapes over the fewer steps of a trial."""
    inner = _inner(experiment)
    steps = inner.horizon(samples).steps

    def over_all(plan: Plan, schedule: Schedule) -> Schedule:
        return schedule if plan.steps == steps else schedule.head(plan.steps).stretch(steps)

    return tuple(
        replace(
            plan,
            name=f"{plan.name}, trial {position + 1}",
            schedule=over_all(plan, plan.schedule),
            seed=inner.seeds[0],
            steps=steps,
            weight_decay=None if plan.weight_decay is None else over_all(plan, plan.weight_decay),
        )
        for plan in replace(experiment, seeds=experiment.seeds[:1]).plans(samples)
        for position in range(experiment.tune_peak)
    )


def _times(factor: float, schedule: Schedule) -> Schedule:
    return schedule if factor == 1.0 else factor * schedule


def _loss(outcome: Outcome) -> float:
    return outcome.last.test_loss if outcome.status == "finished" and outcome.last is not None else math.inf


class _Search:
    """The study of one schedule: which factors are tried, and what they came to; trials are named by their position."""

    def __init__(self, storage: "RDBStorage", name: str, budget: int) -> None:
        import optuna

        self._name, self._budget = name, budget
        self._range = optuna.distributions.FloatDistribution(LEAST, MOST, log=True)
        self._study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)

    def asked(self, at_once: int) -> dict[int, float]:
        """The factors that wait for their results: those of the first round that has not all of its own.

        Each round is worked out anew from the whole rounds before it, so that a kill between two of its trials, or
        between two results, changes none that follow.
        """
        told: list[tuple[float, float]] = []
        while factors := _round(told, self._budget, at_once):
            for factor in factors[len(self._trials()) - len(told) :]:
                self._add(factor)
            trials = self._trials()[len(told) : len(told) + len(factors)]
            waiting = {trial.number: trial.params["factor"] for trial in trials if trial.value is None}
            if waiting:
                return waiting
            told += _results(trials)
        return {}

    def tell(self, position: int, loss: float) -> None:
        """What a trial came to."""
        self._study.tell(position, loss)

    def trials(self) -> tuple[Trial, ...]:
        """All that have ended; of equal losses that with the factor nearest to 1 is chosen."""
        found = _results(self._trials())
        best = min(found, key=lambda each: (each[1], abs(math.log(each[0]))))
        return tuple(Trial(self._name, *each, chosen=each is best) for each in found)

    def _trials(self) -> list["FrozenTrial"]:
        return self._study.get_trials(deepcopy=False)

    def _add(self, factor: float) -> None:
        """Put a trial into the study, as one that is under way."""
        import optuna

        state = optuna.trial.TrialState.RUNNING
        trial = optuna.trial.create_trial(state=state, params={"factor": factor}, distributions={"factor": self._range})
        self._study.add_trial(trial)


def _results(trials: Sequence["FrozenTrial"]) -> list[tuple[float, float]]:
    """Factor and loss of the trials that have ended."""
    return [(trial.params["factor"], trial.value) for trial in trials if trial.value is not None]


def _round(told: Sequence[tuple[float, float]], budget: int, at_once: int) -> list[float]:
    """The factors to try after these results: the grid, then some on both sides of the best, up to its neighbours."""
    if not told:
        return _grid(budget)
    number = min(at_once, budget - len(told))
    best = min(told, key=lambda each: each[1])[0]
    below = max((factor for factor, _ in told if factor < best), default=LEAST)
    above = min((factor for factor, _ in told if factor > best), default=MOST)
    lower = 0 if best == LEAST else number if best == MOST else number // 2
    return [*_between(best, below, lower), *_between(best, above, number - lower)]


def _grid(budget: int) -> list[float]:
    """Half of the budget, evenly from the least factor to the most, with 1 in the middle."""
    return [1.0] if budget < 4 else [_short(float(factor)) for factor in np.geomspace(LEAST, MOST, budget // 2 | 1)]


def _between(best: float, other: float, number: int) -> list[float]:
    return [_short(best * (other / best) ** (each / (number + 1))) for each in range(1, number + 1)]


def _short(factor: float) -> float:
    """Three digits can be read, and are more than a rate needs."""
    return float(f"{factor:.3g}")


@contextmanager
def _storage(path: Path) -> Iterator["RDBStorage"]:
    """The file of the studies, one for each schedule."""
    import optuna
    from sqlalchemy import URL
    from sqlalchemy.exc import SQLAlchemyError

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    settings: dict[str, Any] = {"connect_args": {"timeout": 60}}
    try:
        address = URL.create("sqlite", database=str(path))  # a "?" in the path would begin a query
        storage = optuna.storages.RDBStorage(address.render_as_string(), engine_kwargs=settings)
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise OutputError(f"the study {path} cannot be used: {error}") from error
    finally:
        optuna.logging.set_verbosity(before)
