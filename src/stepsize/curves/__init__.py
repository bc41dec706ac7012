"""Loss curves and range tests as values, and the reader of everybody's logs."""

from stepsize.curves.loss_curve import LossCurve
from stepsize.curves.range_test import RangeTest
from stepsize.curves.read_curves import read_curves

__all__ = ["LossCurve", "RangeTest", "read_curves"]
