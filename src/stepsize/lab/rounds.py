"""Rounds of seeds: whether a comparison needs another, and what its report says about how its seeds were chosen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stepsize.errors import quoted
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.experiment import Experiment
from stepsize.lab.report.tables import grouped, tables
from stepsize.lab.statistics.differences import LEVEL, Looks, first_size, next_size
from stepsize.lab.tasks.by_name import AnyTask
from stepsize.store import Store, load_runs
from stepsize.store.run import COMPLETE, StoredRun


def first_round(experiment: Experiment) -> Experiment:
    """The experiment with the seeds of its first round."""
    if not experiment.until_told:
        return experiment
    return _with_seeds(experiment, first_size(len(experiment.seeds), experiment.most_seeds))


def _with_seeds(experiment: Experiment, number: int) -> Experiment:
    seeds = experiment.seeds
    return replace(experiment, seeds=(*seeds, *range(max(seeds) + 1, max(seeds) + 1 + number - len(seeds))))


def looks_at(experiment: Experiment, sizes: Sequence[int], runs: Sequence[StoredRun]) -> Looks | None:
    """The looks, at these numbers of seeds, whose runs are complete; None if seeds are not added in rounds."""
    if not experiment.until_told:
        return None
    complete = {(run.name, run.seed) for run in runs if run.status in COMPLETE}
    missing = [
        place
        for place, seed in enumerate(experiment.seeds)
        if any((name, seed) not in complete for name, _ in experiment.schedules)
    ]
    whole = min(missing, default=len(experiment.seeds))
    done = tuple(size for size in sizes if size <= whole)
    return Looks(experiment.seeds, done, experiment.most_seeds, experiment.margin)


def undecided(experiment: Experiment, looks: Looks, runs: Sequence[StoredRun]) -> tuple[str, ...]:
    """The schedules whose difference to the first is neither told apart from zero nor shown to be within the margin.

    A schedule of which no run has a result, such as one whose runs all diverge, is not waited for.
    """
    terms = experiment.terms(looks=looks)
    found = tables(grouped(runs, terms.names), terms)
    if not found or not found[0].findings[0].finished:
        return ()
    others = found[0].findings[1:]
    return tuple(each.name for each in others if each.finished and each.verdict in ("open", "unknown"))


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
    grown = _with_seeds(experiment, next_size(len(experiment.seeds), experiment.most_seeds))
    if looks is None or grown == experiment or not (waiting := undecided(experiment, looks, runs)):
        return None
    seeds = ", ".join(map(str, grown.seeds[len(experiment.seeds) :]))
    news = f"Not told apart by {len(experiment.seeds)} seeds: {', '.join(map(quoted, waiting))}. Added seeds: {seeds}."
    add_runs(directory, grown, task, "round", news, looks=[*looks.sizes, len(grown.seeds)])
    return grown, news


def about_seeds(
    experiment: Experiment, looks: Looks | None, runs: Sequence[StoredRun], added: Sequence[int]
) -> tuple[str, ...]:
    """What a reader of the intervals must know about how the number of seeds came about, in sentences."""
    if looks is None:
        return (_about_added(added),) if added else ()
    if not looks.sizes:
        return ("Seeds are added in rounds, the first of which is not complete.",)
    looked = f"Seeds were added in rounds, with looks at {_listed(looks.sizes)} of at most {looks.most} seeds."
    return (
        f"{looked} {_why_now(experiment, looks, runs)}",
        "The intervals are wider than those of a fixed number of seeds: with a probability of at least "
        f"{LEVEL:.0%} all of them contain the true differences at every look (repeated confidence intervals, Jennison "
        "and Turnbull, 1989).",
    )


def _why_now(experiment: Experiment, looks: Looks, runs: Sequence[StoredRun]) -> str:
    waiting = undecided(experiment, looks, runs)
    told = "told apart from zero" + (f" or shown to be smaller than {looks.margin:g}" if looks.margin else "")
    if looks.sizes[-1] < len(looks.seeds):
        return "Another round is not complete."
    if not waiting:
        silent = {name for name, _ in experiment.schedules} - {run.name for run in runs if run.status == "finished"}
        return f"No more were needed: every difference{' that has results' if silent else ''} is {told}."
    reason = "More are needed" if len(looks.seeds) < looks.most else "The budget is used"
    return f"{reason}, and not every difference is {told}: {_listed([quoted(name) for name in waiting])}."


def _about_added(seeds: Sequence[int]) -> str:
    which = f"seed {seeds[0]} was" if len(seeds) == 1 else f"seeds {_listed(seeds)} were"
    return (
        f"The {which} added after a look at the results of the others. If the results decided that, the p-values "
        "and intervals claim too much, because they assume a fixed number of seeds."
    )


def _listed(items: Sequence[object]) -> str:
    """`4`, `4 and 6`, `4, 6 and 8`."""
    *others, last = map(str, items)
    return f"{', '.join(others)} and {last}" if others else last
