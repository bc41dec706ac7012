"""Who hears of what runs do while they do it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from stepsize.lab.experiment import Plan
from stepsize.store import Results, stored_runs
from stepsize.store.run import Epoch, Logged, Point, Run, StoredRun

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

    def __init__(self, plans: Sequence[Plan], results: Results | None = None, judged_on: str = "test") -> None:
        """The plans, what an earlier session has left of their runs, and what samples they are judged on, in a word."""
        self.plans = tuple(plans)
        self.judged_on = judged_on
        self.steps_done = 0
        """The steps that all runs have made, up to their last logged points."""
        self._points: list[list[Point]] = [[] for _ in plans]
        self._epochs: list[list[Epoch]] = [[] for _ in plans]
        self._ended: dict[int, StoredRun] = {}
        for stored in () if results is None else stored_runs(results):
            if stored.status in COMPLETE:
                self._ended[stored.number] = stored
                self.steps_done += self._reached(stored.number)
            else:
                run = results.run(stored.number)  # type: ignore[union-attr]
                for record in (*run.points, *run.epochs):
                    self.logged(stored.number, record)

    def __getitem__(self, number: int) -> Logged:
        """The run of the plan with this number, as far as it has come; until it ends it counts as interrupted."""
        return self._ended[number] if number in self._ended else self.under_way(number)

    def under_way(self, number: int) -> Run:
        """The same with all its points, of a run that has not ended."""
        plan, points, epochs = self.plans[number], tuple(self._points[number]), tuple(self._epochs[number])
        return Run(plan.name, str(plan.schedule), plan.seed, points, epochs, 0.0, "interrupted")

    def points(self, number: int) -> Sequence[Point]:
        """The points of a run that has not ended."""
        return self._points[number]

    def epochs(self, number: int) -> Sequence[Epoch]:
        """The epochs of a run that has not ended."""
        return self._epochs[number]

    def replan(self, plans: Mapping[int, Plan]) -> None:
        """Take note that the plans with these numbers have become others, before their runs begin."""
        self.plans = tuple(plans.get(number, plan) for number, plan in enumerate(self.plans))

    @property
    def runs(self) -> tuple[Logged, ...]:
        """The runs that have logged something, in the order of their plans."""
        numbers = range(len(self.plans))
        return tuple(self[number] for number in numbers if number in self._ended or self._points[number])

    @property
    def ended_runs(self) -> tuple[StoredRun, ...]:
        """The runs that have ended, in the order of their plans."""
        return tuple(self._ended[number] for number in sorted(self._ended))

    def is_complete(self, number: int) -> bool:
        """Whether nothing is left to be made of the run."""
        return number in self._ended and self._ended[number].status in COMPLETE

    def logged(self, number: int, record: Point | Epoch) -> bool:
        """Take note of a record; False where it comes too late, for a run whose whole record is there already."""
        if number in self._ended:
            return False
        before = self._reached(number)
        records: list[Any] = (self._points if isinstance(record, Point) else self._epochs)[number]
        while records and records[-1].step >= record.step:
            records.pop()  # a run that goes on from a checkpoint repeats what it had logged after it
        records.append(record)
        self.steps_done += self._reached(number) - before
        return True

    def ended(self, number: int, run: Run) -> None:
        """Take note of a run that has ended, and of its whole record."""
        before = self._reached(number)
        self._ended[number] = StoredRun.of(number, run)
        self._points[number], self._epochs[number] = [], []
        self.steps_done += self._reached(number) - before

    def _reached(self, number: int) -> int:
        """The step of the run's last point."""
        if number in self._ended:
            steps = self._ended[number].column("step")
            return int(steps[-1]) if steps.size else 0
        return self._points[number][-1].step if self._points[number] else 0


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
