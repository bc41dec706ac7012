"""The lab: schedules compared on real training, on equal terms. Needs the extra `lab` (PyTorch and its company)."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    from stepsize.errors import MissingExtraError

    raise MissingExtraError.naming("PyTorch", "lab") from error

from stepsize.lab.comparison import Comparison, compare, resume
from stepsize.lab.experiment import SIX_SCHEDULES, Experiment, Plan
from stepsize.lab.experiment_file import read_experiment
from stepsize.lab.finding import Grid, find_rate, train_grid
from stepsize.lab.report.closing import ClosingTable, Row
from stepsize.lab.report.html import About, html_report
from stepsize.lab.statistics import METRICS, Difference, Finding, Mean, Metric, findings
from stepsize.lab.task import Task
from stepsize.lab.tasks import load_task
from stepsize.lab.training import train
from stepsize.lab.tuning import Trial
from stepsize.lab.watching import Display, Standings
from stepsize.store import load_runs as load

__all__ = [
    "METRICS",
    "SIX_SCHEDULES",
    "About",
    "ClosingTable",
    "Comparison",
    "Difference",
    "Display",
    "Experiment",
    "Finding",
    "Grid",
    "Mean",
    "Metric",
    "Plan",
    "Row",
    "Standings",
    "Task",
    "Trial",
    "compare",
    "find_rate",
    "findings",
    "html_report",
    "load",
    "load_task",
    "read_experiment",
    "resume",
    "train",
    "train_grid",
]
