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
from stepsize.lab.seeding import random_states, restore_random_states

VERSION = 1


class Checkpoint:
    """The file that one run is laid down in, every so many updates; only the last is kept.

    It holds the network, the optimizer, the scheduler, the random states of Python, NumPy and PyTorch, and how far the
    run has come, with its running sums and its seconds. It is renamed into place when it is whole.

    Args:
        path: the file.
        every: updates between two of them.
        run: what tells this run from others, as text; a checkpoint of another run is refused.
        journal: where the run's records go: they are made safe before the file that makes them final is written, and
            taken back to where it goes on.
    """

    def __init__(self, path: Path, every: int, run: str, journal: Journal | None = None) -> None:
        self._path = path
        self._every = every
        self._run = run
        self._journal = journal
        self._last = 0

    def exists(self) -> bool:
        """Whether there is one to go on from."""
        return self._path.exists()

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
                "random": random_states(device),
                "progress": progress.state(),
                "seconds": seconds,
            },
            file,
        )
        write_whole(self._path, file.getvalue())
        self._last = progress.step

    def load(self, model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler | None) -> tuple[Progress, float]:
        """Bring all to where it was laid down, random states too; return how far that is, and the seconds so far.

        Raises:
            StateError: the file is damaged, of another version, or of another run.
        """
        try:
            state: dict[str, Any] = torch.load(self._path, weights_only=True)
            version, run = state["version"], state["run"]
        except Exception as error:  # what torch.load raises on damage has no common base
            raise StateError(f"{self._path} is no checkpoint, or is damaged: {error}") from error
        if version != VERSION:
            raise StateError(f"{self._path} is of version {version}; this stepsize reads version {VERSION}")
        if run != self._run:
            raise StateError(f"{self._path} is of another run, {run}, and this one is {self._run}")
        device = next(model.parameters()).device
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])
        restore_random_states(state["random"], device)
        progress = Progress.of(state["progress"], device)
        self._last = progress.step
        if self._journal is not None:
            self._journal.rewind(progress.step)
        return progress, float(state["seconds"])

    def remove(self) -> None:
        """The run has ended: there is nothing to go on from."""
        self._path.unlink(missing_ok=True)
