"""Descents as one page of HTML that needs no network: a slider and a button move the paths step by step."""

import base64
import hashlib
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

import numpy as np
from contourpy import contour_generator

from stepsize.descent import Surface, Trajectory
from stepsize.descent.surface import Box
from stepsize.plots.curves import COLOURS, Floats, one_line
from stepsize.plots.descents import Descents, named_descents, on_picture
from stepsize.plots.landscape import contour_levels, window_of
from stepsize.schedules.curve import round_numbers

LEFT, TOP, WIDTH, HEIGHT = 62, 8, 560, 380
"""Of the drawing in the units of the SVG, whose edges hold the numbers."""
WHOLE = (0, 0, LEFT + WIDTH + 18, TOP + HEIGHT + 30)
_FINENESS = {1: 241, 2: 71}
_FAR = 3.0
"""Points further out than so many widths of the drawing are put there: no picture shows more of them."""
_STAR = "0,-9 2.1,-2.9 8.6,-2.8 3.4,1.1 5.3,7.3 0,3.6 -5.3,7.3 -3.4,1.1 -8.6,-2.8 -2.1,-2.9"
_CROSS = "-7,-4 -4,-7 0,-3 4,-7 7,-4 3,0 7,4 4,7 0,3 -4,7 -7,4 -3,0"


@dataclass(frozen=True)
class Section:
    """Panels that move together, under a title and some words."""

    title: str
    words: str
    panels: Mapping[str, Descents]


