"""A training run laid down, so that it goes on from there with the same bits."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.errors import StateError
from stepsize.files import write_whole
from stepsize.lab.journal import Journal
from stepsize.lab.progress import Progress
from stepsize.lab.seeding import cuda_only
from stepsize.pytorch.random_states import random_states, restore_random_states

VERSION = 3
BEGIN_AGAIN = "delete it, and what it is of begins again"
"""The way out where a checkpoint cannot be used."""
ANOTHER_NETWORK = f"is of another network, which the task gave when it was written; put that back, or {BEGIN_AGAIN}"


class Checkpoint:
    """The file that one run is laid down in, every so many updates; only the last is kept.

    It holds the network, the optimizer, the scheduler, the random states of Python, NumPy and PyTorch, and how far the
    run has come, with its running sums and its seconds. It is renamed into place when it is whole.

    Args:
        path: the file.
        every: updates between two of them.
        run: what tells this run from others, as text; a checkpoint of another run is refused.
        journal: where the run's records go: they are made safe before the file that makes them final is written, and
            taken back to where it goes on, if they are all there.
    """

    def __init__(self, path: Path, every: int, run: str, journal: Journal | None = None) -> None:
        self._path = path
        self._every = every
        self._run = run
        self._journal = journal
        self._last = 0

    def due(self, step: int) -> bool:
        """Whether it is time for the next."""
        return step - self._last >= self._every

    def save(
        self, model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler | None, progress: Progress, seconds: float
    ) -> None:
        """Write it.

        Raises:
            OutputError: it cannot be written; the one before is still there.
        """
        if self._journal is not None:
            self._journal.flush()
        device = next(model.parameters()).device
        file = io.BytesIO()
        torch.save(
            {
                "version": VERSION,
                "run": self._run,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": None if scheduler is None else scheduler.state_dict(),
                "random": random_states(cuda_only(device)),
                "progress": progress.state(),
                "records": 0 if self._journal is None else self._journal.length,
                "seconds": seconds,
            },
            file,
        )
        write_whole(self._path, file.getvalue())
        self._last = progress.step

    def load(
        self, model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler | None
    ) -> tuple[Progress, float] | None:
        """Bring all to where it was laid down, random states too; return how far that is, and the seconds so far.

        None, and nothing is changed, if the run begins again: there is no file, or some of the records before it are
        lost, as they may be in a store that was recovered.

        Raises:
            StateError: the file is damaged, of another version, of another run, or of another network.
        """
        if not self._path.exists():
            if self._journal is not None:
                self._journal.rewind(0)
            return None
        state = read_checkpoint(self._path, VERSION)
        if state["run"] != self._run:
            raise StateError(
                f"{self._path} is of another run, {state['run']}, and this one is {self._run}; {BEGIN_AGAIN}"
            )
        if self._journal is not None:
            self._journal.rewind(state["progress"]["step"])
            if self._journal.length != state["records"]:
                self._journal.rewind(0)
                return None
        device = next(model.parameters()).device
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise StateError(f"{self._path} {ANOTHER_NETWORK}") from error
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])
        restore_random_states(state["random"], cuda_only(device))
        progress = Progress.of(state["progress"], device)
        self._last = progress.step
        return progress, float(state["seconds"])


def read_checkpoint(path: Path, version: int, mmap: bool = False) -> dict[str, Any]:
    """What a checkpoint holds, its tensors on the CPU; with `mmap` they are read when they are looked at.

    Raises:
        StateError: the file is damaged, or of another version.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", mmap=mmap, weights_only=True)
        found = state["version"]
    except Exception as error:  # what torch.load raises on damage has no common base, and advises what is unsafe
        raise StateError(f"{path} is no checkpoint, or is damaged; {BEGIN_AGAIN}") from error
    if found != version:
        raise StateError(f"{path} is of version {found}; this stepsize reads version {version}; {BEGIN_AGAIN}")
    return state
