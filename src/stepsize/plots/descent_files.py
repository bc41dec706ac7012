"""Descents as files: pictures, pages, and animations in which the paths grow step by step."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from stepsize.descent import Trajectory
from stepsize.errors import ArgumentError, OutputError
from stepsize.files import write_whole
from stepsize.plots.curves import COLOURS
from stepsize.plots.descent_page import Section, descents_page
from stepsize.plots.descents import (
    MOST_BOLD,
    Descents,
    descents_figure,
    draw_ground,
    named_descents,
    on_picture,
    panel_grid,
    path_style,
)
from stepsize.plots.figures import PICTURES, missing_glyphs_unsaid, save_figure

ANIMATIONS = ("gif", "mp4")
MOST_FRAMES = 60
"""Longer descents are shown in larger strides."""
FRAMES_A_SECOND, LAST_FRAMES = 10, 12
"""The end is held a while before the film begins again."""
DOTS_AN_INCH = 80
MOST_PATHS = 200
COMMON, NEARLY_WHITE = 128, 244
TINTS = (1.0, 0.75, 0.5, 0.25)
"""Of each path's colour, towards white: its edges."""


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
    if kind in PICTURES:
        return save_figure(descents_figure(descents), target)
    if kind in ANIMATIONS:
        return save_animation({title: descents}, target, columns=1, progress=progress)
    if kind == "html":
        write_whole(target, descents_page("Descent", [Section(title, "", {"": descents})]).encode())
        return target
    allowed = ", ".join(f".{each}" for each in (*PICTURES, *ANIMATIONS, "html"))
    raise OutputError(f"cannot write a descent to {target}; end its name in one of {allowed}")


def save_animation(
    panels: Mapping[str, Descents],
    path: str | os.PathLike[str],
    *,
    columns: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write descents that grow step by step to a .gif or .mp4, whole or not at all, and return the path.

    Args:
        panels: title to trajectories, as `descent_panels` takes them.
        path: where to; .mp4 needs the program ffmpeg.
        columns: how many panels stand in a row.
        progress: called after every frame with the frames done and all there are.

    Raises:
        OutputError: the name ends in neither, ffmpeg is not installed, or the file cannot be written.
        ArgumentError: there is nothing to draw, or there are more than 200 paths.
    """
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in ANIMATIONS:
        raise OutputError(f"cannot write an animation to {target}; end its name in .gif or .mp4")
    if kind == "mp4" and not FFMpegWriter.isAvailable():
        raise OutputError("an .mp4 is made by the program ffmpeg, which is not installed; write a .gif instead")
    writer: AbstractMovieWriter = (_Gif if kind == "gif" else FFMpegWriter)(fps=FRAMES_A_SECOND)
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / target.name
        with missing_glyphs_unsaid():
            _write(panels, writer, beside, columns, progress or (lambda done, all_frames: None))
        write_whole(target, beside.read_bytes())
    return target


def _write(
    panels: Mapping[str, Descents],
    writer: AbstractMovieWriter,
    path: Path,
    columns: int,
    progress: Callable[[int, int], None],
) -> None:
    named = {title: named_descents("save_animation", descents) for title, descents in panels.items()}
    figure = panel_grid(named, columns, draw_ground)
    _keep_as_image(figure)
    moving = [
        _Moving(ax, each, index)
        for ax, trajectories in zip(figure.axes, named.values(), strict=False)
        for index, each in enumerate(trajectories.values())
    ]
    if sum(len(each.paths) for each in moving) > MOST_PATHS:
        raise ArgumentError(f"an animation shows at most {MOST_PATHS} paths; take fewer starts")
    last = max(each.trajectory.steps for each in moving)
    frames = np.unique(np.linspace(0, last, min(last, MOST_FRAMES) + 1).round()).astype(int).tolist()
    told = figure.text(0.995, 0.005, "", ha="right", va="bottom", fontsize=9)
    with writer.saving(figure, str(path), DOTS_AN_INCH):
        for done, step in enumerate([*frames, *[last] * LAST_FRAMES], start=1):
            for each in moving:
                each.grow_to(step)
            told.set_text(f"step {step:,}")
            writer.grab_frame()
            progress(done, len(frames) + LAST_FRAMES)


def _keep_as_image(figure: Figure) -> None:
    """Put an image in the place of all that is drawn so far: contours take long, and every frame begins with them."""
    figure.set_dpi(DOTS_AN_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    figure.set_layout_engine("none")  # everything has found its place
    image = np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    for ax in figure.axes:
        for artist in [*ax.collections, *ax.lines]:
            artist.remove()
        ax.set_axis_off()
        ax.set_title("")
    for legend in figure.legends:
        legend.remove()
    figure.figimage(image, zorder=-1)  # below the axes


class _Gif(PillowWriter):
    """Frames in the same few colours, so that what stands still costs nothing."""

    def finish(self) -> None:
        """Write the file."""
        first, *others = in_few_colours(self._frames)  # type: ignore[attr-defined]
        first.save(self.outfile, save_all=True, append_images=others, duration=int(1000 / self.fps), loop=0)


class _Moving:
    """The paths of one trajectory on their axes, up to some step."""

    def __init__(self, ax: Axes, trajectory: Trajectory, index: int) -> None:
        self.trajectory = trajectory
        self.paths = [on_picture(trajectory.surface, path) for path in trajectory.paths()]
        style = path_style(index)
        width = 1.4 if len(self.paths) <= MOST_BOLD else 0.7
        self._lines = [ax.add_line(Line2D([], [], color=style["color"], linewidth=width, zorder=3)) for _ in self.paths]
        head = style | {"markersize": 6.5, "markeredgecolor": "white", "zorder": 3.6, "linestyle": "none"}
        self._heads = [ax.add_line(Line2D([], [], **head)) for _ in self.paths]

    def grow_to(self, step: int) -> None:
        """Show the steps up to this one."""
        for (across, up), line, head in zip(self.paths, self._lines, self._heads, strict=True):
            line.set_data(across[: step + 1], up[: step + 1])
            head.set_data(across[: step + 1][-1:], up[: step + 1][-1:])


def in_few_colours(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """The pictures in one palette: what is common in the last, and every path's colour however thin the path is.

    Black and white stay as they are.
    """
    whole = [picture.convert("RGB") for picture in pictures]
    common = np.array(whole[-1].quantize(COMMON).getpalette()).reshape(-1, 3)[:COMMON]
    common = common[common.min(axis=1) < NEARLY_WHITE]  # or Pillow takes such a one for white
    paths = np.array([to_rgb(colour) for colour in COLOURS])
    tints = np.concatenate([part * paths + (1.0 - part) for part in TINTS] + [[[0.0] * 3, [1.0] * 3]])
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(255 * tints).round().astype(int).ravel().tolist(), *common.ravel().tolist()])
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in whole]
