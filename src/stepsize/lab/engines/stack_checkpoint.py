"""A stack laid down, so that it goes on from there with the same bits."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stepsize.errors import StateError
from stepsize.files import write_whole
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.stack_loop import StackLoop
from stepsize.lab.progress import Progress
from stepsize.lab.seeding import random_states, restore_random_states

VERSION = 1


def stacks_laid_down(directory: ResultDirectory) -> dict[Path, tuple[int, ...]]:
    """The checkpoints of stacks in a directory, and the numbers of the runs in each, in the order of its rows."""
    folder = directory.checkpoint(0).parent
    return {path: tuple(_read(path)["numbers"]) for path in sorted(folder.glob("stack-*.pt"))}


def new_checkpoint(directory: ResultDirectory, first: int) -> Path:
    """Where the checkpoint of a stack lies that begins with this run."""
    return directory.checkpoint(first).with_name(f"stack-{first:03d}.pt")


def save_stack(path: Path, loop: StackLoop, numbers: Sequence[int], title: str, seconds: float) -> None:
    """Write the checkpoint: the rows of `numbers` as they stand.

    Raises:
        OutputError: it cannot be written; the one before is still there.
    """
    file = io.BytesIO()
    torch.save(
        {
            "version": VERSION,
            "title": title,
            "numbers": list(numbers),
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


def load_stack(path: Path, loop: StackLoop, title: str) -> float:
    """Bring the loop, and the random states, to where they were laid down; the seconds so far.

    Raises:
        StateError: the file is damaged, of another version, or of another experiment.
    """
    state = _read(path)
    if state["title"] != title:
        raise StateError(f"{path} is of another stack, {state['title']}, and this one is {title}")
    device = loop.training.targets.device
    for kept, values in ((loop.stack.parameters, state["parameters"]), (loop.stack.buffers, state["buffers"])):
        for name, value in kept.items():
            value.copy_(values[name])
    loop.rule.load(state["rule"], device)
    restore_random_states(state["random"], device)
    loop.progress = Progress.of(state["progress"], device)
    return float(state["seconds"])


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        version = state["version"]
    except Exception as error:  # what torch.load raises on damage has no common base
        raise StateError(f"{path} is no checkpoint, or is damaged: {error}") from error
    if version != VERSION:
        raise StateError(f"{path} is of version {version}; this stepsize reads version {VERSION}")
    return state
