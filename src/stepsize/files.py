"""Files that are written completely or not at all, and texts in cells of CSV files."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stepsize.errors import OutputError

_FORMULAS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # the last four are the full-width forms of the first
_NUMBER = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)?")


def write_whole(path: Path, content: bytes) -> None:
    """Write the content to a file as `whole_file` does."""
    with whole_file(path) as part:
        part.write_bytes(content)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, renamed to `path` at the end: readers never see half a file; OutputError if it fails."""
    with _part_beside(path) as part:
        yield part
        with open(part, "r+b") as file:
            os.fsync(file.fileno())  # without this, a crash of the machine may leave an empty file at `path`
        os.replace(part, path)


def check_place(path: Path) -> None:
    """Raise OutputError if a file cannot be written, before there is anything to write."""
    with _part_beside(path) as part:
        if path.is_dir():
            raise IsADirectoryError
        part.touch()


def spreadsheet_cell(text: str) -> str:
    """The text for a cell of a CSV file, with a ' before it if a spreadsheet would take it for a formula and run it."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULAS) and not _NUMBER.fullmatch(text) else text


def text_of_cell(cell: str) -> str:
    """The text that `spreadsheet_cell` wrote."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULAS) else cell


@contextmanager
def _part_beside(path: Path) -> Iterator[Path]:
    part = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        yield part
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _refusal(path: Path, error: OSError) -> OutputError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        # A folder of the system, such as /proc, exists and takes no new files.
        cause = "it cannot be made there" if path.parent.is_dir() else f"no such folder: {path.parent}"
    elif isinstance(error, IsADirectoryError):
        cause = "it is a folder"
    else:
        cause = (error.strerror or str(error)).lower()
    return OutputError(f"cannot write {path}: {cause}")
