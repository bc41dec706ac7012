"""Pictures made of characters: curves in a frame with numbers and a legend; no matplotlib needed."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import uniplot
from numpy.typing import ArrayLike

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import Suggestions
from stepsize.plots.curves import COLOURS, FAR, Curve, Schedules, curves_of, one_line
from stepsize.plots.traces import band, highest_loss_in_view, loss_trace, losses_in_view, rule_labels
from stepsize.schedules import Linear
from stepsize.schedules.curve import round_numbers, wants_log, whole_powers
from stepsize.store.run import Logged

NARROWEST, LOWEST = 30, 4
MARKS = "ox+*#@%&=abcdefghijklmnpqrstuvwyz"
"""What curves are drawn with where neither colours nor fine characters tell them apart."""


def sketch_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str = "",
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    ascii_only: bool = False,
) -> str:
    """Curves (label to steps and values) in characters, with their legend below; no line is longer than `width`.

    The values are on a log scale where they are all positive and the largest is more than a thousand times the
    smallest; otherwise zero is in the picture. Values that are not finite are left out.

    Args:
        curves: label to steps and values.
        title: what the values are; the first line.
        width: of the lines, in characters; narrower than 30 is drawn as 30.
        height: of the curves alone, in lines; lower than 4 is drawn as 4.
        colour: tell curves apart by colour, for a terminal that understands it; by letters if not.
        ascii_only: for an output that has no other characters.
    """
    drawn = []
    for label, (x, y) in curves.items():
        steps, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        finite = np.isfinite(values)
        drawn.append(Curve(label, steps[finite], values[finite]))
    return sketch([each for each in drawn if each.x.size], title, Form(width, height, colour, ascii_only))


def sketch_schedules(
    schedules: Schedules,
    *,
    steps: int | None = None,
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    ascii_only: bool = False,
) -> str:
    """The picture of `plot_schedules` in characters; what is drawn is said there, how in `sketch_curves`.

    Raises:
        ArgumentError: there is nothing to draw, or `steps` is no length.
        StepError: a schedule has no finite value at some step.
    """
    curves = curves_of("sketch_schedules", schedules, steps)
    return sketch(curves, "learning rate", Form(width, height, colour, ascii_only))


def sketch_losses(
    runs: Sequence[Logged], *, width: int = 80, height: int = 12, colour: bool = False, ascii_only: bool = False
) -> str:
    """The train losses of runs in characters: for each name the mean of its seeds, each as far as it has come.

    Diverged runs are left out of the means. A name of which every run diverged is drawn as their mean, says so, and
    leaves the picture at the top. How it is drawn is said in `sketch_curves`.
    """
    top = highest_loss_in_view(runs)
    curves = []
    for name in dict.fromkeys(run.name for run in runs):
        named = [run for run in runs if run.name == name]
        kept = [run for run in named if run.status != "diverged"]
        seeds = band([loss_trace(run) for run in kept or named])
        if seeds is not None:
            curves.append(Curve(name if kept else f"{name} (diverged)", seeds.x, np.minimum(seeds.mean, top)))
    return sketch(curves, "train loss", Form(width, height, colour, ascii_only))


def sketch_range_test(
    test: RangeTest,
    found: Suggestions | None = None,
    *,
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    ascii_only: bool = False,
) -> str:
    """The picture of `plot_range_test` in characters, with a legend of the suggestions, or the reason for none.

    The rates are on a log scale unless they rise by equal differences. How it is drawn is said in `sketch_curves`.
    """
    rates, losses, smooth = test.rates, test.losses, test.smoothed
    nothing = f"No suggestion: {found.reason}" if found is not None and found.reason else ""
    reason = textwrap.wrap(nothing, max(width, NARROWEST))
    if not rates.size:
        return "\n".join(reason)
    linear = isinstance(test.schedule, Linear)
    x = rates - rates[0] if linear else np.log10(rates / rates[0])
    _, high = losses_in_view(test)
    curves = [Curve("loss of each update", x, np.minimum(losses, high))]
    for rate, label in rule_labels(found):
        at = np.array([rate - rates[0] if linear else np.log10(rate / rates[0])])
        curves.append(Curve(label, at, np.interp(at, x[: len(smooth)], smooth)))
    foot = f"{rates[0]:.2g}", f"{rates[-1]:.2g}"
    form = Form(width, height, colour, ascii_only)
    return "\n".join([sketch(curves, "loss over learning rate", form, foot, with_zero=False), *reason])


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
