"""Adding runs to a comparison that has a store: those of another round of seeds, and those that a user asks for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stepsize.errors import ArgumentError, StateError, StepsizeError, gathered, quoted, raise_together
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import chosen
from stepsize.lab.experiment import Experiment, NamedSchedules
from stepsize.lab.rounds import next_round, undecided
from stepsize.lab.sequential import Looks
from stepsize.lab.tasks import AnyTask
from stepsize.store import Store, load_runs
from stepsize.store.run import COMPLETE, StoredRun


def planned_runs(experiment: Experiment, task: AnyTask) -> list[tuple[str, str, int]]:
    """The runs of an experiment as a store keeps them."""
    return [(spec.name, spec.text, spec.seed) for spec in experiment.run_specs(task.horizon(experiment))]


def add_runs(
    directory: ResultDirectory, experiment: Experiment, task: AnyTask, kind: str, text: str, **settings: Any
) -> None:
    """Add the runs of the experiment that the store does not have, with the event that says why."""
    results, form = load_runs(directory.path), experiment.as_dict()
    known = {(run.name, run.seed) for run in results.outcomes()}
    before = results.settings
    grown = {name: form[name] for name in ("schedules", "seeds", "until_told", "margin", "functions")}
    now = {**before, **settings, "experiment": {**before["experiment"], **grown}}
    new = [run for run in planned_runs(experiment, task) if (run[0], run[2]) not in known]
    directory.make_checkpoint_folder()
    with Store.open(directory.store) as store:
        store.add_runs(new, now, kind, text)


def add_round(
    experiment: Experiment, task: AnyTask, directory: ResultDirectory, looks: Looks | None, runs: Sequence[StoredRun]
) -> tuple[Experiment, str] | None:
    """Add the runs of another round of seeds, if it is needed: the experiment with its seeds, and what to tell."""
    grown = next_round(experiment)
    if looks is None or grown == experiment or not (waiting := undecided(experiment, looks, runs)):
        return None
    seeds = ", ".join(map(str, grown.seeds[len(experiment.seeds) :]))
    news = f"Not told apart by {len(experiment.seeds)} seeds: {', '.join(map(quoted, waiting))}. Added seeds: {seeds}."
    add_runs(directory, grown, task, "round", news, looks=[*looks.sizes, len(grown.seeds)])
    return grown, news


def extended(
    experiment: Experiment, task: AnyTask, directory: ResultDirectory, seeds: Sequence[int], schedules: NamedSchedules
) -> Experiment:
    """The experiment with more seeds and schedules, whose runs the store has when this returns.

    Seeds within the budget of `until_told` are another look; with more, the number of seeds is the user's.

    Raises:
        ArgumentError: a seed or a schedule is there already, or cannot be trained.
        StateError: a schedule is added to those whose peaks were tuned.
    """
    grown = _checked(experiment, task, seeds, schedules)
    results = load_runs(directory.path)
    settings = results.settings
    seen = any(run.status in COMPLETE for run in results.outcomes())
    if schedules and settings.get("trials"):
        raise StateError(
            f"the peaks of the schedules in {directory.path} were tuned, and an added one would be compared untuned",
            "start over in another directory with all of them",
        )
    looks = settings.get("looks", [])
    added = grown.seeds[looks[0] :] if looks else [*settings.get("added", ()), *(seeds if seen else ())]
    what = [f"seed {seed}" for seed in seeds] + [f"schedule {quoted(name)}" for name, _ in schedules]
    text = f"{', '.join(what)}, {'after' if seen else 'before'} a look at the results"
    more = {"looks": [*looks, len(grown.seeds)]} if grown.until_told and seeds else {"added": list(added)}
    add_runs(directory, grown, task, "extended", text, **more)
    return grown


def _checked(experiment: Experiment, task: AnyTask, seeds: Sequence[int], schedules: NamedSchedules) -> Experiment:
    errors: list[StepsizeError] = []
    rules = (
        ("seeds", "seeds", seeds, experiment.seeds),
        ("schedules", "names", dict(schedules), dict(experiment.schedules)),
    )
    for argument, what, given, known in rules:
        if there := [each for each in given if each in known]:
            errors.append(ArgumentError("extend", argument, f"{what} that the comparison does not have", there[0]))
    raise_together(errors)
    every = (*experiment.seeds, *seeds)
    if len(every) > experiment.most_seeds:
        experiment = replace(experiment, until_told=False, margin=None)
    try:
        grown = replace(experiment, seeds=every, schedules=(*experiment.schedules, *schedules))
        specs = grown.run_specs(task.horizon(grown))
        new = [spec for spec in specs[: len(grown.schedules)] if spec.name in dict(schedules)]
        for spec in new:
            with gathered(errors):
                spec.validate()
        with gathered(errors):
            task.check(grown, new)
        raise_together(errors)
        chosen(grown)
    except StepsizeError as error:
        for each in error.problems:
            if each.owner == "Experiment":
                each.owner = "extend"
        raise
    return grown
