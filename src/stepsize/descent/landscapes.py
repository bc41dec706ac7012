"""Surfaces with names: what optimizers are shown and tried on, each with its exact gradient."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from stepsize.descent.rule import Floats
from stepsize.descent.surface import Surface

Partials = tuple[Floats, ...]
PI, TWO_PI = math.pi, 2.0 * math.pi


def _wave(x: Floats) -> Floats:
    return x * np.cos(PI * x)


def _wave_slope(x: Floats) -> Partials:
    return (np.cos(PI * x) - PI * x * np.sin(PI * x),)


def _cubic(x: Floats) -> Floats:
    return x**3


def _cubic_slope(x: Floats) -> Partials:
    return (3.0 * x**2,)


def _saddle(x: Floats, y: Floats) -> Floats:
    return x**2 - y**2


def _saddle_slope(x: Floats, y: Floats) -> Partials:
    return 2.0 * x, -2.0 * y


def _tanh(x: Floats) -> Floats:
    return np.tanh(x)


def _tanh_slope(x: Floats) -> Partials:
    return (1.0 / np.cosh(x) ** 2,)


def _parabola(x: Floats) -> Floats:
    return x**2


def _parabola_slope(x: Floats) -> Partials:
    return (2.0 * x,)


def _bowl(x: Floats, y: Floats) -> Floats:
    return 0.1 * x**2 + 2.0 * y**2


def _bowl_slope(x: Floats, y: Floats) -> Partials:
    return 0.2 * x, 4.0 * y


def _rosenbrock(x: Floats, y: Floats) -> Floats:
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def _rosenbrock_slope(x: Floats, y: Floats) -> Partials:
    above = y - x**2
    return -2.0 * (1.0 - x) - 400.0 * x * above, 200.0 * above


def _beale(x: Floats, y: Floats) -> Floats:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _beale_slope(x: Floats, y: Floats) -> Partials:
    first, second, third = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    across = 2.0 * (first * (y - 1.0) + second * (y**2 - 1.0) + third * (y**3 - 1.0))
    return across, 2.0 * x * (first + 2.0 * y * second + 3.0 * y**2 * third)


def _himmelblau(x: Floats, y: Floats) -> Floats:
    return (x**2 + y - 11.0) ** 2 + (x + y**2 - 7.0) ** 2


def _himmelblau_slope(x: Floats, y: Floats) -> Partials:
    first, second = x**2 + y - 11.0, x + y**2 - 7.0
    return 4.0 * x * first + 2.0 * second, 2.0 * first + 4.0 * y * second


def _booth(x: Floats, y: Floats) -> Floats:
    return (x + 2.0 * y - 7.0) ** 2 + (2.0 * x + y - 5.0) ** 2


def _booth_slope(x: Floats, y: Floats) -> Partials:
    first, second = x + 2.0 * y - 7.0, 2.0 * x + y - 5.0
    return 2.0 * first + 4.0 * second, 4.0 * first + 2.0 * second


def _ackley(x: Floats, y: Floats) -> Floats:
    far = np.sqrt((x**2 + y**2) / 2.0)
    waves = (np.cos(TWO_PI * x) + np.cos(TWO_PI * y)) / 2.0
    # expm1 keeps what is left near the minimum, where 20 - 20 would cancel.
    return -20.0 * np.expm1(-0.2 * far) - math.e * np.expm1(waves - 1.0)


def _ackley_slope(x: Floats, y: Floats) -> Partials:
    far = np.sqrt((x**2 + y**2) / 2.0)
    waves = np.exp((np.cos(TWO_PI * x) + np.cos(TWO_PI * y)) / 2.0)
    # At the minimum itself the surface is a tip without a slope: 0 is the middle of all slopes around it.
    inward = np.divide(2.0 * np.exp(-0.2 * far), far, out=np.zeros_like(far), where=far != 0.0)
    return inward * x + PI * np.sin(TWO_PI * x) * waves, inward * y + PI * np.sin(TWO_PI * y) * waves


def _named(*surfaces: Surface) -> Mapping[str, Surface]:
    return MappingProxyType({surface.name: surface for surface in surfaces})


SURFACES = _named(
    Surface(
        "wave", "x cos(pi x)", _wave, _wave_slope, 1, ((-1.0, 2.0),), ((1.0904082219467213,), (-0.2738526868008509,))
    ),
    Surface("cubic", "x^3", _cubic, _cubic_slope, 1, ((-2.0, 2.0),), saddles=((0.0,),)),
    Surface("saddle", "x^2 - y^2", _saddle, _saddle_slope, 2, ((-2.0, 2.0), (-2.0, 2.0)), saddles=((0.0, 0.0),)),
    Surface("tanh", "tanh(x)", _tanh, _tanh_slope, 1, ((-2.0, 5.0),)),
    Surface("parabola", "x^2", _parabola, _parabola_slope, 1, ((-11.0, 11.0),), ((0.0,),)),
    Surface("bowl", "0.1 x^2 + 2 y^2", _bowl, _bowl_slope, 2, ((-5.5, 1.5), (-3.0, 2.0)), ((0.0, 0.0),)),
    Surface(
        "rosenbrock",
        "(1 - x)^2 + 100 (y - x^2)^2",
        _rosenbrock,
        _rosenbrock_slope,
        2,
        ((-2.0, 2.0), (-1.0, 3.0)),
        ((1.0, 1.0),),
    ),
    Surface(
        "beale",
        "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2",
        _beale,
        _beale_slope,
        2,
        ((-4.5, 4.5), (-4.5, 4.5)),
        ((3.0, 0.5),),
        ((0.0, 1.0),),
    ),
    Surface(
        "himmelblau",
        "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
        _himmelblau,
        _himmelblau_slope,
        2,
        ((-5.5, 5.5), (-5.5, 5.5)),
        (
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.2831859912861696),
            (3.5844283403304917, -1.8481265269644036),
        ),
        (
            (0.08667750455539636, 2.884254701174776),
            (3.385154183607021, 0.07385187983774928),
            (-3.0730257507643897, -0.08135304428796751),
            (-0.12796134673068008, -1.9537149802445763),
        ),
    ),
    Surface(
        "booth",
        "(x + 2 y - 7)^2 + (2 x + y - 5)^2",
        _booth,
        _booth_slope,
        2,
        ((-10.0, 10.0), (-10.0, 10.0)),
        ((1.0, 3.0),),
    ),
    Surface(
        "ackley",
        "20 - 20 exp(-0.2 sqrt((x^2 + y^2) / 2)) + e - exp((cos(2 pi x) + cos(2 pi y)) / 2)",
        _ackley,
        _ackley_slope,
        2,
        ((-4.0, 4.0), (-4.0, 4.0)),
        ((0.0, 0.0),),
    ),
)
"""Surfaces by name: wave, cubic, saddle, tanh, parabola, bowl, rosenbrock, beale, himmelblau, booth, ackley.

Reference: Rosenbrock (1960); Beale (1958); Himmelblau (1972); Ackley (1987); Booth, and windows of these, as in
Jamil and Yang, "A Literature Survey of Benchmark Functions for Global Optimization Problems", arXiv 1308.4008 (2013).
"""
