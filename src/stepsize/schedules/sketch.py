"""A schedule as a curve: the points to draw it by, and a small picture in SVG for notebooks, without matplotlib."""

import itertools
import math
from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray

from stepsize.schedules.base import Schedule
from stepsize.schedules.function import Function

Floats = NDArray[np.float64]

ENDLESS_STEPS = 1000
"""How much is shown of a schedule that never ends."""
FEWEST, MOST, BINS = 4096, 2**18, 330
WIDTH, HEIGHT = 480, 170
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 32, 24
TITLE_LENGTH = 70
BLUE = "#1f8dd6"


def shown_steps(schedules: Iterable[Schedule]) -> int:
    """How many steps a picture of these covers: the longest that ends, or 1,000 where none does."""
    return max((int(schedule.steps) for schedule in schedules if schedule.steps != math.inf), default=ENDLESS_STEPS)


def curve(schedule: Schedule, last: int) -> tuple[Floats, Floats]:
    """Steps 0 .. last, both included, and the values there: at most some 2,000 points that miss no jump.

    Every whole step is looked at (beyond 262,144 of them, that many), and short schedules between the whole steps
    too. Of what was seen in each of 330 stretches, its ends, its extremes and both sides of its largest jump are kept.

    Raises:
        StepError: the schedule has no finite value at some step.
    """
    if 0 < last < FEWEST and not _takes_whole_steps(schedule):
        parts = math.ceil(FEWEST / last)
        # Values jump at whole steps: the point just before one keeps the jump upright.
        just_before = np.nextafter(np.arange(1.0, last + 1), 0.0)
        steps = np.union1d(np.arange(last * parts + 1) / parts, just_before)
    else:
        steps = np.unique(np.linspace(0, last, min(last, MOST) + 1).round())
    return _thinned(steps, schedule(steps))


def wants_log(curves: Iterable[Floats]) -> bool:
    """Whether values ask for a log scale: all positive, and the largest more than a thousand times the smallest."""
    values = np.concatenate(list(curves))
    return bool(values.min() > 0 and values.max() / 1000 > values.min())


def svg(schedule: Schedule) -> str:
    """The schedule over its steps (the first 1,000 of an endless one) as an SVG document of 480 x 170.

    Text and axes take the colour of the page's text, so that it can be read on a dark one. The values are on a log
    scale where they ask for it; otherwise zero is always in the picture.

    Raises:
        StepError: the schedule has no finite value at some step.
    """
    last = shown_steps([schedule])
    steps, values = curve(schedule, last)
    if wants_log([values]):
        values = np.log10(values)
        low, high = float(values.min()), float(values.max())
        ticks = {float(power): f"1e{power}" for power in whole_powers(low, high)}
    else:
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        ticks = {value: f"{value:.6g}" for value in round_numbers(low, high)}
    foot, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    x = LEFT + steps * ((right - LEFT) / max(last, 1))
    half = (high / 2 - low / 2) or 1.0  # halves, so that the largest numbers have a difference too
    y = foot - (values / 2 - low / 2) / half * (foot - TOP)
    text = str(schedule)
    title = escape(text if len(text) <= TITLE_LENGTH else f"{text[: TITLE_LENGTH - 3]}...")
    if len(x) == 1:
        drawn = f'<circle cx="{x[0]:.2f}" cy="{y[0]:.2f}" r="3" fill="{BLUE}"/>'
    else:
        points = " ".join(f"{a:.2f},{b:.2f}" for a, b in zip(x, y, strict=True))
        drawn = f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="2" stroke-linejoin="round"/>'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' role="img" font-family="sans-serif" font-size="11" fill="currentColor">',
        f"<title>{title}</title>",
        f'<text x="8" y="17" font-family="monospace">{title}</text>',
        f'<path d="M{LEFT},{TOP} V{foot} H{right}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>',
    ]
    for value, label in ticks.items():
        at = foot - (value / 2 - low / 2) / half * (foot - TOP)
        lines += [
            f'<path d="M{LEFT},{at:.2f} H{right}" stroke="currentColor" stroke-opacity="0.15"/>',
            f'<text x="{LEFT - 6}" y="{at + 4:.2f}" text-anchor="end">{label}</text>',
        ]
    lines += [
        f'<text x="{LEFT}" y="{HEIGHT - 7}">0</text>',
        f'<text x="{right}" y="{HEIGHT - 7}" text-anchor="end">{last:,} steps</text>',
        drawn,
        "</svg>",
    ]
    return "\n".join(lines)


def _takes_whole_steps(schedule: Schedule) -> bool:
    """A function of the user's own need not have values between the steps."""
    return isinstance(schedule, Function) or any(_takes_whole_steps(child) for child in schedule._children)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= 6 * BINS:
        return x, y
    bounds = np.linspace(0, len(x), BINS + 1).astype(int).tolist()
    jumps = np.abs(np.diff(y / 2))
    keep = {len(x) - 1}
    for start, end in itertools.pairwise(bounds):
        seen = y[start:end]
        jump = start + int(jumps[start:end].argmax())
        keep |= {start, start + int(seen.argmin()), start + int(seen.argmax()), jump, jump + 1, end - 1}
    kept = sorted(keep)
    return x[kept], y[kept]


def whole_powers(low: float, high: float) -> range:
    """At most six whole numbers from low to high, evenly spaced."""
    first, last = math.ceil(low), math.floor(high)
    return range(first, last + 1, max(1, math.ceil((last - first + 1) / 6)))


def round_numbers(low: float, high: float) -> list[float]:
    """Some three to eight round numbers from low to high."""
    span = high - low
    if not 1e-300 < span < math.inf:
        return [low, high] if span > 1 else [low]
    power = 10.0 ** math.floor(math.log10(span / 3))
    step = max((size * power for size in (1, 2, 5) if size * power <= span / 3), default=power)
    # A bound that is itself such a number must not be lost to rounding.
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
