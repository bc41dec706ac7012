"""The rules of tasks and schedules by name. They need no PyTorch, so that a mistyped one is refused at once."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, DataError, ParseError, StepsizeError, gathered, quoted, raise_together
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.plan_text import parse_either

BUILT_IN = ("fashion-mnist", "digits", "stdlib-lm")
FUNCTION = re.compile(r"(?:[A-Za-z_][\w.]*|(?P<file>.+\.py)):[A-Za-z_]\w*")

NamedSchedules = tuple[tuple[str, str | Schedule | Plan], ...]

_EXAMPLE = {"schedules": {"cosine": "Cosine(0.2, 0.02, 1000)"}}


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


def named_schedules(owner: str, name: str, value: Any) -> NamedSchedules:
    """The rule of named schedules: a mapping, or pairs, of names to texts or schedules."""
    items = named_items(owner, name, value, "schedules by their names", _EXAMPLE)
    labels = [str(label).strip() for label, _ in items]
    pairs = [*zip(labels, (given for _, given in items), strict=True)]
    if not pairs:
        raise ArgumentError(owner, name, "at least one schedule", value, "write e.g. {schedules}", **_EXAMPLE)
    errors: list[StepsizeError] = []
    for label, given in pairs:
        with gathered(errors):
            _check_named(owner, f"{name}[{label!r}]", label, given)
    for label in dict.fromkeys(label for label in labels if labels.count(label) > 1):
        errors.append(ArgumentError(owner, name, "given different names", label))
    raise_together(errors)
    return tuple(pairs)


def named_items(owner: str, name: str, value: Any, rule: str, example: dict[str, Any]) -> Sequence[tuple[Any, Any]]:
    """The items of a mapping, or the pairs of a sequence."""
    items = [*value.items()] if isinstance(value, Mapping) else value
    if not isinstance(items, tuple | list) or not all(isinstance(each, tuple) and len(each) == 2 for each in items):
        raise ArgumentError(owner, name, rule, value, f"write e.g. {{{name}}}", **example)
    return items


def _check_named(owner: str, name: str, label: str, given: Any) -> None:
    if not label or not label.isprintable():
        raise ArgumentError(owner, name, "a name of printable characters", label)
    if not isinstance(given, str | Schedule | Plan):
        number = isinstance(given, int | float) and not isinstance(given, bool)
        advice = f'write "Constant({given})" for a constant rate' if number else ""
        raise ArgumentError(owner, name, "a schedule or its text", given, advice)
    check_text(owner, name, given)


def check_text(owner: str, name: str, given: Any, parse: Callable[..., object] = parse_either) -> None:
    """Refuse a text that is not a schedule, whatever the lengths of the run are and whether functions are allowed."""
    try:
        _ = parse(given) if isinstance(given, str) else None
    except ParseError as error:
        if not error.settings.keys() & {"horizon", "functions"}:
            raise error.about(owner, name) from None
