"""A schedule as a small SVG picture for notebooks, without matplotlib."""

from html import escape

import numpy as np

from stepsize.schedules.base import Schedule
from stepsize.schedules.curve import curve, round_numbers, shown_steps, wants_log, whole_powers
from stepsize.schedules.maths import Floats

WIDTH, HEIGHT = 480, 170
LEFT, RIGHT, TOP, BOTTOM = 66, WIDTH - 14, 32, HEIGHT - 24
TITLE_LENGTH = 70
BLUE = "#1f8dd6"

_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    ' role="img" font-family="sans-serif" font-size="11" fill="currentColor">'
)


def svg(schedule: Schedule) -> str:
    """The schedule over its steps as an SVG document of 480 x 170, whose text and axes have the colour of the page's.

    An endless schedule is shown over 1,000 steps, or more if its form needs them. The values are on a log scale if all
    are positive and span more than three decades, else the picture includes zero.
    """
    last = shown_steps([schedule])
    steps, values = curve(schedule, last)
    if wants_log([values]):
        values = np.log10(values)
        low, high = float(values.min()), float(values.max())
        labels = {float(power): f"1e{power}" for power in whole_powers(low, high)}
    else:
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        labels = {value: f"{value:z.6g}" for value in round_numbers(low, high)}
    x = LEFT + steps * ((RIGHT - LEFT) / max(last, 1))
    ticks = zip(_heights(np.array(list(labels)), low, high), labels.values(), strict=True)
    lines = [*_frame(schedule, last), *(_tick(y, label) for y, label in ticks), _line(x, _heights(values, low, high))]
    return "\n".join([_OPENING, *lines, "</svg>"])


def _heights(values: Floats, low: float, high: float) -> Floats:
    """The y of values from low to high; halves are subtracted, so that the largest floats do not overflow."""
    return BOTTOM - (values / 2 - low / 2) / ((high / 2 - low / 2) or 1.0) * (BOTTOM - TOP)


def _frame(schedule: Schedule, last: int) -> list[str]:
    text, steps = str(schedule), f"{last:,} step{'s'[: last != 1]}"
    title = escape(text if len(text) <= TITLE_LENGTH else f"{text[: TITLE_LENGTH - 3]}...")
    return [
        f"<title>{title}</title>",
        f'<text x="8" y="17" font-family="monospace">{title}</text>',
        f'<path d="M{LEFT},{TOP} V{BOTTOM} H{RIGHT}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>',
        f'<text x="{LEFT}" y="{HEIGHT - 7}">0</text>',
        f'<text x="{RIGHT}" y="{HEIGHT - 7}" text-anchor="end">{steps}</text>',
    ]


def _tick(y: float, label: str) -> str:
    return (
        f'<path d="M{LEFT},{y:.2f} H{RIGHT}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.2f}" text-anchor="end">{label}</text>'
    )


def _line(x: Floats, y: Floats) -> str:
    """The curve, or a dot if there is only one point."""
    if len(x) == 1:
        return f'<circle cx="{x[0]:.2f}" cy="{y[0]:.2f}" r="3" fill="{BLUE}"/>'
    points = " ".join(f"{a:.2f},{b:.2f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="2" stroke-linejoin="round"/>'
