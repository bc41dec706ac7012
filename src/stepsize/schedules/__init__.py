"""Schedules as values: shapes, the operators and methods that combine them, recipes, and their text and JSON forms."""

from typing import TYPE_CHECKING

from stepsize.schedules.arithmetic import maximum as maximum
from stepsize.schedules.arithmetic import minimum as minimum
from stepsize.schedules.base import Schedule as Schedule
from stepsize.schedules.formulas import Constant as Constant
from stepsize.schedules.formulas import Cosine as Cosine
from stepsize.schedules.formulas import Exponential as Exponential
from stepsize.schedules.formulas import Geometric as Geometric
from stepsize.schedules.formulas import InversePower as InversePower
from stepsize.schedules.formulas import Linear as Linear
from stepsize.schedules.formulas import Logarithmic as Logarithmic
from stepsize.schedules.formulas import OneMinusSqrt as OneMinusSqrt
from stepsize.schedules.formulas import Polynomial as Polynomial
from stepsize.schedules.formulas import Rex as Rex
from stepsize.schedules.formulas import Staircase as Staircase
from stepsize.schedules.function import Function as Function
from stepsize.schedules.piecewise import Knots as Knots
from stepsize.schedules.piecewise import MultiStep as MultiStep
from stepsize.schedules.piecewise import Piecewise as Piecewise
from stepsize.schedules.piecewise import Table as Table
from stepsize.schedules.piecewise import Triangle as Triangle
from stepsize.schedules.recipes import cyclic as cyclic
from stepsize.schedules.recipes import infinite as infinite
from stepsize.schedules.recipes import inverse_sqrt as inverse_sqrt
from stepsize.schedules.recipes import noam as noam
from stepsize.schedules.recipes import one_cycle as one_cycle
from stepsize.schedules.recipes import one_cycle_momentum as one_cycle_momentum
from stepsize.schedules.recipes import rewarm as rewarm
from stepsize.schedules.recipes import sgdr as sgdr
from stepsize.schedules.recipes import warmup as warmup
from stepsize.schedules.recipes import warmup_cosine as warmup_cosine
from stepsize.schedules.recipes import wsd as wsd
from stepsize.schedules.recipes import wsds as wsds

# These need the reader of texts, which takes as long to import as all the rest.
LOADED_LATER = {
    "ConstantProduct": "assignment",
    "Plan": "plan",
    "from_dict": "dictionary",
    "parse": "text",
    "to_dict": "dictionary",
}

if TYPE_CHECKING:
    from stepsize.schedules.assignment import ConstantProduct as ConstantProduct
    from stepsize.schedules.dictionary import from_dict as from_dict
    from stepsize.schedules.dictionary import to_dict as to_dict
    from stepsize.schedules.plan import Plan as Plan
    from stepsize.schedules.text import parse as parse
else:  # a type checker that saw this function would take a misspelled name for one of ours

    def __getattr__(name: str) -> object:
        if name not in LOADED_LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{LOADED_LATER[name]}"), name)
