"""Files written whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stepsize.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """Put the content in a file, as `whole_file` does.

    Raises:
        OutputError: it cannot be written there; what stood there before is unharmed.
    """
    with whole_file(path) as beside:
        beside.write_bytes(content)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write a file under: beside its place first, then renamed, so that no reader ever meets half of it.

    Raises:
        OutputError: it cannot be written there; what stood there before is unharmed.
    """
    beside = _beside(path)
    try:
        yield beside
        with open(beside, "r+b") as file:
            os.fsync(file.fileno())  # or a crash of the machine could leave the new name on an empty file
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_plain(error, path)}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def check_place(path: Path) -> None:
    """Find out, before there is anything to write, whether a file could be written there.

    Raises:
        OutputError: it could not.
    """
    beside = _beside(path)
    try:
        if path.is_dir():
            raise IsADirectoryError
        beside.touch()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_plain(error, path)}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _beside(path: Path) -> Path:
    return path.parent / f".{uuid.uuid4().hex}.part"


def _plain(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if path.parent.is_dir():
            return "it cannot be made there"  # a folder of the system's own, such as /proc
        return f"there is no folder {path.parent}"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    return (error.strerror or str(error)).lower()
