"""`extend`: seeds and schedules added to a comparison, finished or not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from stepsize.arguments import SEEDS
from stepsize.errors import ArgumentError, StateError, StepsizeError, gathered, quoted, raise_together
from stepsize.lab.comparing import checked_runs, resumed
from stepsize.lab.comparison import Comparison
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.choice import chosen
from stepsize.lab.experiment import Experiment
from stepsize.lab.names import NamedSchedules, named_schedules
from stepsize.lab.rounds import add_runs
from stepsize.lab.standings import Display
from stepsize.lab.tasks.by_name import AnyTask
from stepsize.schedules import Plan, Schedule
from stepsize.store import load_runs
from stepsize.store.run import COMPLETE


def extend(
    directory: str | Path,
    *,
    seeds: Sequence[int] = (),
    schedules: Mapping[str, str | Schedule | Plan] | NamedSchedules = (),
    workers: int | None = None,
    display: Display | None = None,
    tensorboard: bool = False,
    elsewhere: bool = False,
) -> Comparison:
    """Add seeds and schedules to a comparison, finished or not, and continue it.

    The runs that it has are not touched. The new ones start from the same weights and see the same samples as those of
    the same seed. Every schedule is then compared with the first under every seed. Intervals and p-values of a fixed
    number of seeds claim too much if seeds are added after a look at the results; the report says so.

    Args:
        directory: the directory of the comparison.
        seeds: seeds that it does not have.
        schedules: schedules by names that it does not have.
        workers: as for `compare`.
        display: as for `compare`.
        tensorboard: as for `resume`.
        elsewhere: as for `resume`.

    Raises:
        ArgumentError: there is nothing to add, or a seed or name is there already, or a schedule is not possible;
            nothing was changed.
        DataError, StateError, OutputError, RunError, KeyboardInterrupt: as for `resume`.
    """
    if not seeds and not schedules:
        raise ArgumentError("extend", "seeds", "given, or schedules", None, "write e.g. {seeds}", seeds=(5, 6))
    errors: list[StepsizeError] = []
    with gathered(errors):
        seeds = SEEDS("extend", "seeds", seeds) if seeds else ()
    with gathered(errors):
        schedules = named_schedules("extend", "schedules", schedules) if schedules else ()
    raise_together(errors)
    change = partial(_extended, tuple(seeds), tuple(schedules))
    return resumed("extend", directory, workers, display, tensorboard, elsewhere, change)


def _extended(
    seeds: tuple[int, ...],
    schedules: NamedSchedules,
    experiment: Experiment,
    task: AnyTask,
    directory: ResultDirectory,
) -> Experiment:
    """The experiment with more seeds and schedules, whose runs the store has when this returns.

    Seeds that a user adds are not a round of `until_told`, whose looks must not depend on the results.
    """
    results = load_runs(directory.path)
    settings = results.settings
    if "trials" not in settings:
        raise StateError("the peaks of its schedules are still being tuned", "resume it first, and then extend it")
    if schedules and settings["trials"]:
        raise StateError(
            f"the peaks of the schedules in {directory.path} were tuned, but an added one would be compared untuned",
            "start over in another directory with all of them",
        )
    grown = _checked(experiment, task, seeds, schedules)
    seen = any(run.status in COMPLETE for run in results.outcomes())
    after = grown.seeds[settings["looks"][0] :] if "looks" in settings else (*settings.get("added", ()), *seeds)
    more = {"added": list(after)} if seeds and seen else {}
    what = ", ".join([*(f"seed {seed}" for seed in seeds), *(f"schedule {quoted(name)}" for name, _ in schedules)])
    add_runs(
        directory, grown, task, "extended", f"{what}, {'after' if seen else 'before'} a look at the results", **more
    )
    return grown


def _checked(experiment: Experiment, task: AnyTask, seeds: Sequence[int], schedules: NamedSchedules) -> Experiment:
    errors: list[StepsizeError] = []
    if known := [seed for seed in seeds if seed in experiment.seeds]:
        errors.append(ArgumentError("extend", "seeds", "seeds that the comparison does not have", known[0]))
    if there := [name for name, _ in schedules if name in dict(experiment.schedules)]:
        errors.append(ArgumentError("extend", "schedules", "names that the comparison does not have", there[0]))
    raise_together(errors)
    if seeds:
        experiment = replace(experiment, until_told=False, margin=None)
    every = (*experiment.seeds, *seeds)
    try:
        grown = replace(experiment, seeds=every, schedules=(*experiment.schedules, *schedules))
        checked_runs(grown, task, dict(schedules))
        chosen(grown)
    except StepsizeError as error:
        for each in error.problems:
            if each.owner == "Experiment":
                each.owner = "extend"
                if each.settings:  # that the comparison has, and keeps
                    each.advice = f"start over in another directory, and {each.advice}"
        raise
    return grown
