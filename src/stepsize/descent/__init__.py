"""Optimizers as update rules on arrays, surfaces to descend, and what becomes of it.

Needs NumPy; SymPy for formulas, and scikit-learn for `diabetes`.
"""

from stepsize.descent.adam import Adam, AdamW
from stepsize.descent.adaptive import Adadelta, AdaGrad, RMSProp
from stepsize.descent.convexity import Chord, Convexity, is_convex, is_convex_set
from stepsize.descent.landscapes import SURFACES
from stepsize.descent.least_squares import LeastSquares, TimedDescent, descend_in_batches, diabetes
from stepsize.descent.momentum import GradientDescent, Momentum
from stepsize.descent.optimizers import optimizer_from
from stepsize.descent.rule import Optimizer
from stepsize.descent.sources import surface_from
from stepsize.descent.surface import Surface
from stepsize.descent.trajectory import Trajectory, descend

__all__ = [
    "SURFACES",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Chord",
    "Convexity",
    "GradientDescent",
    "LeastSquares",
    "Momentum",
    "Optimizer",
    "RMSProp",
    "Surface",
    "TimedDescent",
    "Trajectory",
    "descend",
    "descend_in_batches",
    "diabetes",
    "is_convex",
    "is_convex_set",
    "optimizer_from",
    "surface_from",
]
