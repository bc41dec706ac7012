"""A schedule as a small picture in SVG, for notebooks: without matplotlib."""

from dataclasses import dataclass
from html import escape

import numpy as np

from stepsize.schedules.base import Schedule
from stepsize.schedules.curve import Floats, curve, round_numbers, shown_steps, wants_log, whole_powers

WIDTH, HEIGHT = 480, 170
LEFT, RIGHT, TOP, FOOT = 66, WIDTH - 14, 32, HEIGHT - 24
TITLE_LENGTH = 70
BLUE = "#1f8dd6"


def svg(schedule: Schedule) -> str:
    """The schedule over its steps (the first 1,000 of an endless one) as an SVG document of 480 x 170.

    Text and axes take the colour of the page's text, so that it can be read on a dark one. The values are on a log
    scale where they ask for it; otherwise zero is always in the picture.

    Raises:
        StepError: the schedule has no finite value at some step.
    """
    last = shown_steps([schedule])
    steps, values = curve(schedule, last)
    scale = _log_scale(values) if wants_log([values]) else _linear_scale(values)
    x = LEFT + steps * ((RIGHT - LEFT) / max(last, 1))
    y = scale.height(np.log10(values) if scale.log else values)
    parts = [*_frame(_title(schedule), last), *_ticks(scale), _drawn(x, y)]
    return "\n".join([_OPENING, *parts, "</svg>"])


@dataclass(frozen=True)
class _Scale:
    """The values (or their logarithms) from the foot of the picture to its top, and the labels of some."""

    low: float
    high: float
    labels: dict[float, str]
    log: bool

    def height(self, values: Floats) -> Floats:
        """The y of values; made of halves, so that the largest numbers have a difference too."""
        half = (self.high / 2 - self.low / 2) or 1.0
        return FOOT - (values / 2 - self.low / 2) / half * (FOOT - TOP)


def _log_scale(values: Floats) -> _Scale:
    low, high = np.log10([values.min(), values.max()]).tolist()
    return _Scale(low, high, {float(power): f"1e{power}" for power in whole_powers(low, high)}, log=True)


def _linear_scale(values: Floats) -> _Scale:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    return _Scale(low, high, {value: f"{value:.6g}" for value in round_numbers(low, high)}, log=False)


_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    ' role="img" font-family="sans-serif" font-size="11" fill="currentColor">'
)


def _title(schedule: Schedule) -> str:
    text = str(schedule)
    return escape(text if len(text) <= TITLE_LENGTH else f"{text[: TITLE_LENGTH - 3]}...")


def _frame(title: str, last: int) -> list[str]:
    """The title above, the two axes, and the steps below."""
    return [
        f"<title>{title}</title>",
        f'<text x="8" y="17" font-family="monospace">{title}</text>',
        f'<path d="M{LEFT},{TOP} V{FOOT} H{RIGHT}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>',
        f'<text x="{LEFT}" y="{HEIGHT - 7}">0</text>',
        f'<text x="{RIGHT}" y="{HEIGHT - 7}" text-anchor="end">{last:,} steps</text>',
    ]


def _ticks(scale: _Scale) -> list[str]:
    """A line across at every labelled value, and its label."""
    heights = scale.height(np.array(list(scale.labels)))
    return [
        f'<path d="M{LEFT},{y:.2f} H{RIGHT}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.2f}" text-anchor="end">{label}</text>'
        for y, label in zip(heights, scale.labels.values(), strict=True)
    ]


def _drawn(x: Floats, y: Floats) -> str:
    """The curve; a dot where there is one point only."""
    if len(x) == 1:
        return f'<circle cx="{x[0]:.2f}" cy="{y[0]:.2f}" r="3" fill="{BLUE}"/>'
    points = " ".join(f"{a:.2f},{b:.2f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="2" stroke-linejoin="round"/>'
