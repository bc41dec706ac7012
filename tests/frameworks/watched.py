"""What the tests in frameworks share: a plan, a small problem, an optimizer that notes its rates, two processes."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch.optim import SGD

import stepsize as ss

PLAN = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 15)


class WatchedSGD(SGD):
    """SGD whose `used` is the list of rates that its updates used."""

    def __init__(self, parameters):
        self.used = []
        super().__init__(parameters, lr=0.1, momentum=0.9)  # momentum: where a resume is not exact, the weights tell

    def step(self, closure=None):
        loss = None if closure is None else closure()
        self.used.append(self.param_groups[0]["lr"])
        super().step()
        return loss


def line():
    """A model, the same at every call."""
    torch.manual_seed(0)
    return torch.nn.Linear(4, 1)


def samples(n):
    """Equal samples, so that it does not matter which of them a resumed run begins with."""
    return [torch.ones(4)] * n


def planned(start, stop):
    """The rates of these updates."""
    return PLAN.sample(stop)[start:].tolist()


def in_two_processes(program, folder):
    """Run a program of this folder, which starts two processes and writes to the folder in its argument."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / program, folder],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(here), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
