"""Schedules for the tests of array libraries, and the steps at which they are called."""

import math

import numpy as np

import stepsize as ss
from stepsize.schedules.base import Schedule

BEYOND = 2**24  # single precision has only even numbers from here on
GRID = np.array([*range(60), *range(60, 240, 9), BEYOND - 1, BEYOND, BEYOND + 1, 2**30 + 1])

PLAN = ss.Linear(0.0, 0.3, 500) >> ss.Cosine(0.3, 0.01, 9500)


def chain(cycles: int) -> Schedule:
    """A chain of three parts per cycle, of three forms."""
    plan: Schedule = ss.Linear(0.0, 1.0, 3)
    for i in range(cycles):
        plan = (
            plan >> ss.Cosine(1 - i / 200, i / 300, 3 + i) >> ss.Linear(i / 300, 0.5, 4) >> ss.Constant(0.1).head(i + 1)
        )
    return plan


MANY = chain(100)

PARTS = {
    "constant": ss.Constant(0.3),
    "chain": PLAN,
    "chain of hundreds": MANY,
    "beyond single precision": ss.Constant(1.0, 20_000_000) >> ss.Linear(1.0, 0.0, 1000),
    "beyond 32 bits": ss.Constant(1.0, 2**40) >> ss.Linear(1.0, 0.0, 2**40),
    "polynomial": ss.Polynomial(1.0, 0.0, 50_000, 2.0),
    "geometric": ss.Geometric(1.0, 0.01, 60),
    "1-sqrt": ss.OneMinusSqrt(1.0, 0.0, 40_000),
    "rex": ss.Rex(1.0, 0.0, 30_000),
    "logarithmic": ss.Logarithmic(0.0, 1.0, 30_000),
    "cosine up": ss.Cosine(0.0, 1.0, 40_000),
    "exponential": ss.Exponential(0.1, 0.9, 30.0),
    "staircase": ss.Staircase(0.4, 0.5, 10),
    "multi-step": ss.MultiStep(1.0, 0.5, (3, 8, 8, 20)),
    "piecewise": ss.Piecewise((0.3, 0.1, 0.03), (5, 12)),
    "long piecewise": ss.Piecewise(tuple(i / 7 for i in range(31)), tuple(range(1, 31))),
    "inverse power": ss.InversePower(1.0, 0.5),
    "triangle": ss.Triangle(0.1, 0.5, 4, 2),
    "knots": ss.Knots(((0, 0.1), (10.5, 0.3), (20, 0.0)), "cosine"),
    "many knots": ss.Knots(tuple((1.5 * i, i % 3) for i in range(30))),
    "table": ss.Table((0.1, 0.3, 0.2)),
    "long table": ss.Table(tuple(i / 9 for i in range(100))),
    "repeat": ss.Piecewise((1.0, 0.5), (30,)).repeat(math.inf, 0.9),
    "repeat with growth": ss.Cosine(1.0, 0.0, 10).repeat(5, 0.5, 1.5),
    "endless growth": ss.Piecewise((1.0, 0.5), (3,)).repeat(math.inf, 1.0, 2.0),
    "shift": ss.Linear(0.0, 1.0, 50).shift(4),
    "every": ss.Linear(0.0, 1.0, 5).every(7),
    "stretch": ss.MultiStep(1.0, 0.5, (3, 8)).stretch(16_000_000),
    "head and tail": ss.Cosine(1.0, 0.0, 100).head(40) + ss.Cosine(1.0, 0.0, 100).tail(40),
    "arithmetic": 2 * ss.Linear(0.0, 1.0, 50) - ss.Cosine(1.0, 0.0, 30) / 3 + 0.1,
    "clip": ss.Exponential(0.6, 0.8).clip(0.01, 0.5),
    "warp": ss.MultiStep(1.0, 0.5, (30, 80)).head(100).warp(2.0),
    "power": ss.Linear(1.0, 0.1, 50) ** 2.5,
    "power of a number": ss.Constant(0.3) ** 2.5,
    "minimum and maximum": ss.minimum(ss.Linear(0.0, 1.0, 50), ss.maximum(ss.Cosine(1.0, 0.0, 80), 0.2)),
    "reclock": ss.Linear(1.0, 0.1, 3000).reclock(ss.Piecewise((4, 16, 8), (100, 900))),
}


def around_boundaries(plan: Schedule) -> np.ndarray:
    """Steps around each boundary, between them, and beyond the end, that fit 32 bits."""
    starts = np.cumsum([0, *(part.steps for part in getattr(plan, "parts", [plan]))])
    steps = [start + near for start in starts if start < 2**30 for near in (-2, -1, 0, 1, 2)]
    return np.unique([step for step in [*steps, *GRID.tolist()] if step >= 0]).astype(np.int64)


def close(got: object, plan: Schedule, steps: np.ndarray, tolerance: float = 1e-5) -> None:
    want = plan(steps)
    np.testing.assert_allclose(np.asarray(got, dtype=np.float64), want, rtol=tolerance, atol=1e-37)
