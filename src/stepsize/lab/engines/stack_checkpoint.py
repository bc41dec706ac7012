"""A stack laid down, so that it goes on from there with the same bits."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stepsize.errors import StateError
from stepsize.files import write_whole
from stepsize.lab.checkpoint import ANOTHER_NETWORK, BEGIN_AGAIN, read_checkpoint
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.stack_loop import StackLoop
from stepsize.lab.progress import Progress
from stepsize.lab.seeding import cuda_only
from stepsize.pytorch.random_states import random_states, restore_random_states

VERSION = 4


@dataclass(frozen=True)
class Cut:
    """Which runs one stack is made of: the seed of each by its number, a row each, in this order."""

    path: Path
    seeds: dict[int, int]

    @property
    def checkpoint(self) -> Path:
        """Where the stack is laid down while it is under way."""
        return self.path.with_suffix(".pt")


def cut_stack(directory: ResultDirectory, seeds: Mapping[int, int]) -> Cut:
    """Put down that these runs make one stack, with what it is then told from others by."""
    path = directory.checkpoint(min(seeds)).with_name(f"stack-{min(seeds):03d}.json")
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps(list(seeds.items())).encode())
    return Cut(path, dict(seeds))


def cuts_in(directory: ResultDirectory) -> list[Cut]:
    """The stacks that were put down in the directory.

    Raises:
        StateError: what was put down is damaged.
    """
    return [Cut(path, _seeds_in(path)) for path in sorted(directory.checkpoint(0).parent.glob("stack-*.json"))]


def _seeds_in(path: Path) -> dict[int, int]:
    try:
        return {int(number): int(seed) for number, seed in json.loads(path.read_text())}
    except (ValueError, TypeError) as error:
        raise StateError(f"{path} does not say which runs it is of: it is damaged; {BEGIN_AGAIN}") from error


def save_stack(path: Path, loop: StackLoop, records: Mapping[int, int], title: str, seconds: float) -> None:
    """Write the checkpoint: the rows as they stand; `records` says how much each run under way has logged.

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
            "random": random_states(cuda_only(loop.training.targets.device)),
            "progress": loop.progress.state(),
            "seconds": seconds,
        },
        file,
    )
    write_whole(path, file.getvalue())


def records_laid_down(path: Path, title: str) -> tuple[int, dict[int, int]]:
    """At which step the checkpoint was written, and how much each run then under way had logged.

    Raises:
        StateError: it is of another experiment.
    """
    state = _read(path)
    if state["title"] != title:
        raise StateError(f"{path} is of another stack, {state['title']}, and this one is {title}; {BEGIN_AGAIN}")
    return state["progress"]["step"], state["records"]


def load_stack(path: Path, loop: StackLoop) -> float:
    """Bring the loop, and the random states, to where they were laid down; the seconds so far.

    Raises:
        StateError: it is of another network.
    """
    state = _read(path)
    device = loop.training.targets.device
    for kept, values in ((loop.stack.parameters, state["parameters"]), (loop.stack.buffers, state["buffers"])):
        if {name: value.shape for name, value in kept.items()} != {name: value.shape for name, value in values.items()}:
            raise StateError(f"{path} {ANOTHER_NETWORK}")
        for name, value in kept.items():
            value.copy_(values[name])
    loop.rule.load(state["rule"], device)
    restore_random_states(state["random"], cuda_only(device))
    loop.progress = Progress.of(state["progress"], device)
    return float(state["seconds"])


def _read(path: Path) -> dict[str, Any]:
    return read_checkpoint(path, VERSION, mmap=True)
