"""Which engine trains the runs of an experiment: the one that it names, or the fastest that can."""

from collections.abc import Mapping
from typing import Protocol

import torch

from stepsize.errors import ArgumentError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import local, ray, stacked
from stepsize.lab.engines.stack_gain import enough_runs, little_shared, small_enough
from stepsize.lab.engines.workers import Workers
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops import engine as own_loops
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.run_watcher import RunWatcher
from stepsize.lab.tasks.by_name import task_of
from stepsize.lab.tasks.task import Task


class Engine(Protocol):
    """A module with these two functions."""

    def check(self, experiment: Experiment) -> None:
        """Check, before anything is written, that the engine can train the runs; the device exists.

        Raises:
            ArgumentError: it cannot.
            MissingExtraError: a library that it needs is not installed.
            RunError: the machines that it needs do not answer.
        """

    def train_runs(
        self,
        specs: Mapping[int, RunSpec],
        experiment: Experiment,
        directory: ResultDirectory,
        workers: Workers,
        watcher: RunWatcher,
    ) -> None:
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

    Raises:
        ArgumentError, MissingExtraError, RunError: as for `Engine.check`.
    """
    if experiment.engine != "auto":
        engine_of(experiment).check(experiment)
        return experiment.engine
    task = task_of(experiment)
    if not isinstance(task, Task):
        own_loops.check(experiment)
        return "local"
    on_cpu = torch.device(experiment.device).type == "cpu"
    if on_cpu and not enough_runs(experiment):
        return "local"
    try:
        stacked.check(experiment)
    except ArgumentError:
        return "local"
    if not on_cpu:
        return "stacked"
    faster = small_enough(task) and little_shared(experiment.run_specs(task.horizon(experiment)))
    return "stacked" if faster else "local"


def engine_of(experiment: Experiment) -> Engine:
    """The engine that trains the experiment's runs, once it is `chosen`."""
    return own_loops if isinstance(task_of(experiment), OwnLoop) else ENGINES[experiment.engine]
