"""A directory kept to one process at a time."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from stepsize.errors import OutputError

FILE_NAME = ".lock"
_FAR = 1 << 30  # Windows keeps others from reading what is locked, so it is a byte far behind the holder's name


@contextmanager
def lock(directory: Path | str) -> Iterator[None]:
    """Keep the directory for this process until the block ends, or the process does, however it dies.

    The lock is the operating system's, on the file `.lock` in it, which stays behind and means nothing by itself.

    Raises:
        OutputError: another process holds it, which is named; or the directory cannot be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory, lock(directory):
        ...     print("nobody else writes here")
        nobody else writes here
    """
    path = Path(directory, FILE_NAME)
    file = _claimed(path, directory)
    try:
        yield
    finally:
        os.close(file)  # and with it the lock goes


def _claimed(path: Path, directory: Path | str) -> int:
    """The file, open, locked and with this process's name in it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _taken(file):
                holder = os.read(file, 1000).decode(errors="replace") or "another process"
                raise OutputError(f"{directory} is in use by {holder}; wait until it ends, or name another directory")
            os.truncate(file, 0)
            os.write(file, _own_name().encode())
        except BaseException:
            os.close(file)
            raise
    except OSError as error:
        raise OutputError(f"cannot lock {path}: {(error.strerror or str(error)).lower()}") from error
    return file


def _own_name() -> str:
    return f"process {os.getpid()} on {platform.node()}, since {datetime.now():%Y-%m-%d %H:%M:%S}"


if sys.platform == "win32":
    import msvcrt

    def _taken(file: int) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _taken(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
