"""Tasks by name: those built in, and the user's own functions."""

import functools
import inspect
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

import torch

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, RunError, StepsizeError, quoted, shown
from stepsize.lab.data import digits, fashion_mnist, from_folder
from stepsize.lab.experiment import Experiment
from stepsize.lab.language import stdlib_lm
from stepsize.lab.nets import image_task
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.task import Task
from stepsize.schedules.function import imported

_FUNCTION = re.compile(r"(?:[A-Za-z_][\w.]*|(?P<file>.+\.py)):[A-Za-z_]\w*")
_BUILT_IN: dict[str, Callable[[], Task]] = {
    "fashion-mnist": lambda: image_task(fashion_mnist()),
    "digits": lambda: image_task(digits()),
    "stdlib-lm": stdlib_lm,
}


@functools.lru_cache(maxsize=1)  # runs follow one another in a process, and a comparison has one task
def load_task(name: str) -> Task:
    """The task called "fashion-mnist", "digits" or "stdlib-lm"; or Fashion-MNIST from a folder; or one's own.

    One's own is an importable function without arguments that returns a `Task`, as "package.module:function". The
    random states of Python, NumPy and PyTorch are seeded while it is imported and called, and left as they were.

    Raises:
        ArgumentError: the function cannot be imported, needs an argument, or gives no task.
        DataError: there is no such name or folder, or data are missing, cut short or altered.
        RunError: the function raised an error.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    if _FUNCTION.fullmatch(name):
        return _own(name)
    advice = (
        nearest(name, _BUILT_IN)
        or f"write {', '.join(_BUILT_IN)}, a folder that exists, package.module:function or file.py:function"
    )
    what = f'the task "{name}" is no folder that exists' if os.sep in name else f"no task is called {quoted(name)}"
    return image_task(from_folder(name, f"{what}; {advice}"))


def lasting_name(name: str) -> str:
    """The name of a task as it holds in any working directory, with the whole path of a folder or file."""
    if (function := _FUNCTION.fullmatch(name)) and (file := function["file"]):
        return f"{Path(file).absolute()}{name.removeprefix(file)}"
    folder = Path(os.path.expanduser(name))
    is_folder = name != "" and name not in _BUILT_IN and not _FUNCTION.fullmatch(name) and folder.is_dir()
    return str(folder.absolute()) if is_folder else name


def experiment_task(experiment: Experiment) -> Task:
    """The experiment's task, with the training samples that it asks for, and what it is judged on as its test set.

    Raises:
        RunError: the data are not those that the experiment began on.
    """
    task = load_task(experiment.task)
    if others := other_data(experiment.digests, task):
        raise RunError(
            f"the task {quoted(experiment.task)} gave other data in this process than where the comparison began "
            f"({'; '.join(others)}); let it draw from a generator with a seed, or save the data and load them there; "
            "where its code was changed, start Python anew"
        )
    if experiment.samples is not None:
        inputs, targets = task.train
        task = replace(task, train=(inputs[: experiment.samples], targets[: experiment.samples]))
    return task.held_out() if experiment.held_out else task


def other_data(digests: Sequence[str], task: Task) -> list[str]:
    """In what the task's data differ from those with these digests: `test inputs: 9 x 1 ..., and here 8 x 1 ...`.

    Nothing, where there are no digests: an experiment that is made by hand has none, nor has an older store.
    """
    if not digests:
        return []
    pairs = zip(digests, task.digests, strict=True)
    return [f"{before}, and here {now.partition(': ')[2]}" for before, now in pairs if before != now]


def _own(name: str) -> Task:
    with _seeded():  # a module may draw its data as it is imported
        make = imported(f"the task {quoted(name)}", name)
    if needed := _needed(make):
        raise ArgumentError(
            f"the task {quoted(name)} is called without arguments, and it needs {needed}; give each a default, or name "
            "a function that does without"
        )
    try:
        with _seeded():
            task = make()
    except StepsizeError:
        raise
    except (Exception, SystemExit) as error:
        raise RunError(f"the task {quoted(name)} raised {shown(error, 200)}") from error
    if not isinstance(task, Task):
        raise ArgumentError(f"the task {quoted(name)} must return a stepsize.lab.Task, got {shown(task)}")
    return task


def _seeded() -> AbstractContextManager[None]:
    """What is drawn within it is the same in every process."""
    return seeded_draws(0, torch.device("cpu"))


def _needed(make: Callable[..., object]) -> str:
    """The arguments without which it cannot be called."""
    with suppress(TypeError, ValueError):  # one that is not written in Python need not say what it takes
        return ", ".join(
            shown(each.name)
            for each in inspect.signature(make).parameters.values()
            if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        )
    return ""
