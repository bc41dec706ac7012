"""A picture made of characters: curves, a frame with numbers, and a legend."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import uniplot

from stepsize.plots.curves import FAR, Curve, one_line
from stepsize.plots.style import COLOURS
from stepsize.schedules.curve import round_numbers, wants_log, whole_powers

NARROWEST, LOWEST = 30, 4
MARKS = "ox+*#@%&=abcdefghijklmnpqrstuvwyz"
"""What curves are drawn with where neither colours nor fine characters tell them apart."""


@dataclass(frozen=True)
class Form:
    """How to draw: the width of a line, the height of the curves, and what the output can show."""

    width: int
    height: int
    colour: bool
    ascii_only: bool


def sketch(
    curves: Sequence[Curve], title: str, form: Form, foot: tuple[str, str] | None = None, with_zero: bool = True
) -> str:
    """The picture; what it looks like is said in `sketch_curves`.

    `foot` is what stands at both ends of the foot, in the place of the steps; `with_zero` has zero in the picture
    where the values are not on a log scale.
    """
    if not curves:
        return f"{title}: nothing to draw yet"
    form = replace(form, width=max(form.width, NARROWEST), height=max(form.height, LOWEST))
    log = wants_log(curve.y for curve in curves)
    if log:
        curves = [replace(curve, y=np.log10(curve.y)) for curve in curves]
    low, high = min(float(curve.y.min()) for curve in curves), max(float(curve.y.max()) for curve in curves)
    if with_zero and not log:
        low, high = min(low, 0.0), max(high, 0.0)
    numbers: Sequence[float] = whole_powers(low, high) if log else round_numbers(low, high)
    # So far out, distances overflow, and 1 more is the same number: it is drawn a thousand times smaller there.
    scale = 1.0 if max(-low, high) < FAR else 1e-3
    low, high = low * scale, high * scale
    if scale < 1.0:
        curves = [replace(curve, y=curve.y * scale) for curve in curves]
    if low == high:
        high = low + 1.0
    labels = {
        _row(number * scale, low, high, form.height): f"1e{number}" if log else f"{number:.6g}" for number in numbers
    }
    margin = max(len(label) for label in labels.values())
    last = max(float(curve.x.max()) for curve in curves)
    across = form.width - margin - 2
    upright, tick, corner, flat = "|++-" if form.ascii_only else "│┤└─"
    lines = [title] if title else []
    for index, row in enumerate(_body(curves, (last, low, high), across, form)):
        label = labels.get(index, "")
        lines.append(f"{label:>{margin}} {tick if label else upright}{row}".rstrip())
    lines.append(" " * (margin + 1) + corner + flat * across)
    begin, end = foot or ("0", f"{last:,.0f} steps")
    lines.append(" " * (margin + 2) + begin + end.rjust(across - len(begin)))
    return "\n".join([*lines, *_legend(curves, form)])


def _body(curves: Sequence[Curve], view: tuple[float, float, float], across: int, form: Form) -> list[str]:
    """The curves alone, line by line."""
    last, low, high = view
    edge = 0.001 * (high - low)  # what lies exactly on the upper bound is left out otherwise
    picture = uniplot.plot_to_string(
        [curve.y for curve in curves],
        [curve.x for curve in curves],
        lines=True,
        width=across,
        height=form.height,
        x_min=0.0,
        x_max=1.001 * last or 1.0,
        y_min=low - edge,
        y_max=high + edge,
        x_labels=False,
        y_labels=False,
        x_gridlines=[],
        y_gridlines=[],
        color=[_colour(index) for index in range(len(curves))] if form.colour else False,
        character_set="ascii" if _marked(curves, form) else "block",
        force_ascii_characters=[MARKS[index % len(MARKS)] for index in range(len(curves))],
    )
    return [line[1:].removesuffix("│") for line in picture.splitlines()[1:-1]]


def _legend(curves: Sequence[Curve], form: Form) -> list[str]:
    """The labels behind the marks of their curves, wrapped to the width."""
    lines = []
    for index, curve in enumerate(curves):
        mark = MARKS[index % len(MARKS)] * 2 if _marked(curves, form) else "▀▀"
        if form.colour:
            red, green, blue = (int(_colour(index)[at : at + 2], 16) for at in (1, 3, 5))
            mark = f"\x1b[38;2;{red};{green};{blue}m{mark}\x1b[0m"
        first, *others = textwrap.wrap(one_line(curve.label), form.width - 3) or [""]
        lines += [f"{mark} {first}", *(f"   {other}" for other in others)]
    return lines


def _marked(curves: Sequence[Curve], form: Form) -> bool:
    """Whether each curve is drawn with a mark of its own."""
    return form.ascii_only or len(curves) > (len(COLOURS) if form.colour else 1)


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _row(value: float, low: float, high: float, height: int) -> int:
    return min(int((high - value) / (high - low) * height), height - 1)
