"""Tasks by name: the built-in ones, and importable functions."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from stepsize.errors import ArgumentError, RunError, StepsizeError, quoted, shown
from stepsize.lab.experiment import Experiment
from stepsize.lab.names import BUILT_IN, FUNCTION, is_folder, task_name
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.tasks.images import digits, fashion_mnist, from_folder
from stepsize.lab.tasks.language import stdlib_lm
from stepsize.lab.tasks.task import Task
from stepsize.schedules.function import imported, parameters_of

_BUILT_IN: dict[str, Callable[[], Task]] = dict(zip(BUILT_IN, (fashion_mnist, digits, stdlib_lm), strict=True))


AnyTask = Task | OwnLoop
"""What a comparison trains: a network on data, or a loop or a command that trains by itself."""


@functools.lru_cache(maxsize=1)  # a comparison has one task, and its runs follow one another in a process
def load_task(task: str) -> Task | OwnLoop:
    """The task of this name: "fashion-mnist", "digits", "stdlib-lm", a folder with Fashion-MNIST, or your own.

    Your own is an importable function, "package.module:function" or "file.py:function": one without arguments that
    returns a `Task`, or a training loop `train(run)`, which is returned as an `OwnLoop`. The random states of Python,
    NumPy and PyTorch are seeded while it is imported and called, and restored afterwards.

    Raises:
        ArgumentError: the function cannot be imported, needs an argument that is not `run`, or does not return a task.
        DataError: there is no such name or folder, or data are missing, cut short or altered.
        RunError: the function raised an error.
    """
    if task in _BUILT_IN:
        return _BUILT_IN[task]()
    if is_folder(task_name("load_task", "task", task)):
        return from_folder(Path(os.path.expanduser(task)))
    return _own(task)


def task_of(experiment: Experiment) -> AnyTask:
    """What the experiment trains: its task, or its command."""
    return load_task(experiment.task) if experiment.command is None else OwnLoop(experiment.command, is_command=True)


def task_with_data(name: str) -> Task:
    """The task of this name, which has data and a network."""
    task = load_task(name)
    if isinstance(task, OwnLoop):
        rule = "a task with a network and data, not a training loop of your own"
        advice = "test the range in your loop with stepsize.pytorch.range_test"
        raise ArgumentError("load_task", "task", rule, name, advice)
    return task


def lasting_name(name: str) -> str:
    """The name of a task that is valid in any working directory, with the absolute path of a folder or file."""
    function = FUNCTION.fullmatch(name)
    if function and (file := function["file"]):
        return f"{Path(file).absolute()}{name.removeprefix(file)}"
    return str(Path(os.path.expanduser(name)).absolute()) if is_folder(name) else name


def experiment_task(experiment: Experiment) -> Task:
    """The experiment's task, with the training samples and the test set that the experiment asks for."""
    task = task_with_data(experiment.task)
    if differences := other_data(experiment.digests, task):
        raise RunError(
            f"the task {quoted(experiment.task)} gave different data in this process ({'; '.join(differences)})",
            "draw them from a generator with a seed, or save them and load them in the task; if its code was changed, "
            "restart Python",
        )
    return task.for_experiment(experiment)


def other_data(digests: Sequence[str], task: AnyTask) -> list[str]:
    """How the task's data differ from those with these digests: `test inputs: 9 x 1 ..., and here 8 x 1 ...`.

    Nothing if there are no digests, as in an experiment that was not started by `compare`.
    """
    if not digests:
        return []
    pairs = zip(digests, task.digests, strict=True)
    return [f"{before}, and here {now.partition(': ')[2]}" for before, now in pairs if before != now]


def _own(name: str) -> AnyTask:
    with seeded_draws(0):  # a module may draw its data as it is imported
        make = imported("load_task", "task", name)
    parameters = [each for each in parameters_of(make).values() if each.default is each.empty]
    needed = [each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    if needed == ["run"]:
        return OwnLoop(name, headline={each: vars(make)[each] for each in ("metric", "mode") if each in vars(make)})
    if needed:
        advice = f"it needs {', '.join(map(shown, needed))}; give each a default, or name a function without arguments"
        rule = "a function without arguments, or a training loop with the one argument run"
        raise ArgumentError("load_task", "task", rule, name, advice)
    try:
        with seeded_draws(0):
            task = make()
    except StepsizeError:
        raise
    except (Exception, SystemExit) as error:
        raise RunError(f"the task {quoted(name)} raised {shown(error, 200)}").about("load_task", "task") from error
    if not isinstance(task, Task):
        advice = f"it returned {shown(task)}"
        raise ArgumentError("load_task", "task", "a function that returns a stepsize.lab.Task", name, advice)
    return task
