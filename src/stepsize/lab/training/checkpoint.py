"""The checkpoints of a training loop and of what branches from it, and the records, which are on the disk first."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from stepsize.errors import StateError
from stepsize.files import write_whole
from stepsize.lab.seeding import cuda_only
from stepsize.lab.training.samples import Tally
from stepsize.pytorch.random_states import random_states, restore_random_states
from stepsize.store.run import Epoch, Point

if TYPE_CHECKING:
    from stepsize.lab.training.loop import Networks

VERSION = 6
START_OVER = "delete it to start the run from the beginning"
_BATCH = 32  # records; each write to the disk is slow


class RecordStore(Protocol):
    """What a buffer of records writes to: a `Store`, or its stand-in on another machine."""

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None: ...
    def rewind(self, number: int, step: int) -> int: ...
    def branch(self, number: int, parent: int, step: int) -> int: ...


@dataclass
class RecordBuffer:
    """The records of one run, written in batches; `length` counts them, with those of earlier processes."""

    store: RecordStore
    number: int
    length: int = field(default=0, init=False)
    _waiting: list[Point | Epoch] = field(default_factory=list, init=False)

    def add(self, record: Point | Epoch) -> None:
        self._waiting.append(record)
        self.length += 1
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write all waiting records; they are on the disk when this returns."""
        if self._waiting:
            self.store.log(self.number, self._waiting)
            self._waiting = []

    def rewind(self, step: int) -> None:
        """Drop what the store has of the run after this step."""
        self.length = self.store.rewind(self.number, step)

    def branch(self, number: int, step: int) -> int:
        """Copy the records up to this step to the run `number`, and return how many they are."""
        self.flush()
        return self.store.branch(number, self.number, step)


@dataclass
class Progress:
    """How far a training loop has come: updates done, the current epoch, and the updates done in it.

    `whole` tallies the current epoch up to the last logged point, and `recent` what came after it.
    """

    step: int = 0
    epoch: int = 0
    updates: int = 0
    whole: Tally = field(default_factory=Tally)
    recent: Tally = field(default_factory=Tally)

    def state(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        """The progress as tensors and numbers, of all networks or of these."""
        return {**vars(self), "whole": self.whole.state(rows), "recent": self.recent.state(rows)}

    @classmethod
    def of(cls, state: dict[str, Any], device: torch.device) -> "Progress":
        return cls(**{**state, **{name: Tally.of(state[name], device) for name in ("whole", "recent")}})


@dataclass(frozen=True)
class Offshoot:
    """Runs that branch from those of a training loop at a step, and the file and title of their first checkpoint.

    `parents` has the run that each of them copies, and `rows` the networks of these in the loop.
    """

    step: int
    parents: Mapping[int, int]
    rows: Sequence[int]
    path: Path
    title: str


@dataclass
class Checkpoint:
    """The file that a training loop is saved to; each save replaces the one before.

    It holds the networks, the optimizer, the scheduler, the random states of Python, NumPy and PyTorch, the progress
    of the loop and its seconds. `run` is text that identifies the run; a checkpoint of another run is refused.

    `buffers` are those of the runs in progress, by number. They are flushed before each save. A load takes them back
    to the step of the checkpoint, and checks that they are complete. `offshoots` are the runs that branch from them.
    """

    path: Path
    every: int
    run: str
    buffers: Mapping[int, RecordBuffer] = field(default_factory=dict)
    offshoots: Sequence[Offshoot] = ()
    _last: int = field(default=0, init=False)

    @property
    def branch_steps(self) -> frozenset[int]:
        return frozenset(each.step for each in self.offshoots)

    def due(self, step: int) -> bool:
        return step - self._last >= self.every

    def save(self, networks: "Networks", progress: Progress, seconds: float) -> None:
        for buffer in self.buffers.values():
            buffer.flush()
        records = {number: buffer.length for number, buffer in self.buffers.items()}
        _write(self.path, self.run, networks, progress, records, seconds)
        self._last = progress.step

    def branch(self, networks: "Networks", progress: Progress, seconds: float) -> None:
        """Write the first checkpoints of the runs that branch here, with copies of the records up to here.

        The records come first, so that a run whose checkpoint is there has them. Branches that have a checkpoint are
        left alone: this loop has been here before, and was taken back by a kill.
        """
        for each in self.offshoots:
            if each.step == progress.step and not each.path.exists():
                records = {
                    number: self.buffers[parent].branch(number, each.step)
                    for number, parent in each.parents.items()
                    if parent in self.buffers  # others have ended, and so have their branches
                }
                share = seconds * len(each.rows) / len(networks.seeds)
                _write(each.path, each.title, networks, progress, records, share, each.rows)

    def load(self, networks: "Networks") -> tuple[Progress, float] | None:
        """Restore the networks and the random states; return the progress of the loop and its seconds so far.

        None if the run starts from the beginning: there is no file, or records from before it are missing in a store
        that was recovered. Nothing is restored then.
        """
        state = self._read() if self.path.exists() else None
        for buffer in self.buffers.values():
            buffer.rewind(0 if state is None else state["progress"]["step"])
        if state is None:
            return None
        if any(buffer.length != state["records"].get(number) for number, buffer in self.buffers.items()):
            for buffer in self.buffers.values():
                buffer.rewind(0)
            return None
        try:
            networks.load(state["networks"], state["progress"]["step"])
        except StateError:
            raise
        except (RuntimeError, ValueError, KeyError) as error:
            raise StateError(
                f"{self.path} is a checkpoint of another network", f"restore that network in the task, or {START_OVER}"
            ) from error
        restore_random_states(state["random"], cuda_only(networks.device))
        progress = Progress.of(state["progress"], networks.device)
        self._last = progress.step
        return progress, float(state["seconds"])

    def _read(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            found = state["version"]
        except Exception as error:  # what torch.load raises on damage has no common base
            raise StateError(f"{self.path} is damaged, or is not a checkpoint", START_OVER) from error
        if found != VERSION:
            raise StateError(
                f"{self.path} has version {found}, and this version of stepsize reads version {VERSION}", START_OVER
            )
        if state["run"] != self.run:
            raise StateError(
                f"{self.path} is a checkpoint of another run, {state['run']}, and this run is {self.run}", START_OVER
            )
        return state


def _write(
    path: Path,
    run: str,
    networks: "Networks",
    progress: Progress,
    records: Mapping[int, int],
    seconds: float,
    rows: Sequence[int] | None = None,
) -> None:
    """Write a checkpoint of all networks, or one from which other runs branch, of some `rows`."""
    file = io.BytesIO()
    torch.save(
        {
            "version": VERSION,
            "run": run,
            "networks": networks.state(rows),
            "random": random_states(cuda_only(networks.device)),
            "progress": progress.state(rows),
            "records": dict(records),
            "seconds": seconds,
        },
        file,
    )
    write_whole(path, file.getvalue())
