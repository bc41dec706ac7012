"""Whether a stack on a CPU is faster than a process for each run.

It is with enough runs for each core, small networks, and no more than a little that `local` would train once for
several runs.

Three runs stacked against the same three one after another, one core, batches of 64, by multiply-adds of a sample:

    chains of convolutions  92,000: 1.4   416,000: 1.2   526,000: 1.1   1,650,000: 0.9
    chains of dense layers  26,000: 1.3   118,000: 1.2   270,000: 1.1     670,000: 1.0
    other networks          26,000: 1.3    92,000: 1.0   118,000: 1.1     416,000: 0.8

Two stacked runs took between 0.9 and 1.1 times as long as two apart.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import torch
from torch import nn

from stepsize.lab.branches import shared_beginnings
from stepsize.lab.engines.grouped import GroupedNetwork
from stepsize.lab.engines.runs import cores
from stepsize.lab.experiment import Experiment
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.tasks.task import Task

LEAST_RUNS = 3  # for each core
MOST_SHARED = 0.2  # of all updates
MOST_IN_A_CHAIN = 500_000  # multiply-adds of a sample
MOST_ELSE = 100_000


def enough_runs(experiment: Experiment) -> bool:
    """Whether each core would have enough runs for stacks to be faster."""
    runs = len(experiment.schedules) * len(experiment.seeds)
    return ceil(runs / cores()) >= LEAST_RUNS


def little_shared(specs: Sequence[RunSpec]) -> bool:
    """Whether processes would save less by training shared beginnings once than stacks do."""
    shared = sum(branch.step for branch in shared_beginnings(dict(enumerate(specs))).values())
    return shared <= MOST_SHARED * sum(spec.steps for spec in specs)


def small_enough(task: Task) -> bool:
    """Whether the task's network, which can be stacked, takes so little time that a stack is faster."""
    with seeded_draws(0):
        model = task.initial_model(0)
        most = MOST_ELSE if GroupedNetwork.of(model) is None else MOST_IN_A_CHAIN
        return multiply_adds(model, task.train[0][:1]) <= most


def multiply_adds(model: nn.Module, sample: torch.Tensor) -> int:
    """Those of the dense layers and convolutions of a network, for one sample (1, ...).

    Example:
        >>> multiply_adds(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), torch.ones(1, 2))
        9
    """
    total = 0

    def add(layer: Any, _: object, outputs: torch.Tensor) -> None:
        nonlocal total
        total += layer.weight[0].numel() * outputs.numel()

    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            layer.register_forward_hook(add)
    with torch.no_grad():
        model.eval()(sample)
    return total
