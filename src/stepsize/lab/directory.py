"""The directory of a comparison: its store, checkpoints, reports and pictures, and its lock."""

import hashlib
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from stepsize.errors import OutputError
from stepsize.files import write_whole
from stepsize.sqlite_files import refuse_links
from stepsize.store import Store, load_runs
from stepsize.store.database import FILE_NAME
from stepsize.store.run import COMPLETE

OUTPUT = "output.txt"
"""In the folder of a run: what its own loop has printed."""

_NOT_IN_A_NAME = frozenset('/\\:*?"<>|%')
_LONGEST_NAME = 100  # bytes; with checksum and seed it has room in every file system, encrypted ones included


class ResultDirectory:
    """A directory that belongs to one comparison; each file in it is whole or not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / FILE_NAME

    @classmethod
    def claim(cls, path: Path | None) -> "ResultDirectory":
        """Take the directory at `path`, made if needed; a new `runs/<date and time>` if None."""
        named = Path("runs", datetime.now().strftime("%Y%m%d-%H%M%S")) if path is None else path
        advice = "name another directory"
        try:
            claimed = _new(named) if path is None else named
            claimed.mkdir(parents=True, exist_ok=True)
            if any(claimed.iterdir()):
                raise FileExistsError
            (claimed / "checkpoints").mkdir()  # which fails for the second of two comparisons at once
            return cls(claimed)
        except FileExistsError:
            if (named / FILE_NAME).exists():
                advice += f", or continue the comparison in it with `stepsize compare --resume {named}`"
            reason = "it is not an empty directory, and results are never overwritten"
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{named} cannot be used for results: {reason}", advice)

    def note(self, kind: str, text: str, number: int | None = None) -> None:
        with Store.open(self.store) as store:
            store.event(kind, text, number)

    def fail(self, numbers: Iterable[int], reason: str) -> None:
        """Record that runs have failed and why, except those that are complete."""
        complete = {run.number for run in load_runs(self.path).outcomes() if run.status in COMPLETE}
        with Store.open(self.store) as store:
            for number in sorted(set(numbers) - complete):
                store.end(number, "failed", 0.0)
                store.event("failed", reason, number)

    def checkpoint(self, number: int) -> Path:
        return self.path / "checkpoints" / f"{number:03d}.pt"

    def run_folder(self, name: str, seed: int) -> Path:
        """The folder for what a training loop of the user's own writes in a run."""
        return self.path / "runs" / run_file_name(name, seed)

    def make_checkpoint_folder(self) -> None:
        """Make the folder of the checkpoints again, for more runs."""
        (self.path / "checkpoints").mkdir(exist_ok=True)

    def remove_checkpoints(self) -> None:
        """Remove the checkpoints, as all runs have ended."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def abandon(self) -> None:
        """Remove the directory of a comparison that did not begin."""
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def lock(directory: Path | str) -> Iterator[None]:
    """Keep the directory to this process until the block or the process ends.

    The operating system locks the file `.lock`; `.lock-holder` names the process. Files left behind by a process that
    was killed do not hold the lock.
    """
    _refuse_links_in(Path(directory))
    held, holder = FileLock(Path(directory, ".lock"), blocking=False), Path(directory, ".lock-holder")
    try:
        held.acquire()
    except Timeout:
        name = holder.read_text("utf-8") if holder.exists() else "another process"
        raise OutputError(f"{directory} is in use by {name}", "wait until it ends, or name another directory") from None
    except OSError as error:
        raise OutputError(f"cannot lock {directory}: {(error.strerror or str(error)).lower()}") from error
    try:
        name = f"process {os.getpid()} on {platform.node()}, since {datetime.now():%Y-%m-%d %H:%M:%S}"
        write_whole(holder, name.encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        held.release()


def _refuse_links_in(directory: Path) -> None:
    """Refuse links among the files of the lab; the folders of the user's own loops belong to their loops."""
    own = directory / "runs"
    for folder, folders, files in os.walk(directory):  # which follows no link
        refuse_links(*(Path(folder, name) for name in (*folders, *files)))
        if Path(folder) == own:
            refuse_links(*(own / each / OUTPUT for each in folders))
            folders.clear()


def run_file_name(name: str, seed: int) -> str:
    """`<schedule>-seed<k>`, with the signs of the name that no file may have as %XX.

    A long name is cut, and a checksum of the whole name keeps it apart from others with the same beginning.
    """
    escaped = "".join(f"%{ord(c):02X}" if c in _NOT_IN_A_NAME else c for c in name)
    if len(os.fsencode(escaped)) > _LONGEST_NAME:
        checksum = hashlib.sha256(name.encode()).hexdigest()[:16]
        escaped = f"{os.fsencode(escaped)[:_LONGEST_NAME].decode(errors='ignore')}~{checksum}"
    return f"{escaped}-seed{seed}"


def _new(path: Path, number: int = 1) -> Path:
    """Make the directory, or the first of path-2, path-3, ... that does not exist."""
    candidate = path if number == 1 else path.with_name(f"{path.name}-{number}")
    try:
        candidate.mkdir(parents=True)
    except FileExistsError:
        return _new(path, number + 1)
    return candidate
