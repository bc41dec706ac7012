"""Loss curves as values, read from everybody's logs; range tests."""

from stepsize.curves.csv_logs import read_csv as read_csv
from stepsize.curves.csv_logs import read_wandb as read_wandb
from stepsize.curves.event_logs import read_tensorboard as read_tensorboard
from stepsize.curves.loss_curve import LossCurve as LossCurve
from stepsize.curves.range_test import RangeRun as RangeRun
from stepsize.curves.range_test import RangeTest as RangeTest
from stepsize.curves.read_curves import read_curves as read_curves
from stepsize.curves.suggestions import Suggestions as Suggestions

__all__ = [
    "LossCurve",
    "RangeRun",
    "RangeTest",
    "Suggestions",
    "read_csv",
    "read_curves",
    "read_tensorboard",
    "read_wandb",
]
