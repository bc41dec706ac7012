"""Optimizers as update rules on arrays, surfaces to descend, and the trajectories of descents.

Needs NumPy; SymPy for formulas, and scikit-learn for `diabetes`.
"""

from stepsize.descent import optimizers
from stepsize.descent.convexity import is_convex, is_convex_set
from stepsize.descent.least_squares import LeastSquares, descend_in_batches, diabetes
from stepsize.descent.optimizer import Optimizer, optimizer_from
from stepsize.descent.optimizers import *  # noqa: F403  (a new rule is written there alone)
from stepsize.descent.sources import surface_from
from stepsize.descent.surface import SURFACES, Surface
from stepsize.descent.trajectory import Trajectory, descend

__all__ = [
    "SURFACES",
    "LeastSquares",
    "Optimizer",
    "Surface",
    "Trajectory",
    "descend",
    "descend_in_batches",
    "diabetes",
    "is_convex",
    "is_convex_set",
    "optimizer_from",
    "surface_from",
]
__all__ += optimizers.__all__
