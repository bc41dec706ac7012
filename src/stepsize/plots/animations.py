"""Descents in files: pictures, pages, and animations in which the paths grow step by step."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from stepsize.descent import Trajectory
from stepsize.errors import ArgumentError, OutputError
from stepsize.files import write_whole
from stepsize.plots.curves import COLOURS
from stepsize.plots.descent_page import descents_page
from stepsize.plots.descents import (
    MOST_BOLD,
    Descents,
    draw_ground,
    named_descents,
    named_panels,
    on_picture,
    panel_grid,
    path_style,
    plot_descents,
)
from stepsize.plots.figures import PICTURES, Picture, listed_kinds, save_figure, without_glyph_warnings

ANIMATIONS = ("gif", "mp4")
MOST_PATHS = 200
MOST_FRAMES = 60  # a longer descent has several steps in each frame
FRAMES_A_SECOND, LAST_FRAMES = 10, 12  # the last picture is held for as many more frames
DOTS_AN_INCH = 80
# The palette of a .gif: its common colours, except those as light as NEARLY_WHITE, and the colour of each path mixed
# with white in these parts, for the edges of lines.
COMMON, NEARLY_WHITE, TINTS = 128, 244, (1.0, 0.75, 0.5, 0.25)

Progress = Callable[[int, int], Any]


def save_descents(
    descents: Descents, path: str | os.PathLike[str], *, title: str = "Descent", progress: Progress | None = None
) -> Path:
    """Write trajectories on one surface to a file, whole or not at all, and return the path.

    Args:
        descents: a trajectory, or several by their labels in the legend.
        path: a picture is .png, .svg, .pdf, .jpg or .webp; an animation .gif or .mp4; a page with a slider .html.
        title: of an animation or a page.
        progress: of an animation: called after every frame with the number of frames done and the number of all.

    Raises:
        OutputError: the name ends in something else, or the file cannot be written.
        ArgumentError: the trajectories cannot be drawn in one picture.
    """
    named = named_descents("save_descents", "descents", descents)
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind in PICTURES:
        return save_figure(plot_descents(named, Picture()), target)
    if kind in ANIMATIONS:
        return save_animation({title: named}, target, columns=1, progress=progress)
    if kind == "html":
        write_whole(target, descents_page("Descent", {title: {"": named}}).encode())
        return target
    kinds = listed_kinds((*PICTURES, *ANIMATIONS, "html"))
    raise OutputError(f"cannot write a descent to {target}", f"end its name in {kinds}")


def save_animation(
    panels: Mapping[str, Descents],
    path: str | os.PathLike[str],
    *,
    columns: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Write descents that grow step by step to a .gif or .mp4, whole or not at all, and return the path.

    Args:
        panels: title to trajectories, as in `descent_panels`.
        path: the file; .mp4 needs the program ffmpeg.
        columns: panels in a row.
        progress: called after every frame with the number of frames done and the number of all.

    Raises:
        OutputError: the name ends in something else, ffmpeg is not installed, or the file cannot be written.
        ArgumentError: there is nothing to draw, or there are more than 200 paths.
    """
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in ANIMATIONS:
        raise OutputError(f"cannot write an animation to {target}", "end its name in .gif or .mp4")
    if kind == "mp4" and not FFMpegWriter.isAvailable():
        raise OutputError("an .mp4 needs the program ffmpeg, which is not installed", "write a .gif instead")
    writer: AbstractMovieWriter = (_Gif if kind == "gif" else FFMpegWriter)(fps=FRAMES_A_SECOND)
    named = named_panels("save_animation", "panels", panels)
    with tempfile.TemporaryDirectory() as folder, without_glyph_warnings():
        film = Path(folder) / target.name
        _write_frames(named, writer, film, columns, progress or (lambda done, all_frames: None))
        write_whole(target, film.read_bytes())
    return target


