"""Loss curves and range tests as values, and readers of the logs of many tools."""

from stepsize.curves.csv_logs import read_csv
from stepsize.curves.loss_curve import LossCurve
from stepsize.curves.range_test import RangeTest
from stepsize.curves.read_curves import read_curves
from stepsize.curves.tensorboard_logs import read_tensorboard
from stepsize.curves.wandb_logs import read_wandb

__all__ = ["LossCurve", "RangeTest", "read_csv", "read_curves", "read_tensorboard", "read_wandb"]
