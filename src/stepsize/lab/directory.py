"""The directory of a comparison: its store, its checkpoints, the report and the picture, and its lock."""

import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from stepsize.errors import OutputError
from stepsize.files import write_whole
from stepsize.lab.watching import COMPLETE
from stepsize.store import Store, load_runs
from stepsize.store.database import FILE_NAME


class ResultDirectory:
    """A directory that belongs to one comparison, each file in it whole or not there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def claim(cls, path: Path | None) -> "ResultDirectory":
        """The directory at `path`, made if needed and taken; a new `runs/<date and time>` if None.

        Raises:
            OutputError: it cannot be made or written to, or holds something already.
        """
        named = Path("runs", datetime.now().strftime("%Y%m%d-%H%M%S")) if path is None else path
        try:
            return cls(_new(named) if path is None else _claimed(named))
        except FileExistsError:
            reason = "it is not an empty directory, and results are never overwritten"
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{named} cannot be used for results: {reason}; name another directory")

    @property
    def store(self) -> Path:
        """Where the store lies."""
        return self.path / FILE_NAME

    def note(self, kind: str, text: str, number: int | None = None) -> None:
        """Put down in the store what happened."""
        with Store.open(self.store) as store:
            store.event(kind, text, number)

    def fail(self, numbers: Iterable[int], reason: str) -> None:
        """Put down that runs have failed, and why; of those that are complete already the result stands."""
        complete = {run.number for run in load_runs(self.path).outcomes() if run.status in COMPLETE}
        with Store.open(self.store) as store:
            for number in sorted(set(numbers) - complete):
                store.end(number, "failed", 0.0)
                store.event("failed", reason, number)

    def checkpoint(self, number: int) -> Path:
        """Where the checkpoint of a run lies, while it is under way."""
        return self.path / "checkpoints" / f"{number:03d}.pt"

    def end(self) -> None:
        """All runs have ended: no checkpoint is needed any more."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def abandon(self) -> None:
        """Remove it, with what was written to it: nothing came of the comparison, and it may be tried again."""
        shutil.rmtree(self.path, ignore_errors=True)

    def write_report(self, name: str, text: str) -> None:
        """Write a report."""
        write_whole(self.path / name, text.encode())

    def picture(self, suffix: str) -> Path:
        """Where the picture of the comparison lies, as PNG or SVG."""
        return self.path / f"comparison.{suffix}"


@contextmanager
def lock(directory: Path | str) -> Iterator[None]:
    """Keep the directory for this process until the block ends, or the process does.

    The operating system locks the file `.lock`; `.lock-holder` names the process. Files left behind by a process that
    was killed do not hold the lock.

    Raises:
        OutputError: another process holds it, which is named; or the directory cannot be written to.
    """
    held, holder = FileLock(Path(directory, ".lock"), blocking=False), Path(directory, ".lock-holder")
    try:
        held.acquire()
    except Timeout:
        name = holder.read_text("utf-8") if holder.exists() else "another process"
        raise OutputError(f"{directory} is in use by {name}; wait until it ends, or name another directory") from None
    except OSError as error:
        raise OutputError(f"cannot lock {directory}: {(error.strerror or str(error)).lower()}") from error
    try:
        name = f"process {os.getpid()} on {platform.node()}, since {datetime.now():%Y-%m-%d %H:%M:%S}"
        write_whole(holder, name.encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        held.release()


def _claimed(path: Path) -> Path:
    """The directory, made if needed; FileExistsError if there is something in it."""
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise FileExistsError
    (path / "checkpoints").mkdir()  # of two comparisons at once, one finds it there
    return path


def _new(path: Path) -> Path:
    """The directory, or the first of path-2, path-3, ... that is not there yet, made."""
    candidate = path
    for number in count(2):
        try:
            candidate.mkdir(parents=True)
            break
        except FileExistsError:
            candidate = path.with_name(f"{path.name}-{number}")
    return _claimed(candidate)
