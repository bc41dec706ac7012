"""`tune_peak`: each schedule's own best peak rate before a comparison, found in the same number of trials.

A trial is a run of an experiment whose training set has lost a fifth, on which it is judged. The test set is not looked
at, and the seed is not one of the comparison's. A trial multiplies the whole schedule by a factor: half of the trials
are a grid from a thousandth to a thousand, with 1 in its middle; the others lie between the best factor and its
neighbours. The factors are deterministic: they depend neither on the number of processes nor on interruptions.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from stepsize.errors import ArgumentError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.choice import engine_of
from stepsize.lab.engines.workers import Training, Workers
from stepsize.lab.experiment import Experiment
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.standings import Display, RunWatcher, Standings
from stepsize.lab.tasks.by_name import AnyTask
from stepsize.schedules import Plan, Schedule
from stepsize.store import Store, load_runs
from stepsize.store.run import COMPLETE, Outcome

Result = tuple[float, float]  # the factor and the loss of a trial
LEAST, MOST = 1e-3, 1e3  # the range of the factors
TRIAL_COLUMNS = ("schedule", "factor", "held-out loss", "chosen")
HOW_TUNED = (
    "Before they were compared, each schedule was multiplied by the factor that came out best in the same number of "
    "trials, judged on a held-out fifth of the training set under a seed that is not among those compared; the test "
    "set was not looked at."
)
_FIRST_SEED = 1000
_AT_ONCE = 4  # trials in progress at the same time, at least, for any number of processes: the factors depend on it


@dataclass(frozen=True)
class Trial:
    """The loss on the held-out samples at the end of a run whose rates were multiplied by `factor`.

    The loss is infinite if the run diverged. `chosen` marks the factor of the comparison.
    """

    schedule: str
    factor: float
    loss: float
    chosen: bool

    def as_dict(self) -> dict[str, Any]:
        """The fields by name; an infinite loss is None, since JSON has no infinity."""
        return {**asdict(self), "loss": self.loss if math.isfinite(self.loss) else None}

    def cells(self) -> tuple[str, str, str, str]:
        """The trial as texts, under `TRIAL_COLUMNS`."""
        loss = f"{self.loss:z.4f}" if math.isfinite(self.loss) else "diverged"
        return self.schedule, f"{self.factor:g}", loss, "chosen" if self.chosen else ""

    @classmethod
    def of_dict(cls, form: dict[str, Any]) -> "Trial":
        """The trial that `as_dict` wrote."""
        return cls(**{**form, "loss": math.inf if form["loss"] is None else form["loss"]})


def tuning_place(directory: ResultDirectory) -> ResultDirectory:
    """The directory of the trials of a comparison."""
    return ResultDirectory(directory.path / "tuning")


def check_tuning(experiment: Experiment, task: AnyTask, specs: tuple[RunSpec, ...]) -> None:
    """Find, before anything is written, what would fail later."""
    if experiment.held_out:
        rule = "False together with tune_peak, which chooses the schedules on the held-out samples"
        raise ArgumentError("Experiment", "held_out", rule, True, "leave one of them out")
    try:
        task.horizon(_inner(experiment))
    except ArgumentError as error:
        if error.argument != "held_out":
            raise
        rule = "0, since it needs held-out samples, which cannot be chosen from the task's loader"
        raise ArgumentError(
            "Experiment", "tune_peak", rule, experiment.tune_peak, "give a shuffled DataLoader"
        ) from None
    for spec in specs:
        spec.validate(MOST)


def begin_tuning(
    experiment: Experiment, task: AnyTask, directory: ResultDirectory, environment: dict[str, str]
) -> None:
    """Make the store of the trials."""
    place = ResultDirectory.claim(tuning_place(directory).path)
    runs = [(spec.name, f"factor * {spec.text}", spec.seed) for spec in _trials(experiment, task)]
    Store.create(place.store, {"experiment": experiment.as_dict(), "data": task.source}, environment, runs).close()


def tune(
    experiment: Experiment, task: AnyTask, directory: ResultDirectory, workers: Workers, display: Display
) -> tuple[Experiment, tuple[Trial, ...]]:
    """Make the trials that have not been made; return the experiment with the chosen schedules, and all trials."""
    place, budget, inner = tuning_place(directory), experiment.tune_peak, _inner(experiment)
    results, specs = load_runs(place.path), _trials(experiment, task)
    standings = Standings(specs, results, inner.terms())
    watcher = RunWatcher(standings, place, [display], directory.path)
    about = (
        f"{task.source} Before they are compared, each schedule gets its best peak rate in {budget} trials, judged on "
        "a held-out fifth of the training set."
    )
    names = [name for name, _ in experiment.schedules]
    at_once = max(2, math.ceil(_AT_ONCE / len(names)))
    with watcher.watching(about, dict):
        while True:
            outcomes = results.outcomes()
            searches = [_search(outcomes[index * budget :], budget, at_once) for index in range(len(names))]
            factors = {
                index * budget + position: factor
                for index, (_, waiting) in enumerate(searches)
                for position, factor in waiting.items()
            }
            if not factors:
                break
            trials = {
                number: replace(specs[number], schedule=_times(factor, specs[number].schedule))
                for number, factor in factors.items()
            }
            standings.replace(trials)
            engine_of(inner).train_runs(trials, Training(inner, place, workers, watcher))
        found = tuple(each for name, (done, _) in zip(names, searches, strict=True) for each in _trials_of(name, done))
        place.remove_checkpoints()
    schedules = {spec.name: spec.schedule for spec in experiment.run_specs(task.horizon(experiment))}
    chosen = {trial.schedule: _times(trial.factor, schedules[trial.schedule]) for trial in found if trial.chosen}
    return replace(experiment, schedules=tuple(chosen.items())), found


def _inner(experiment: Experiment) -> Experiment:
    last = max(experiment.seeds)
    later = experiment.most_seeds if experiment.until_told else 0  # of the seeds of rounds
    compared = {*experiment.seeds, *range(last + 1, last + 1 + later)}
    seed = next(seed for seed in count(_FIRST_SEED) if seed not in compared)
    return replace(experiment, seeds=(seed,), tune_peak=0, held_out=True)


def _trials(experiment: Experiment, task: AnyTask) -> tuple[RunSpec, ...]:
    """The trials, schedule by schedule, before their factors: the same shapes over the fewer steps of a trial."""
    inner = _inner(experiment)
    steps = task.horizon(inner).steps
    specs = replace(experiment, seeds=experiment.seeds[:1]).run_specs(task.horizon(experiment))

    def fitted(schedule: Schedule) -> Schedule:
        over = specs[0].steps
        return schedule if over == steps else schedule.head(over).stretch(steps)

    return tuple(
        replace(
            spec,
            name=f"{spec.name}, trial {position + 1}",
            schedule=spec.schedule.map(fitted) if isinstance(spec.schedule, Plan) else fitted(spec.schedule),
            seed=inner.seeds[0],
            steps=steps,
            weight_decay=None if spec.weight_decay is None else fitted(spec.weight_decay),
        )
        for spec in specs
        for position in range(experiment.tune_peak)
    )


def _times(factor: float, schedule: Schedule | Plan) -> Schedule | Plan:
    if factor == 1.0:
        return schedule
    return schedule.map(lambda rate: factor * rate, "lr") if isinstance(schedule, Plan) else factor * schedule


def _loss(outcome: Outcome) -> float:
    return outcome.last.test_loss if outcome.status == "finished" and outcome.last is not None else math.inf


def _search(outcomes: Sequence[Outcome], budget: int, at_once: int) -> tuple[list[Result], dict[int, float]]:
    """The results of a schedule's complete rounds, and the factors of the next that have none, by position.

    Each round follows from the complete rounds before it, so that a kill between two trials does not change what
    follows.
    """
    done: list[Result] = []
    while factors := _round(done, budget, at_once):
        trials = dict(enumerate(factors, start=len(done)))
        waiting = {at: factor for at, factor in trials.items() if outcomes[at].status not in COMPLETE}
        if waiting:
            return done, waiting
        done += [(factor, _loss(outcomes[at])) for at, factor in trials.items()]
    return done, {}


def _trials_of(schedule: str, results: list[Result]) -> Iterator[Trial]:
    """The trials of a schedule; of equal losses the one with the factor nearest to 1 is chosen."""
    best = min(results, key=lambda each: (each[1], abs(math.log(each[0]))))
    return (Trial(schedule, *each, chosen=each is best) for each in results)


def _round(done: Sequence[Result], budget: int, at_once: int) -> list[float]:
    """The factors to try after these results: the grid, then some on both sides of the best, up to its neighbours."""
    if not done:
        grid = np.geomspace(LEAST, MOST, budget // 2 | 1) if budget >= 4 else [1.0]
        return [_three_digits(float(factor)) for factor in grid]
    number = min(at_once, budget - len(done))
    best = min(done, key=lambda each: each[1])[0]
    below = max((factor for factor, _ in done if factor < best), default=LEAST)
    above = min((factor for factor, _ in done if factor > best), default=MOST)
    lower = 0 if best == LEAST else number if best == MOST else number // 2
    return [*_between(best, below, lower), *_between(best, above, number - lower)]


def _between(best: float, other: float, number: int) -> list[float]:
    return [_three_digits(best * (other / best) ** (each / (number + 1))) for each in range(1, number + 1)]


def _three_digits(factor: float) -> float:
    return float(f"{factor:.3g}")
