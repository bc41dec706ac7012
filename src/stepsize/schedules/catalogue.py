"""Every shape, operator and recipe there is: what the text and JSON forms may name.

A new shape is a class, a line here, and a line in the documentation.
"""

from stepsize.schedules.arithmetic import Clip, Product, Quotient, Sum
from stepsize.schedules.between import Cosine, Geometric, Linear, OneMinusSqrt, Polynomial, Rex
from stepsize.schedules.chain import Chain
from stepsize.schedules.clock import Every, Head, Shift, Stretch, Tail
from stepsize.schedules.endless import Constant, Exponential, InversePower, Staircase
from stepsize.schedules.function import Function
from stepsize.schedules.piecewise import Knots, MultiStep, Piecewise, Table, Triangle
from stepsize.schedules.recipes import (
    cyclic,
    inverse_sqrt,
    noam,
    one_cycle,
    sgdr,
    warmup,
    warmup_cosine,
    wsd,
)
from stepsize.schedules.repeat import Repeat

SHAPES = (
    Constant,
    Linear,
    Cosine,
    Polynomial,
    Geometric,
    OneMinusSqrt,
    Rex,
    Exponential,
    Staircase,
    MultiStep,
    Piecewise,
    InversePower,
    Triangle,
    Knots,
    Table,
    Function,
)
OPERATORS = (Chain, Sum, Product, Quotient, Clip, Shift, Every, Stretch, Repeat, Head, Tail)
RECIPES = (warmup, warmup_cosine, wsd, one_cycle, sgdr, noam, inverse_sqrt, cyclic)
