"""The runs of the stores in these tests, and points that they log."""

from stepsize.store.run import Point

RUNS = [("flat", "Constant(0.1)", 0), ("flat", "Constant(0.1)", 1), ("down", "Linear(0.1, 0.0, 40)", 0)]


def points(*steps: int) -> list[Point]:
    return [Point(step, 0.1, 1 / step, step / 1000) for step in steps]
