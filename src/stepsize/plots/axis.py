"""The axes that pictures share: steps across, rates up."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from stepsize.schedules.curve import wants_log


def step_axis(ax: Axes, last: float) -> None:
    """Steps 0 .. last across: whole, with thousands separators."""
    ax.set_xlim(-0.02 * (last or 1), 1.02 * (last or 1))
    ax.set_xlabel("step")
    # So many numbers as have room beside each other.
    room = ax.get_window_extent().width / ax.figure.dpi * 72
    number = 0.62 * float(ax.xaxis.label.get_fontsize()) * (len(f"{last:,.0f}") + 1.5)
    most = max(1, min(6, int(room / number)))
    ax.xaxis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def value_axis(ax: Axes, label: str) -> None:
    """Some value up, with lines to read it by."""
    ax.set_ylabel(label)
    ax.grid(visible=True, alpha=0.25, linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)


def rate_axis(ax: Axes, rates: Iterable[NDArray[np.float64]], ends: Iterable[float] = ()) -> None:
    """Learning rates up: on a log scale where the values ask for it, from zero where they do not and none is below.

    `ends` are values that the curves go on to, not drawn: one that is not positive speaks against a log scale.
    """
    value_axis(ax, "learning rate")
    values = [each for each in rates if each.size]
    if values and wants_log(values) and all(end > 0 for end in ends):
        ax.set_yscale("log")
    elif ax.get_yscale() == "linear" and all(each.min() >= 0 for each in values):
        ax.set_ylim(0, 1.05 * max((float(each.max()) for each in values), default=1.0) or 1.0)
