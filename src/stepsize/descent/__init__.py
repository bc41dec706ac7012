"""Optimizers as update rules on arrays, surfaces to descend, and what becomes of it. Needs NumPy only."""

from stepsize.descent.adam import Adam, AdamW
from stepsize.descent.adaptive import Adadelta, AdaGrad, RMSProp
from stepsize.descent.momentum import GradientDescent, Momentum
from stepsize.descent.optimizers import optimizer_from
from stepsize.descent.rule import Optimizer

__all__ = [
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "GradientDescent",
    "Momentum",
    "Optimizer",
    "RMSProp",
    "optimizer_from",
]
