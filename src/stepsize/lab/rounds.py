"""Rounds of seeds: whether a comparison needs another, and what its report says about how its seeds were chosen."""

from collections.abc import Sequence
from dataclasses import replace

from stepsize.errors import quoted
from stepsize.lab.differences import LEVEL
from stepsize.lab.experiment import Experiment
from stepsize.lab.report.tables import grouped, tables
from stepsize.lab.sequential import Looks, first_size, next_size
from stepsize.store.run import COMPLETE, StoredRun


def first_round(experiment: Experiment) -> Experiment:
    """The experiment with the seeds of its first round."""
    if not experiment.until_told:
        return experiment
    return _with_seeds(experiment, first_size(len(experiment.seeds), experiment.most_seeds))


def next_round(experiment: Experiment) -> Experiment:
    """The experiment with the seeds of another round; with the same seeds if it has as many as it may."""
    return _with_seeds(experiment, next_size(len(experiment.seeds), experiment.most_seeds))


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
    found = tables(grouped(runs, [name for name, _ in experiment.schedules]), experiment.judged_on, looks)
    if not found or not found[0].findings[0].finished:
        return ()
    others = found[0].findings[1:]
    return tuple(each.name for each in others if each.finished and each.verdict in ("open", "unknown"))


def about_seeds(
    experiment: Experiment, looks: Looks | None, runs: Sequence[StoredRun], added: Sequence[int]
) -> tuple[str, ...]:
    """What a reader of the intervals must know about how the number of seeds came about, in sentences."""
    if looks is None:
        return (_about_added(added),) if added else ()
    if not looks.sizes:
        return ("Seeds are added in rounds; the first round is not complete.",)
    margin = f" or shown to be smaller than {looks.margin:g}" if looks.margin else ""
    waiting = undecided(experiment, looks, runs)
    if looks.sizes[-1] < len(looks.seeds):
        why = f"The round of {len(looks.seeds)} seeds is not complete."
    elif not waiting:
        why = f"They are enough: each difference is told apart from zero{margin}, as far as there are results."
    elif len(looks.seeds) < looks.most:
        why = f"More are needed for {_listed(waiting)}."
    else:
        why = f"That is the most allowed; {_listed(waiting)}: not told apart from zero{margin}."
    sizes = ", ".join(map(str, looks.sizes))
    return (
        f"Seeds were added in rounds, with looks at {sizes} of at most {looks.most} seeds. {why}",
        "The intervals are wider than those of a fixed number of seeds: with a probability of at least "
        f"{LEVEL:.0%} all of them contain the true differences at every look (repeated confidence intervals, Jennison "
        "and Turnbull, 1989).",
    )


def _about_added(seeds: Sequence[int]) -> str:
    return (
        f"The seeds {', '.join(map(str, seeds))} were added after a look at the results of the others. If the results "
        "decided that, p and the intervals, which are those of a fixed number of seeds, claim too much."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))
