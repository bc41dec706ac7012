"""Optimizers as update rules on arrays, surfaces to descend, and what becomes of it. Needs NumPy only."""

from stepsize.descent.adam import Adam, AdamW
from stepsize.descent.adaptive import Adadelta, AdaGrad, RMSProp
from stepsize.descent.landscapes import SURFACES
from stepsize.descent.momentum import GradientDescent, Momentum
from stepsize.descent.optimizers import optimizer_from
from stepsize.descent.rule import Optimizer
from stepsize.descent.sources import surface_from
from stepsize.descent.surface import Surface

__all__ = [
    "SURFACES",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "GradientDescent",
    "Momentum",
    "Optimizer",
    "RMSProp",
    "Surface",
    "optimizer_from",
    "surface_from",
]
