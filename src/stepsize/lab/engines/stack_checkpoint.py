"""A stack laid down, so that it goes on from there with the same bits."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stepsize.errors import StateError
from stepsize.files import write_whole
from stepsize.lab.checkpoint import BEGIN_AGAIN, read_checkpoint
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.stack_loop import StackLoop
from stepsize.lab.progress import Progress
from stepsize.lab.seeding import random_states, restore_random_states

VERSION = 2


def stacks_laid_down(directory: ResultDirectory) -> dict[Path, tuple[int, ...]]:
    """The checkpoints of stacks in a directory, and the numbers of the runs in each, in the order of its rows."""
    folder = directory.checkpoint(0).parent
    return {path: tuple(_read(path)["records"]) for path in sorted(folder.glob("stack-*.pt"))}


def new_checkpoint(directory: ResultDirectory, first: int) -> Path:
    """Where the checkpoint of a stack lies that begins with this run."""
    return directory.checkpoint(first).with_name(f"stack-{first:03d}.pt")


def save_stack(path: Path, loop: StackLoop, records: Mapping[int, int], title: str, seconds: float) -> None:
    """Write the checkpoint: the rows as they stand; `records` are their numbers, and how much each has logged.

    Raises:
        OutputError: it cannot be written; the one before is still there.
    """
    file = io.BytesIO()
    torch.save(
        {
            "version": VERSION,
            "title": title,
            "records": dict(records),
            "parameters": loop.stack.parameters,
            "buffers": loop.stack.buffers,
            "rule": loop.rule.state(),
            "random": random_states(loop.training.targets.device),
            "progress": loop.progress.state(),
            "seconds": seconds,
        },
        file,
    )
    write_whole(path, file.getvalue())


def records_laid_down(path: Path, title: str) -> tuple[int, dict[int, int]]:
    """At which step the checkpoint was written, and how much each of its runs had logged.

    Raises:
        StateError: it is of another experiment.
    """
    state = _read(path)
    if state["title"] != title:
        raise StateError(f"{path} is of another stack, {state['title']}, and this one is {title}; {BEGIN_AGAIN}")
    return state["progress"]["step"], state["records"]


def load_stack(path: Path, loop: StackLoop) -> float:
    """Bring the loop, and the random states, to where they were laid down; the seconds so far."""
    state = _read(path)
    device = loop.training.targets.device
    for kept, values in ((loop.stack.parameters, state["parameters"]), (loop.stack.buffers, state["buffers"])):
        for name, value in kept.items():
            value.copy_(values[name])
    loop.rule.load(state["rule"], device)
    restore_random_states(state["random"], device)
    loop.progress = Progress.of(state["progress"], device)
    return float(state["seconds"])


def _read(path: Path) -> dict[str, Any]:
    return read_checkpoint(path, VERSION, mmap=True)
