"""Pictures made of characters: curves in a frame with numbers and a legend. They need no matplotlib."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np
import uniplot
from numpy.typing import ArrayLike
from rich.console import Console

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import Suggestions
from stepsize.errors import ArgumentError
from stepsize.plots.curves import (
    COLOURS,
    LARGEST_DRAWN,
    Curve,
    Schedules,
    band,
    curves_of,
    highest_loss_in_view,
    loss_trace,
    losses_in_view,
    printable,
    rule_labels,
)
from stepsize.schedules import Linear
from stepsize.schedules.curve import round_numbers, wants_log, whole_powers
from stepsize.store.run import Logged

NARROWEST, LOWEST = 30, 4
ENOUGH_COLOURS = ("256", "truecolor")  # a terminal with 16 would show several of ours as one
# One for each curve, if neither colours nor fine characters tell curves apart.
MARKS = "ox+*#@%&=abcdefghijklmnpqrstuvwyz"


class Form(TypedDict, total=False):
    """How to draw a sketch: the keywords of `sketch_curves`."""

    width: int
    height: int
    colour: bool
    ascii_only: bool


def has_colours(console: Console) -> bool:
    """Whether it is a terminal with enough colours to tell curves apart, and `NO_COLOR` is not set."""
    return console.color_system in ENOUGH_COLOURS and not console.no_color


def sketch_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str = "",
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    ascii_only: bool = False,
) -> str:
    """Curves in characters, with their legend below; no line is longer than `width`.

    The values are on a log scale if all are positive and the largest is more than 1,000 times the smallest; otherwise
    zero is in the picture. Values that are not finite are left out.

    Args:
        curves: label to steps and values.
        title: the first line, such as the name of the values.
        width: of the lines, in characters, at least 30.
        height: of the curves, in lines, at least 4.
        colour: tell curves apart by the colours of a terminal, not by letters.
        ascii_only: use ASCII characters only.

    Raises:
        ArgumentError: a curve has steps and values of different lengths.
    """
    drawn = []
    for label, (x, y) in curves.items():
        steps, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if steps.shape != values.shape or steps.ndim != 1:
            shapes = steps.shape, values.shape
            raise ArgumentError("sketch_curves", f"curves[{label!r}]", "steps and values of one length", shapes)
        finite = np.isfinite(values)
        drawn.append(Curve(label, steps[finite], values[finite]))
    form = Form(width=width, height=height, colour=colour, ascii_only=ascii_only)
    return _sketch([each for each in drawn if each.x.size], title, **form)


def sketch_schedules(schedules: Schedules, *, steps: int | None = None, **form: Unpack[Form]) -> str:
    """The picture of `plot_schedules` in characters; `form` has the keywords of `sketch_curves`.

    Raises:
        ArgumentError: there is nothing to draw, or `steps` is not a length.
        StepError: a schedule has no finite value at some step.
    """
    curves = curves_of("sketch_schedules", schedules, steps)
    return _sketch(curves, "learning rate", **form)


def sketch_losses(runs: Sequence[Logged], **form: Unpack[Form]) -> str:
    """The train losses of runs in characters; `form` has the keywords of `sketch_curves`, with a height of 12.

    Each name has one curve: the mean of its seeds, without those that diverged. If all of them diverged, the curve is
    their mean, the label says so, and losses above the picture are drawn at its top.
    """
    top = highest_loss_in_view(runs)
    curves = []
    for name in dict.fromkeys(run.name for run in runs):
        named = [run for run in runs if run.name == name]
        kept = [run for run in named if run.status != "diverged"]
        seeds = band([loss_trace(run) for run in kept or named])
        if seeds is not None:
            curves.append(Curve(name if kept else f"{name} (diverged)", seeds.x, np.minimum(seeds.mean, top)))
    return _sketch(curves, "train loss", **Form(height=12) | form)


def sketch_range_test(test: RangeTest, found: Suggestions | None = None, **form: Unpack[Form]) -> str:
    """The picture of `plot_range_test` in characters; `form` has the keywords of `sketch_curves`.

    The legend has the suggestions, or the reason why there is none. The rates are on a log scale unless they rise by
    equal differences.
    """
    rates, losses, smooth = test.rates, test.losses, test.smoothed
    nothing = f"No suggestion: {found.reason}" if found is not None and found.reason else ""
    reason = textwrap.wrap(nothing, max(form.get("width", 80), NARROWEST))
    if not rates.size:
        return "\n".join(reason)
    linear = isinstance(test.schedule, Linear)
    x = rates - rates[0] if linear else np.log10(rates / rates[0])
    _, high = losses_in_view(test)
    curves = [Curve("loss of each update", x, np.minimum(losses, high))]
    for rate, label in rule_labels(found):
        at = np.array([rate - rates[0] if linear else np.log10(rate / rates[0])])
        curves.append(Curve(label, at, np.interp(at, x[: len(smooth)], smooth)))
    ends = f"{rates[0]:.2g}", f"{rates[-1]:.2g}"
    return "\n".join([_sketch(curves, "loss over learning rate", ends, with_zero=False, **form), *reason])


def _sketch(
    curves: Sequence[Curve],
    title: str,
    ends: tuple[str, str] | None = None,
    with_zero: bool = True,
    *,
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    ascii_only: bool = False,
) -> str:
    """The picture; `ends` are the labels of both ends of the x axis, in place of steps."""
    if not curves:
        return f"{title}: nothing to draw yet".removeprefix(": ")
    width, height = max(width, NARROWEST), max(height, LOWEST)
    colours = [COLOURS[index % len(COLOURS)] for index in range(len(curves))] if colour else []
    with_marks = ascii_only or len(curves) > (len(COLOURS) if colour else 1)
    log = wants_log(curve.y for curve in curves)
    if log:
        curves = [replace(curve, y=np.log10(curve.y)) for curve in curves]
    low, high = min(float(curve.y.min()) for curve in curves), max(float(curve.y.max()) for curve in curves)
    if with_zero and not log:
        low, high = min(low, 0.0), max(high, 0.0)
    numbers: Sequence[float] = whole_powers(low, high) if log else round_numbers(low, high)
    # Near the largest float, distances overflow, and adding 1 changes nothing: draw at a thousandth of the size.
    scale = 1.0 if max(-low, high) < LARGEST_DRAWN else 1e-3
    low, high = low * scale, high * scale
    if scale < 1.0:
        curves = [replace(curve, y=curve.y * scale) for curve in curves]
    if low == high:
        high = low + 1.0
    labels = {}
    for number in numbers:
        row = min(int((high - number * scale) / (high - low) * height), height - 1)
        labels[row] = f"1e{number}" if log else f"{number:z.6g}"
    margin = max(len(label) for label in labels.values())
    last = max(float(curve.x.max()) for curve in curves)
    across = width - margin - 2
    upright, tick, corner, flat = "|++-" if ascii_only else "│┤└─"
    lines = [title] if title else []
    marks = [MARKS[index % len(MARKS)] if with_marks else "▀" for index in range(len(curves))]
    body = _body(curves, (last, low, high), (across, height), colours, marks)
    for index, text in enumerate(body):
        label = labels.get(index, "")
        lines.append(f"{label:>{margin}} {tick if label else upright}{text}".rstrip())
    lines.append(" " * (margin + 1) + corner + flat * across)
    first_end, last_end = ends or ("0", f"{last:,.0f} step{'s'[: last != 1]}")
    lines.append(" " * (margin + 2) + first_end + last_end.rjust(across - len(first_end)))
    return "\n".join([*lines, *_legend([curve.label for curve in curves], width, colours, marks)])


def _body(
    curves: Sequence[Curve],
    view: tuple[float, float, float],
    size: tuple[int, int],
    colours: Sequence[str],
    marks: Sequence[str],
) -> list[str]:
    (last, low, high), (width, height) = view, size
    edge = 0.001 * (high - low)  # uniplot leaves out what lies on the upper bound
    picture = uniplot.plot_to_string(
        [curve.y for curve in curves],
        [curve.x for curve in curves],
        lines=True,
        width=width,
        height=height,
        x_min=0.0,
        x_max=1.001 * last or 1.0,
        y_min=low - edge,
        y_max=high + edge,
        x_labels=False,
        y_labels=False,
        x_gridlines=[],
        y_gridlines=[],
        color=list(colours) or False,
        character_set="block" if marks[0] == "▀" else "ascii",
        force_ascii_characters=list(marks),
    )
    return [line[1:].removesuffix("│") for line in picture.splitlines()[1:-1]]


def _legend(labels: Sequence[str], width: int, colours: Sequence[str], marks: Sequence[str]) -> list[str]:
    lines = []
    for index, (label, mark) in enumerate(zip(labels, marks, strict=True)):
        sample = 2 * mark
        if colours:
            red, green, blue = bytes.fromhex(colours[index][1:])
            sample = f"\x1b[38;2;{red};{green};{blue}m{sample}\x1b[0m"
        first, *others = textwrap.wrap(printable(label), width - 3) or [""]
        lines += [f"{sample} {first}", *(f"   {other}" for other in others)]
    return lines
