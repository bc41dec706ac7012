"""How close two values of a schedule must be, relative to the numbers it computes with."""

import math

import numpy as np

from stepsize import Schedule
from strategies import RUN


def size(schedule: Schedule) -> float:
    """How large numbers get inside a tree: what rounding errors are measured against."""
    own = float(np.abs(schedule(np.arange(4.0 * RUN) / 2)).max())
    parts = [size(child) for child in schedule._children]
    return max([1.0, own, math.prod(max(part, 1.0) for part in parts[:6]) if parts else 0.0])


def assert_close(found: object, expected: object, schedule: Schedule | None = None) -> None:
    scale = 1e-15 if schedule is None else 1e-12 * size(schedule)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=scale)


def on_whole_steps(schedule: Schedule) -> list[float]:
    return [schedule(step) for step in range(RUN)]
