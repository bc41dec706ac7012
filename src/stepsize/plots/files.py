"""Pictures as files, whole or not at all."""

import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from stepsize.errors import OutputError

FORMATS = ("png", "svg", "pdf", "jpg", "webp")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file of the kind that its name ends in, and return the path.

    The file is written beside its place and then moved there, so that whoever reads it meanwhile sees the old picture
    or the new one.

    Raises:
        OutputError: the name does not end in .png, .svg, .pdf, .jpg or .webp, or the file cannot be written; a file
            that was there before is left as it was.
    """
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise OutputError(f"{target} must end in one of .{', .'.join(FORMATS)} to be a picture")
    picture = BytesIO()
    figure.savefig(picture, format=kind, dpi=150)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(picture.getvalue())
        beside.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {_plain(error, target)}") from None
    finally:
        with suppress(OSError):
            beside.unlink()
    return target


def _plain(error: OSError, target: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no folder {target.parent}"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    return (error.strerror or str(error)).lower()