def descents_page(title: str, sections: Sequence[Section]) -> str:
    """The page: in each section a panel for every title, in each panel its paths over their surface.

    It opens with every descent at its end. It follows the reader's choice of light or dark, fits a phone, and asks
    nothing of the network.

    Raises:
        ArgumentError: a panel has no trajectories, or ones that cannot be drawn in one picture.

    Example:
        >>> from stepsize.descent import SURFACES, Adam, descend
        >>> from stepsize.plots import Section, descents_page
        >>> down = descend(SURFACES["bowl"], Adam(), [-5.0, -2.0], steps=20, lr=0.4)
        >>> "<title>One descent</title>" in descents_page("One descent", [Section("Adam", "", {"": down})])
        True
    """
    grounds: dict[tuple[Surface, Box], str] = {}
    shown, data = [], []
    for number, section in enumerate(sections):
        panels = {name: named_descents("descents_page", each) for name, each in section.panels.items()}
        paths: list[list[float]] = []
        figures = "".join(_panel(name, each, grounds, paths) for name, each in panels.items())
        last = max(trajectory.steps for each in panels.values() for trajectory in each.values())
        shown.append(_section(number, section, figures, _legend(panels), last))
        data.append({"last": last, "paths": paths})
    script = _text("descents.js")
    return Template(_text("descents.html")).substitute(
        title=escape(one_line(title)),
        style=_text("descents.css"),
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


def _section(number: int, section: Section, figures: str, legend: str, last: int) -> str:
    return (
        f'<section data-section="{number}">\n<h2>{escape(one_line(section.title))}</h2>\n'
        f"<p>{escape(section.words)}</p>\n"
        f'<div class="controls"><button type="button">Play</button>'
        f'<input type="range" min="0" max="{last}" value="{last}" aria-label="step"><output></output></div>\n'
        f'{legend}<div class="panels">\n{figures}</div>\n</section>\n'
    )


def _legend(panels: Mapping[str, Mapping[str, Trajectory]]) -> str:
    labels = dict.fromkeys(label for each in panels.values() if len(each) > 1 for label in each)
    items = "".join(
        f'<li style="--colour: {_colour(index)}"><span class="name">{escape(one_line(label))}</span></li>'
        for index, label in enumerate(labels)
    )
    return f'<ul class="legend">{items}</ul>\n' if items else ""


def _panel(
    title: str, named: Mapping[str, Trajectory], grounds: dict[tuple[Surface, Box], str], paths: list[list[float]]
) -> str:
    trajectories = list(named.values())
    surface = trajectories[0].surface
    window = window_of(surface, trajectories)
    place = _Place(surface, window)
    ground = list(grounds).index((surface, window)) if (surface, window) in grounds else len(grounds)
    grounds.setdefault((surface, window), place.ground)
    marks = "".join(
        f'<polygon class="known" points="{shape}" transform="translate({x:g},{y:g})"/>'
        for shape, points in ((_STAR, surface.minima), (_CROSS, surface.saddles))
        for x, y in (place.of(np.array([point]))[0] for point in points)
    )
    drawn = []
    for index, trajectory in enumerate(trajectories):
        for path in trajectory.paths():
            points = place.of(path)
            x, y = points[0]
            drawn.append(
                f'<g data-path="{len(paths)}" style="--colour: {_colour(index)}"><polyline class="path"/>'
                f'<circle class="start" cx="{x:g}" cy="{y:g}" r="5"/><circle class="head" r="6"/></g>'
            )
            paths.append(points.ravel().tolist())
    kind = "curve" if surface.dimensions == 1 else "contours"
    return (
        f"<figure><figcaption>{escape(one_line(title))}</figcaption>"
        f'<svg viewBox="{" ".join(map(str, WHOLE))}" role="img" aria-label="{escape(one_line(title)) or "descent"}">'
        f'<g clip-path="url(#frame)"><use href="#ground{ground}" class="{kind}"/>{"".join(drawn)}{marks}</g>'
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/>'
        f"{place.numbers()}</svg></figure>\n"
    )


class _Place:
    """From points of a surface to places in the drawing."""

    def __init__(self, surface: Surface, window: Box) -> None:
        self._surface = surface
        axes = [np.linspace(low, high, _FINENESS[surface.dimensions]) for low, high in window]
        grid = np.stack(np.meshgrid(*axes), axis=-1)
        values = surface(grid)
        self._across, self._up = window[0], window[-1]
        if surface.dimensions == 1:
            finite = values[np.isfinite(values)]
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
            pad = 0.08 * (high - low) or 1.0
            self._up = (low - pad, high + pad)
            self.ground = _d(self.of(grid[np.isfinite(values)]), digits=1)
        else:
            generator = contour_generator(x=axes[0], y=axes[1], z=np.ma.masked_invalid(values))
            lines = [line for level in contour_levels(values) for line in generator.lines(level)]
            self.ground = "".join(_d(self.of(np.asarray(line))) for line in lines)

    def of(self, path: Floats) -> Floats:
        """Places in the units of the SVG, to a tenth, shape (points, 2)."""
        places = np.stack(on_picture(self._surface, path), axis=-1)
        low, high = np.array([self._across, self._up]).T
        part = np.clip((places - low) / (high - low), -_FAR, 1.0 + _FAR) * [1.0, -1.0] + [0.0, 1.0]
        found: Floats = (part * [WIDTH, HEIGHT] + [LEFT, TOP]).round(1)
        return found

    def numbers(self) -> str:
        """Round numbers along both sides."""
        (left, right), (low, high) = self._across, self._up
        across = "".join(
            f'<text x="{LEFT + WIDTH * (x - left) / (right - left):.1f}" y="{TOP + HEIGHT + 20}" '
            f'text-anchor="middle">{x:.4g}</text>'
            for x in round_numbers(left, right)
        )
        up = "".join(
            f'<text x="{LEFT - 8}" y="{TOP + 5 + HEIGHT * (high - y) / (high - low):.1f}" '
            f'text-anchor="end">{y:.4g}</text>'
            for y in round_numbers(low, high)
        )
        return across + up


def _d(points: Floats, digits: int = 0) -> str:
    """The points as the path of an SVG, with so many digits behind the point."""
    return "M" + "L".join(f"{x:.{digits}f},{y:.{digits}f}" for x, y in points) if len(points) else ""


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _text(name: str) -> str:
    """A file of the page's own."""
    return importlib.resources.files("stepsize.plots").joinpath("page", name).read_text("utf-8")
