"""Descents as a file: a picture, an animation or a page, by what its name ends in."""

import os
from collections.abc import Callable
from pathlib import Path

from stepsize.errors import OutputError
from stepsize.files import write_whole
from stepsize.plots import animation, files
from stepsize.plots.animation import save_animation
from stepsize.plots.descent_page import Section, descents_page
from stepsize.plots.descents import Descents, descents_figure
from stepsize.plots.files import save_figure

FORMATS = (*files.FORMATS, *animation.FORMATS, "html")


def save_descents(
    descents: Descents,
    path: str | os.PathLike[str],
    *,
    title: str = "Descent",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write trajectories on one surface to a file, whole or not at all, and return the path.

    A picture is .png, .svg, .pdf, .jpg or .webp; an animation .gif or .mp4; a page with a slider .html.

    Args:
        descents: a trajectory, or several by the words of the legend.
        path: where to.
        title: of an animation or a page.
        progress: of an animation, called after every frame with the frames done and all there are.

    Raises:
        OutputError: the name ends in none of these, or the file cannot be written.
        ArgumentError: they cannot be drawn in one picture.
    """
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind in files.FORMATS:
        return save_figure(descents_figure(descents), target)
    if kind in animation.FORMATS:
        return save_animation({title: descents}, target, columns=1, progress=progress)
    if kind == "html":
        write_whole(target, descents_page("Descent", [Section(title, "", {"": descents})]).encode())
        return target
    allowed = ", ".join(f".{each}" for each in FORMATS)
    raise OutputError(f"cannot write a descent to {target}; end its name in one of {allowed}")
