"""Pictures for people without a screen: curves of schedules and of runs in characters; no matplotlib needed."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import Suggestions
from stepsize.plots.bands import band
from stepsize.plots.characters import NARROWEST, Form, sketch
from stepsize.plots.curves import Curve, Schedules, curves_of
from stepsize.plots.losses_over_rates import losses_in_view, rule_labels
from stepsize.plots.traces import highest_loss_in_view, loss_trace
from stepsize.schedules import Linear
from stepsize.store.run import Logged


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
