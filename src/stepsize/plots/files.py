"""Pictures as files."""

import os
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from stepsize.errors import OutputError
from stepsize.files import write_whole
from stepsize.plots.glyphs import missing_glyphs_unsaid

FORMATS = ("png", "svg", "pdf", "jpg", "webp")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file of the kind that its name ends in, whole or not at all, and return the path.

    Raises:
        OutputError: the name does not end in .png, .svg, .pdf, .jpg or .webp, or the file cannot be written; one that
            was there before is left as it was.
    """
    target = Path(path)
    kind = picture_kind(target)
    picture = BytesIO()
    with missing_glyphs_unsaid():
        figure.savefig(picture, format=kind, dpi=150)
    write_whole(target, picture.getvalue())
    return target


def picture_kind(path: Path) -> str:
    """The kind of file that a picture's name ends in.

    Raises:
        OutputError: it is none of those that can be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        allowed = ", ".join(f".{each}" for each in FORMATS)
        raise OutputError(f"cannot write a picture to {path}; end its name in one of {allowed}")
    return kind
