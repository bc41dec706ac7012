"""Tasks by name: those built in, and the user's own functions."""

import functools
import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from stepsize.arguments import nearest, quoted, shown
from stepsize.errors import ArgumentError, RunError, StepsizeError
from stepsize.lab.data import digits, fashion_mnist, from_folder
from stepsize.lab.experiment import Experiment
from stepsize.lab.imports import imported
from stepsize.lab.language import stdlib_lm
from stepsize.lab.nets import image_task
from stepsize.lab.task import Task

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


@functools.lru_cache(maxsize=1)  # runs follow one another in a process, and a comparison has one task
def load_task(name: str) -> Task:
    """The task called "fashion-mnist", "digits" or "stdlib-lm"; or Fashion-MNIST from a folder; or one's own.

    One's own is an importable function without arguments that returns a `Task`, as "package.module:function".

    Raises:
        ArgumentError: the function cannot be imported, needs an argument, or gives no task.
        DataError: there is no such name or folder, or data are missing, cut short or altered.
        RunError: the function raised an error.
    """
    built_in: dict[str, Callable[[], Task]] = {
        "fashion-mnist": lambda: image_task(fashion_mnist()),
        "digits": lambda: image_task(digits()),
        "stdlib-lm": stdlib_lm,
    }
    if name in built_in:
        return built_in[name]()
    if _FUNCTION.fullmatch(name):
        return _own(name)
    advice = nearest(name, built_in) or f"write {', '.join(built_in)}, a folder that exists, or package.module:function"
    return image_task(from_folder(name, f"no task is called {quoted(name)}; {advice}"))


def experiment_task(experiment: Experiment) -> Task:
    """The experiment's task, with the training samples that it asks for, and what it is judged on as its test set."""
    task = load_task(experiment.task)
    if experiment.samples is not None:
        inputs, targets = task.train
        task = replace(task, train=(inputs[: experiment.samples], targets[: experiment.samples]))
    return task.held_out() if experiment.held_out else task


def _own(name: str) -> Task:
    make = imported("task", name)
    if needed := _needed(make):
        raise ArgumentError(
            f"the task {quoted(name)} is called without arguments, and it needs {needed}; give each a default, or name "
            "a function that does without"
        )
    try:
        task = make()
    except StepsizeError:
        raise
    except Exception as error:
        raise RunError(f"the task {quoted(name)} raised {shown(error, 200)}") from error
    if not isinstance(task, Task):
        raise ArgumentError(f"the task {quoted(name)} must return a stepsize.lab.Task, got {shown(task)}")
    return task


def _needed(make: Callable[..., object]) -> str:
    """The arguments without which it cannot be called."""
    with suppress(TypeError, ValueError):  # one that is not written in Python need not say what it takes
        return ", ".join(
            shown(each.name)
            for each in inspect.signature(make).parameters.values()
            if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        )
    return ""
