"""The terms of a comparison: which schedules and seeds it has, on what its runs are judged, and in which metric."""

from dataclasses import dataclass

from stepsize.lab.statistics.findings import Metric
from stepsize.lab.statistics.sequential import Looks
from stepsize.lab.tasks.chance import Chance


@dataclass(frozen=True)
class Terms:
    """What pictures, tables and sentences about the runs of a comparison depend on, besides the runs.

    Args:
        names: the schedules in order; the others are compared with the first, even if it has no run. Those of the runs
            come after them.
        seeds: the number of seeds that were asked for; that of the runs if None.
        judged_on: the samples that the runs are judged on after each epoch, "test" or "held-out".
        headline: the metric that they are judged on first, if one was named.
        chance: chance level on these samples, if it is known.
        looks: the looks at the results, if seeds are added in rounds.
        others: other metrics that the runs logged.
    """

    names: tuple[str, ...] = ()
    seeds: int | None = None
    judged_on: str = "test"
    headline: Metric | None = None
    chance: Chance | None = None
    looks: Looks | None = None
    others: tuple[Metric, ...] = ()
