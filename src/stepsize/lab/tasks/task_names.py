"""The forms of a task's name. They are checked without PyTorch, so that a mistyped name is refused at once."""

import os
import re
from pathlib import Path

from stepsize.arguments import nearest
from stepsize.errors import DataError, quoted

BUILT_IN = ("fashion-mnist", "digits", "stdlib-lm")
FUNCTION = re.compile(r"(?:[A-Za-z_][\w.]*|(?P<file>.+\.py)):[A-Za-z_]\w*")


def is_folder(task: str) -> bool:
    """Whether the name is that of a folder with Fashion-MNIST's files."""
    is_other = not task or task in BUILT_IN or FUNCTION.fullmatch(task)  # Path("") is the current folder
    return not is_other and Path(os.path.expanduser(task)).is_dir()


def task_name(owner: str, name: str, task: str) -> str:
    """The rule of a task's name: one of ours, an importable function, or a folder."""
    if task in BUILT_IN or FUNCTION.fullmatch(task) or is_folder(task):
        return task
    known = f"write {', '.join(BUILT_IN)}, a folder that exists, package.module:function or file.py:function"
    missing = (
        f'the task "{task}" is not a folder that exists' if os.sep in task else f"no task is called {quoted(task)}"
    )
    if task.endswith(".py") and Path(task).is_file():
        raise DataError(f"{task} names no function", f"write {task}:FUNCTION").about(owner, name)
    module, _, function = task.rpartition(".")
    if function.isidentifier() and Path(f"{module.replace('.', os.sep)}.py").is_file():
        raise DataError(missing, f"write {module}:{function}").about(owner, name)
    raise DataError(missing, nearest(task, BUILT_IN) or known).about(owner, name)
