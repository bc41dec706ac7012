"""A schedule as a small curve in SVG, drawn without a plotting library: what a notebook shows."""

import math
from html import escape

import numpy as np

from stepsize.schedules.base import Schedule

WIDTH, HEIGHT = 480, 160
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 26
ENDLESS_STEPS = 1000
"""How much is shown of a schedule that never ends."""


def svg(schedule: Schedule) -> str:
    """The schedule over its steps (the first 1,000 of an endless one) as an SVG document of 480 x 160.

    It takes its colours from the page, so that it can be read on a dark one.
    """
    last = ENDLESS_STEPS if schedule.steps == math.inf else max(int(schedule.steps), 1)
    steps = np.unique(np.linspace(0, last, min(last, 2 * WIDTH) + 1).round())
    values = schedule(steps)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    height = (high - low) or 1.0
    x = LEFT + (WIDTH - LEFT - RIGHT) * steps / last
    y = TOP + (HEIGHT - TOP - BOTTOM) * (high - values) / height
    curve = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    title = str(schedule)
    shown = title if len(title) <= 74 else f"{title[:71]}..."
    right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"
 role="img" font-family="sans-serif" font-size="11" fill="currentColor">
<title>{escape(title)}</title>
<text x="{LEFT}" y="16">{escape(shown)}</text>
<path d="M{LEFT},{TOP} V{foot} H{right}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>
<text x="{LEFT - 6}" y="{TOP + 4}" text-anchor="end">{high:.4g}</text>
<text x="{LEFT - 6}" y="{foot}" text-anchor="end">{low:.4g}</text>
<text x="{LEFT}" y="{HEIGHT - 8}">0</text>
<text x="{right}" y="{HEIGHT - 8}" text-anchor="end">{last:,} steps</text>
<polyline points="{curve}" fill="none" stroke="#0072b2" stroke-width="2" stroke-linejoin="round"/>
</svg>"""
