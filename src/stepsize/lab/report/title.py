"""The title of a report: metric, network and task."""

from collections.abc import Sequence
from pathlib import PurePath

from stepsize.errors import one_line
from stepsize.lab.experiment import Experiment
from stepsize.lab.report.tables import LONGEST, grouped, heading, tables
from stepsize.lab.statistics.findings import Terms
from stepsize.lab.tasks.by_name import AnyTask
from stepsize.plots.curves import printable
from stepsize.store.run import Logged

UNNAMED = "task"  # the default name of a Task


def title_of(experiment: Experiment, task: AnyTask, runs: Sequence[Logged], terms: Terms) -> str:
    """`Test accuracy of lenet on fashion-mnist under 6 schedules`, as far as it is known."""
    found = tables(grouped(runs, terms.names), terms)
    metric = heading(found[0].metric) if found else "Results"
    named = experiment.task if task.name == UNNAMED else task.name
    name = named if experiment.command else PurePath(named).name  # the file of a function, without its folder
    network = f"{_short(task.network)} on " if task.network else ""
    count = len(experiment.schedules)
    under = f"{count} schedules" if count > 1 else "one schedule"
    return f"{metric} of {network}{_short(name)} under {under}"


def _short(name: str) -> str:
    return one_line(printable(name), LONGEST)
