"""Who hears of what runs do while they do it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from stepsize.lab.experiment import Plan
from stepsize.records.run import Epoch, Point, Run

COMPLETE = ("finished", "diverged")
"""The ends after which nothing is left of a run to be made."""


class Watcher(Protocol):
    """Told of every logged point, every epoch and every end; runs are named by the number of their plan."""

    def logged(self, number: int, record: Point | Epoch) -> None:
        """A run has logged something."""

    def ended(self, number: int) -> None:
        """A run has ended, or was left; the store says how."""

    def stopping(self) -> None:
        """The user has interrupted; runs under way will end at their next logged point, and no other begins."""


class Standings:
    """All runs as far as they have come, in the order of their plans."""

    def __init__(self, plans: Sequence[Plan], runs: Sequence[Run] = ()) -> None:
        """The plans, and their runs as far as an earlier session has brought them."""
        self.plans = tuple(plans)
        self._runs = list(runs) or [Run(p.name, str(p.schedule), p.seed, (), (), 0.0, "interrupted") for p in plans]
        self._ended = {number for number, run in enumerate(runs) if run.status in COMPLETE}

    def __getitem__(self, number: int) -> Run:
        """The run of the plan with this number, as far as it has come."""
        return self._runs[number]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that have logged something; one that has not ended counts as interrupted."""
        return tuple(run for run in self._runs if run.points)

    @property
    def ended_runs(self) -> tuple[Run, ...]:
        """The runs that have ended, in the order of their plans."""
        return tuple(self._runs[number] for number in sorted(self._ended))

    def is_complete(self, number: int) -> bool:
        """Whether nothing is left to be made of the run."""
        return self._runs[number].status in COMPLETE and number in self._ended

    def logged(self, number: int, record: Point | Epoch) -> bool:
        """Take note of a record; False where it comes too late, for a run whose whole record is there already."""
        if number in self._ended:
            return False
        run = self._runs[number]
        # A run that goes on from a checkpoint repeats what it had logged after it.
        if isinstance(record, Point):
            points = tuple(point for point in run.points if point.step < record.step)
            self._runs[number] = replace(run, points=(*points, record))
        else:
            epochs = tuple(epoch for epoch in run.epochs if epoch.step < record.step)
            self._runs[number] = replace(run, epochs=(*epochs, record))
        return True

    def ended(self, number: int, run: Run) -> None:
        """Take note of a run that has ended, and of its whole record."""
        self._runs[number] = run
        self._ended.add(number)


class Display(Protocol):
    """Shows how the runs get on; it is told after the standings have taken note."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        """The runs are about to start; the data came from `source`, the results go to `directory`."""

    def logged(self, number: int, record: Point | Epoch) -> None:
        """A run has logged something."""

    def ended(self, number: int, run: Run) -> None:
        """A run has ended; its status says how."""

    def stopping(self) -> None:
        """The user has interrupted; runs under way will end soon, and no other begins."""

    def close(self) -> None:
        """No more will come."""
