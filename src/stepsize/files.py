"""Files written whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from stepsize.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """Put the content in a file: beside its place first, then renamed, so that no reader ever meets half of it.

    Raises:
        OutputError: it cannot be written there; what stood there before is unharmed.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(handle, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_plain(error, path)}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def _umask() -> int:
    """What a file made in the ordinary way is not permitted; mkstemp's are the owner's alone."""
    current = os.umask(0o022)
    os.umask(current)
    return current


def _plain(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"there is no folder {path.parent}"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    return (error.strerror or str(error)).lower()
