"""Which engine trains the runs of an experiment: the one that it names, or the fastest that can.

On a CPU a stack is faster than a process for each run if there are enough runs for each core, the network is small, and
`local` would train no more than a little once for several runs. Three runs stacked against the same three one after
another, one core, batches of 64, by multiply-adds of a sample:

    chains of convolutions  92,000: 1.4   416,000: 1.2   526,000: 1.1   1,650,000: 0.9
    chains of dense layers  26,000: 1.3   118,000: 1.2   270,000: 1.1     670,000: 1.0
    other networks          26,000: 1.3    92,000: 1.0   118,000: 1.1     416,000: 0.8

Two stacked runs took between 0.9 and 1.1 times as long as two apart.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Protocol

import torch
from torch import nn

from stepsize.errors import ArgumentError
from stepsize.lab.engines import local, ray, stacked
from stepsize.lab.engines.stack import GroupedNetwork
from stepsize.lab.engines.workers import Training
from stepsize.lab.environment import cores
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops import engine as own_loops
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.run_spec import RunSpec, shared_beginnings
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.tasks.by_name import task_of
from stepsize.lab.tasks.task import Task

LEAST_RUNS = 3  # for each core
MOST_SHARED = 0.2  # of all updates
MOST_IN_A_CHAIN = 500_000  # multiply-adds of a sample
MOST_ELSE = 100_000


class Engine(Protocol):
    """A module with these two functions."""

    def check(self, experiment: Experiment) -> None:
        """Raise an error, before anything is written, if the engine cannot train the runs; the device exists."""

    def train_runs(self, specs: Mapping[int, RunSpec], training: Training) -> None:
        """Train the runs, in the workers if the engine trains in processes on this machine, and tell the watcher.

        Each run continues from its checkpoint if there is one, and writes its records and its end to the directory's
        store. If a run fails, the others continue. If a process dies, its runs continue from their last checkpoint;
        after three deaths without progress, the incomplete ones have failed.

        Raises:
            RunError: a run failed; raised at the end.
            OutputError: the store cannot be written to.
        """


ENGINES: dict[str, Engine] = {"local": local, "stacked": stacked, "ray": ray}


def chosen(experiment: Experiment) -> str:
    """The name of the engine that the experiment asks for.

    "auto" is "stacked" if the runs can be stacked, and on a CPU only if that is faster; otherwise it is "local". It
    depends on the experiment, its task and the number of cores; the store keeps the name for a resume.
    """
    if experiment.engine != "auto":
        engine_of(experiment).check(experiment)
        return experiment.engine
    task = task_of(experiment)
    if not isinstance(task, Task):
        own_loops.check(experiment)
        return "local"
    on_cpu = torch.device(experiment.device).type == "cpu"
    runs = len(experiment.schedules) * len(experiment.seeds)
    if on_cpu and ceil(runs / cores()) < LEAST_RUNS:
        return "local"
    try:
        stacked.check(experiment)
    except ArgumentError:
        return "local"
    return "local" if on_cpu and is_slower_stacked(task, experiment.run_specs(task.horizon(experiment))) else "stacked"


def engine_of(experiment: Experiment) -> Engine:
    """The engine that trains the experiment's runs, once it is `chosen`."""
    return own_loops if isinstance(task_of(experiment), OwnLoop) else ENGINES[experiment.engine]


def is_slower_stacked(task: Task, specs: Sequence[RunSpec]) -> bool:
    """Whether the network is too large for a stack on a CPU, or processes save more by training beginnings once."""
    shared = sum(branch.step for branch in shared_beginnings(dict(enumerate(specs))).values())
    with seeded_draws(0):
        model = task.initial_model(0)
        most = MOST_ELSE if GroupedNetwork.of(model) is None else MOST_IN_A_CHAIN
        too_large = multiply_adds(model, task.train[0][:1]) > most
    return too_large or shared > MOST_SHARED * sum(spec.steps for spec in specs)


def multiply_adds(model: nn.Module, sample: torch.Tensor) -> int:
    """Those of the dense layers and convolutions of a network, for one sample (1, ...)."""
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
