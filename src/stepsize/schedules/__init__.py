"""Schedules as values: shapes, the operators and methods that combine them, recipes, and their text and JSON forms."""

from typing import TYPE_CHECKING

from stepsize.schedules.arithmetic import maximum, minimum
from stepsize.schedules.base import Schedule
from stepsize.schedules.formulas import (
    Constant,
    Cosine,
    Exponential,
    Geometric,
    InversePower,
    Linear,
    Logarithmic,
    OneMinusSqrt,
    Polynomial,
    Rex,
    Staircase,
)
from stepsize.schedules.function import Function
from stepsize.schedules.piecewise import Knots, MultiStep, Piecewise, Table, Triangle
from stepsize.schedules.recipes import (
    cyclic,
    infinite,
    inverse_sqrt,
    noam,
    one_cycle,
    one_cycle_momentum,
    rewarm,
    sgdr,
    warmup,
    warmup_cosine,
    wsd,
    wsds,
)

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "Function",
    "Geometric",
    "InversePower",
    "Knots",
    "Linear",
    "Logarithmic",
    "MultiStep",
    "OneMinusSqrt",
    "Piecewise",
    "Polynomial",
    "Rex",
    "Schedule",
    "Staircase",
    "Table",
    "Triangle",
    "cyclic",
    "infinite",
    "inverse_sqrt",
    "maximum",
    "minimum",
    "noam",
    "one_cycle",
    "one_cycle_momentum",
    "rewarm",
    "sgdr",
    "warmup",
    "warmup_cosine",
    "wsd",
    "wsds",
]

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
