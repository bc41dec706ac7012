"""Made-up runs for pictures."""

import math

import numpy as np

from stepsize import Schedule
from stepsize.store.run import Epoch, Point, Run

EPOCH = 100


def made_up_run(name: str, schedule: Schedule, seed: int = 0, steps: int = 300, diverges: bool = False) -> Run:
    """Points every 25 steps, and epochs of 100. A diverged run shoots up at the last point but one and ends in NaN."""
    noise = np.random.default_rng(seed)
    points, epochs = [], []
    for step in range(25, steps + 1, 25):
        loss = 2.3 * math.exp(-step / 100) + 0.3 + 0.05 * noise.random()
        if diverges and step > steps - 50:
            loss = 1e9 if step < steps else math.nan
        points.append(Point(step, schedule(step - 1), loss, 0.8))
        if step % EPOCH == 0:
            epochs.append(Epoch(step, loss, 0.8, loss, 0.9 - 0.3 * math.exp(-step / 200) + 0.01 * noise.random()))
    return Run(name, str(schedule), seed, tuple(points), tuple(epochs), 1.0, "diverged" if diverges else "finished")