def _write_frames(
    panels: Mapping[str, Mapping[str, Trajectory]],
    writer: AbstractMovieWriter,
    path: Path,
    columns: int,
    progress: Progress,
) -> None:
    paths = sum(each.lasted.size for named in panels.values() for each in named.values())
    if paths > MOST_PATHS:
        raise ArgumentError("save_animation", "panels", f"at most {MOST_PATHS} paths", paths, "take fewer starts")
    figure = panel_grid(panels, columns, draw_ground)
    _turn_into_image(figure)
    moving = [
        _MovingPaths(ax, each, index)
        for ax, named in zip(figure.axes, panels.values(), strict=False)
        for index, each in enumerate(named.values())
    ]
    last = max(each.trajectory.steps for each in moving)
    frames = np.unique(np.linspace(0, last, min(last, MOST_FRAMES) + 1).round()).astype(int).tolist()
    frames += [last] * (0 if isinstance(writer, _Gif) else LAST_FRAMES)
    caption = figure.text(0.995, 0.005, "", ha="right", va="bottom", fontsize=9)
    with writer.saving(figure, str(path), DOTS_AN_INCH):
        for done, step in enumerate(frames, start=1):
            for each in moving:
                each.grow_to(step)
            caption.set_text(f"step {step:,}")
            writer.grab_frame()
            progress(done, len(frames))


def _turn_into_image(figure: Figure) -> None:
    """Replace everything that is drawn by one image, since contours take long and every frame repeats them."""
    figure.set_dpi(DOTS_AN_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    figure.set_layout_engine("none")  # everything has its place
    background = _Background(np.array(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    for ax in figure.axes:
        for artist in [*ax.collections, *ax.lines]:
            artist.remove()
        ax.set_axis_off()
        ax.set_title("")
    for legend in figure.legends:
        legend.remove()
    figure.add_artist(background)


class _Background(Artist):
    """An image of the whole figure, below the axes. `figimage` would resample it for every frame."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        super().__init__()
        self.set_zorder(-1)
        self._image = image[::-1].copy()  # from the bottom up

    def draw(self, renderer: Any) -> None:
        renderer.draw_image(renderer.new_gc(), 0, 0, self._image)


class _MovingPaths:
    """The paths of one trajectory on their axes, up to a step."""

    def __init__(self, ax: Axes, trajectory: Trajectory, index: int) -> None:
        self.trajectory = trajectory
        self._paths = [on_picture(trajectory.surface, path) for path in trajectory.paths()]
        style = path_style(index)
        line = {"color": style["color"], "linewidth": 1.4 if len(self._paths) <= MOST_BOLD else 0.7, "zorder": 3}
        head = style | {"markersize": 6.5, "markeredgecolor": "white", "zorder": 3.6, "linestyle": "none"}
        self._lines = [ax.add_line(Line2D([], [], **line)) for _ in self._paths]
        self._heads = [ax.add_line(Line2D([], [], **head)) for _ in self._paths]

    def grow_to(self, step: int) -> None:
        for (across, up), line, head in zip(self._paths, self._lines, self._heads, strict=True):
            line.set_data(across[: step + 1], up[: step + 1])
            head.set_data(across[: step + 1][-1:], up[: step + 1][-1:])


class _Gif(PillowWriter):
    """Frames with the same few colours: the parts that do not move then take no room. The last is shown for longer."""

    def finish(self) -> None:
        first, *others = in_few_colours(self._frames)  # type: ignore[attr-defined]
        milliseconds = [1000 // self.fps] * (1 + len(others))
        milliseconds[-1] *= 1 + LAST_FRAMES
        first.save(self.outfile, save_all=True, append_images=others, duration=milliseconds, loop=0)


def in_few_colours(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """The pictures in one palette: the common colours of the last, and every path's colour even if the path is thin.

    Black and white stay exact.
    """
    whole = [picture.convert("RGB") for picture in pictures]
    common = np.array(whole[-1].quantize(COMMON).getpalette()).reshape(-1, 3)[:COMMON]
    common = common[common.min(axis=1) < NEARLY_WHITE]  # Pillow uses such a colour for white
    paths = np.array([to_rgb(each) for each in COLOURS])
    tints = np.concatenate([part * paths + (1.0 - part) for part in TINTS] + [[[0.0] * 3, [1.0] * 3]])
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(255 * tints).round().astype(int).ravel().tolist(), *common.ravel().tolist()])
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in whole]
