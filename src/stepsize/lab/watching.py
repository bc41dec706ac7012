"""Who hears of what runs do while they do it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from stepsize.lab.experiment import Plan
from stepsize.records.run import Epoch, Point, Run


class Watcher(Protocol):
    """Told of every logged point, every epoch and every end; runs are named by the number of their plan."""

    def logged(self, number: int, record: Point | Epoch) -> None:
        """A run has logged something."""

    def ended(self, number: int, run: Run) -> None:
        """A run has ended; its status says how."""

    def stopping(self) -> None:
        """The user has interrupted; runs under way will end at their next logged point, and no other begins."""


class Standings:
    """All runs as far as they have come, in the order of their plans."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        self._runs = [Run(p.name, str(p.schedule), p.seed, (), (), 0.0, "interrupted") for p in plans]
        self._ended: set[int] = set()

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

    def logged(self, number: int, record: Point | Epoch) -> bool:
        """Take note of a record; False where it comes too late, for a run whose whole record is there already."""
        if number in self._ended:
            return False
        run = self._runs[number]
        points = (*run.points, record) if isinstance(record, Point) else run.points
        epochs = (*run.epochs, record) if isinstance(record, Epoch) else run.epochs
        self._runs[number] = replace(run, points=points, epochs=epochs)
        return True

    def ended(self, number: int, run: Run) -> None:
        """Take note of a run that has ended, and of its whole record."""
        self._runs[number] = run
        self._ended.add(number)


class Display(Watcher, Protocol):
    """A watcher that shows what it hears; it is told after the standings have taken note."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        """The runs are about to start; the data came from `source`, the results go to `directory`."""

    def close(self) -> None:
        """No more will come."""
