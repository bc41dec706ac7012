"""The lab: schedules compared on real training, on equal terms. Needs the extra `lab` (PyTorch and its company)."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    from stepsize.errors import MissingExtraError

    raise MissingExtraError.naming("PyTorch", "lab") from error

from stepsize.lab.comparison import Comparison, compare
from stepsize.lab.data import ImageData, load
from stepsize.lab.experiment import SIX_SCHEDULES, Experiment
from stepsize.lab.nets import DigitsNet, LeNet
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.seeding import initial_model
from stepsize.lab.table import Mean, Row
from stepsize.lab.training import TrainingLog, train
from stepsize.lab.watching import Display, Standings

__all__ = [
    "SIX_SCHEDULES",
    "Comparison",
    "DigitsNet",
    "Display",
    "Experiment",
    "ImageData",
    "LeNet",
    "Mean",
    "Row",
    "Standings",
    "TrainingLog",
    "compare",
    "initial_model",
    "load",
    "make_optimizer",
    "train",
]
