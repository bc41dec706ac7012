"""Descents as one page of HTML that needs no network: a slider and a button move the paths step by step."""

import base64
import hashlib
import importlib.resources
import json
from collections.abc import Mapping
from html import escape
from string import Template

import numpy as np

from stepsize.descent import Surface, Trajectory
from stepsize.descent.surface import Box
from stepsize.plots.curves import Floats, colour, printable
from stepsize.plots.descents import Descents, labels_of, named_panels, on_picture
from stepsize.plots.surfaces import lines_of, window_of
from stepsize.schedules.curve import round_numbers

# In units of the SVG: the frame of a drawing, and the whole with the numbers at its edges.
LEFT, TOP, WIDTH, HEIGHT = 62, 8, 560, 380
WHOLE = (0, 0, LEFT + WIDTH + 18, TOP + HEIGHT + 30)
_FINENESS = {1: 241, 2: 71}  # points along each axis, by dimensions
_BEYOND_FRAME = 3.0  # points further out than this many widths of the frame are moved there, out of sight
_STAR = "0,-9 2.1,-2.9 8.6,-2.8 3.4,1.1 5.3,7.3 0,3.6 -5.3,7.3 -3.4,1.1 -8.6,-2.8 -2.1,-2.9"
_CROSS = "-7,-4 -4,-7 0,-3 4,-7 7,-4 3,0 7,4 4,7 0,3 -4,7 -7,4 -3,0"


def descents_page(title: str, sections: Mapping[str, Mapping[str, Descents]]) -> str:
    """The text of a page with descents that a reader can play, or go through step by step.

    It opens with every descent at its end. It follows the reader's choice of light or dark, fits a phone, and loads
    nothing from the network.

    Args:
        title: of the page.
        sections: title to panels, which move together; a panel is a title to trajectories, as in `descent_panels`.

    Raises:
        ArgumentError: a section has no panels, a panel has no trajectories, or these cannot be drawn in one picture.

    Example:
        >>> from stepsize.descent import SURFACES, Adam, descend
        >>> from stepsize.plots import descents_page
        >>> down = descend(SURFACES["bowl"], Adam(), [-5.0, -2.0], steps=20, lr=0.4)
        >>> "<title>One descent</title>" in descents_page("One descent", {"Adam": {"rate 0.4": down}})
        True
    """
    grounds: dict[tuple[Surface, Box], str] = {}
    shown, data = [], []
    for number, (name, panels) in enumerate(sections.items()):
        named = named_panels("descents_page", f"sections[{name!r}]", panels)
        paths: list[list[float]] = []
        figures = "".join(_panel(panel, each, grounds, paths) for panel, each in named.items())
        last = max(trajectory.steps for each in named.values() for trajectory in each.values())
        shown.append(
            f'<section data-section="{number}">\n<h2>{_text(name)}</h2>\n'
            f'<div class="controls"><button type="button">Play</button>'
            f'<input type="range" min="0" max="{last}" value="{last}" aria-label="step"><output></output></div>\n'
            f'{_legend(labels_of(named))}<div class="panels">\n{figures}</div>\n</section>\n'
        )
        data.append({"last": last, "paths": paths})
    script = _file("descents.js")
    return Template(_file("descents.html")).substitute(
        title=_text(title),
        style=_file("descents.css"),
        script=script,
        fingerprint=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        left=LEFT,
        top=TOP,
        width=WIDTH,
        height=HEIGHT,
        contours="".join(f'<path id="ground{i}" d="{d}"/>\n' for i, d in enumerate(grounds.values())),
        sections="".join(shown),
        data=json.dumps(data, separators=(",", ":"), allow_nan=False),
    )


def _legend(labels: list[str]) -> str:
    items = "".join(
        f'<li style="--colour: {colour(index)}"><span class="name">{_text(label)}</span></li>'
        for index, label in enumerate(labels)
    )
    return f'<ul class="legend">{items}</ul>\n' if items else ""


def _panel(
    title: str, named: Mapping[str, Trajectory], grounds: dict[tuple[Surface, Box], str], paths: list[list[float]]
) -> str:
    """The figure of a panel; adds its ground and its paths to those of the page."""
    trajectories = list(named.values())
    surface = trajectories[0].surface
    window = window_of(surface, trajectories)
    drawing = _Drawing(surface, window)
    grounds.setdefault((surface, window), drawing.ground)
    ground = list(grounds).index((surface, window))
    marks = "".join(
        f'<polygon class="known" points="{shape}" transform="translate({x:g},{y:g})"/>'
        for shape, points in ((_STAR, surface.minima), (_CROSS, surface.saddles))
        for x, y in (drawing.places(np.array([point]))[0] for point in points)
    )
    drawn = []
    for index, trajectory in enumerate(trajectories):
        for path in trajectory.paths():
            places = drawing.places(path)
            x, y = places[0]
            drawn.append(
                f'<g data-path="{len(paths)}" style="--colour: {colour(index)}"><polyline class="path"/>'
                f'<circle class="start" cx="{x:g}" cy="{y:g}" r="5"/><circle class="head" r="6"/></g>'
            )
            paths.append(places.ravel().tolist())
    kind = "curve" if surface.dimensions == 1 else "contours"
    return (
        f"<figure><figcaption>{_text(title)}</figcaption>"
        f'<svg viewBox="{" ".join(map(str, WHOLE))}" role="img" aria-label="{_text(title) or "descent"}">'
        f'<g clip-path="url(#frame)"><use href="#ground{ground}" class="{kind}"/>{"".join(drawn)}{marks}</g>'
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/>'
        f"{drawing.numbers()}</svg></figure>\n"
    )


class _Drawing:
    """The curve or contours of a surface, and the places of its points."""

    def __init__(self, surface: Surface, window: Box) -> None:
        self._surface = surface
        (self._across, self._up), lines = lines_of(surface, window, _FINENESS[surface.dimensions])
        self.ground = "".join(_svg_path(self._in_frame(line[np.isfinite(line[:, 1])])) for line in lines)

    def places(self, path: Floats) -> Floats:
        """Where the points of a path are drawn."""
        return self._in_frame(np.stack(on_picture(self._surface, path), axis=-1))

    def _in_frame(self, points: Floats) -> Floats:
        """In units of the SVG, to a tenth, shape (points, 2)."""
        low, high = np.array([self._across, self._up]).T
        part = np.clip((points - low) / (high - low), -_BEYOND_FRAME, 1.0 + _BEYOND_FRAME) * [1.0, -1.0] + [0.0, 1.0]
        places: Floats = (part * [WIDTH, HEIGHT] + [LEFT, TOP]).round(1)
        return places

    def numbers(self) -> str:
        (left, right), (low, high) = self._across, self._up
        across = "".join(
            f'<text x="{LEFT + WIDTH * (x - left) / (right - left):.1f}" y="{TOP + HEIGHT + 20}" '
            f'text-anchor="middle">{x:z.4g}</text>'
            for x in round_numbers(left, right)
        )
        up = "".join(
            f'<text x="{LEFT - 8}" y="{TOP + 5 + HEIGHT * (high - y) / (high - low):.1f}" '
            f'text-anchor="end">{y:z.4g}</text>'
            for y in round_numbers(low, high)
        )
        return across + up


def _svg_path(places: Floats) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places) if len(places) else ""


def _text(text: str) -> str:
    return escape(printable(text))


def _file(name: str) -> str:
    return importlib.resources.files("stepsize.plots").joinpath("page", name).read_text("utf-8")
