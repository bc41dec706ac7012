"""Schedules against PyTorch's schedulers, and the cost of an import.

Left out: writing a value into an optimizer, which PyTorch's stepping includes and sampling does not need; the scalar
line shows what one value costs. PyTorch's best setting here is one parameter group and float rates.
"""

import os
import statistics
import subprocess
import sys
import timeit

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

import stepsize as ss
from measure import ratio, rounds, seconds

STEPS = 1_000_000
PLAN = ss.Linear(0.003, 0.3, STEPS // 10) >> ss.Cosine(0.3, 0.01, STEPS - STEPS // 10)


def step_torch(steps: int = STEPS // 20) -> None:
    """Step PyTorch's pair through a twentieth of the run: its cost a step is the same throughout."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    warmup = LinearLR(optimizer, 0.01, 1.0, steps // 10)
    cosine = CosineAnnealingLR(optimizer, steps - steps // 10, 0.01)
    scheduler = SequentialLR(optimizer, [warmup, cosine], [steps // 10])
    optimizer.step()
    for _ in range(steps):
        scheduler.step()


def importing(module: str) -> float:
    """Seconds of a fresh interpreter that imports the module, compiled before as an installed one is."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return seconds(lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=environment))


def main() -> None:
    taken = rounds({"sample": PLAN.sample, "torch": step_torch}, 7)
    label = "a million steps sampled, times faster than stepping SequentialLR"
    ratio(label, [20 * t for t in taken["torch"]], taken["sample"], ">= 80")

    number = 200_000
    for name, step in (("in the warmup", STEPS // 20), ("in the cosine", STEPS // 2), ("past the end", 2 * STEPS)):
        each = [t / number * 1e6 for t in timeit.repeat(lambda step=step: PLAN(step), number=number, repeat=7)]
        print(
            f"a scalar call {name}: {statistics.median(each):.2f} us ({min(each):.2f} to {max(each):.2f}; target < 0.8)"
        )

    for module in ("numpy", "stepsize"):
        importing(module)
    numpy, stepsize = [], []
    for _ in range(15):
        numpy.append(importing("numpy"))
        stepsize.append(importing("stepsize"))
    ratio("import stepsize, times import numpy (whole interpreters)", stepsize, numpy, "<= 1.6")
    bare = statistics.median(importing("sys") for _ in range(15))
    label = "the same, less a bare interpreter's start"
    ratio(label, [t - bare for t in stepsize], [t - bare for t in numpy], "<= 1.6")


if __name__ == "__main__":
    main()
