"""The lab: schedules compared on real training, on equal terms. It needs the extra `lab` (PyTorch and others)."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    from stepsize.errors import MissingExtraError

    raise MissingExtraError.naming("PyTorch", "lab") from error

from stepsize.lab.comparison import Comparison, compare, extend, resume
from stepsize.lab.experiment import SIX_SCHEDULES, Experiment
from stepsize.lab.experiment_file import read_experiment
from stepsize.lab.finding import find_rate, train_grid
from stepsize.lab.report.html import html_report
from stepsize.lab.statistics import findings
from stepsize.lab.task import Task
from stepsize.lab.tasks import load_task
from stepsize.lab.training import train
from stepsize.lab.training_run import TrainingRun
from stepsize.store import load_runs as load

__all__ = [
    "SIX_SCHEDULES",
    "Comparison",
    "Experiment",
    "Task",
    "TrainingRun",
    "compare",
    "extend",
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
