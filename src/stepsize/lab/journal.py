"""The records of a run on their way into the store."""

from collections.abc import Sequence
from typing import Protocol

from stepsize.store.run import Epoch, Point

_BATCH = 32  # records; each write to the disk is slow


class RecordStore(Protocol):
    """What a journal writes to: a `Store`, or its stand-in on another machine."""

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None:
        """As `Store.log`."""

    def rewind(self, number: int, step: int) -> int:
        """As `Store.rewind`."""


class Journal:
    """The records of one run, written in batches; `length` counts them, with those of earlier processes."""

    def __init__(self, store: RecordStore, number: int) -> None:
        self._store = store
        self._number = number
        self._waiting: list[Point | Epoch] = []
        self.length = 0

    def add(self, record: Point | Epoch) -> None:
        """Add a record.

        Raises:
            OutputError: the store cannot be written to.
        """
        self._waiting.append(record)
        self.length += 1
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write all waiting records; they are on the disk when this returns."""
        if self._waiting:
            self._store.log(self._number, self._waiting)
            self._waiting = []

    def rewind(self, step: int) -> None:
        """Drop what the store has of the run after this step."""
        self.length = self._store.rewind(self._number, step)
