"""What a run logs, on its way into the store."""

from collections.abc import Sequence
from typing import Protocol

from stepsize.store.run import Epoch, Point

_FULL = 32  # records; a write to the disk is dear


class Book(Protocol):
    """What is written into: the store, or what stands for it where it is out of reach."""

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None:
        """As `Store.log`."""

    def rewind(self, number: int, step: int) -> int:
        """As `Store.rewind`."""


class Journal:
    """One run's records: kept until there are some dozens, or until they are to be safe."""

    def __init__(self, store: Book, number: int) -> None:
        self._store = store
        self._number = number
        self._waiting: list[Point | Epoch] = []
        self.length = 0
        """How many records there are, with those that an earlier process has written."""

    def add(self, record: Point | Epoch) -> None:
        """Take note of a record.

        Raises:
            OutputError: the store cannot be written to.
        """
        self._waiting.append(record)
        self.length += 1
        if len(self._waiting) >= _FULL:
            self.flush()

    def flush(self) -> None:
        """Put all that is waiting into the store; it is on the disk when this returns."""
        if self._waiting:
            self._store.log(self._number, self._waiting)
            self._waiting = []

    def rewind(self, step: int) -> None:
        """Drop what the store has of the run after this step, from which it goes on."""
        self.length = self._store.rewind(self._number, step)
