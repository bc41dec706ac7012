"""`stepsize curves`: the loss curves in logs, as a table and a sketch, and as one clean CSV file."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from stepsize.cli.options import writable
from stepsize.cli.runs import LogOptions, Runs, print_notes, with_log_options
from stepsize.cli.screen import form_here, print_sketch, print_table
from stepsize.curves import LossCurve
from stepsize.curves.read_curves import Reading
from stepsize.errors import raise_together
from stepsize.files import spreadsheet_cell, write_whole

BENT = 1e-12  # of the peak: where the rate leaves a straight line by less, it does not bend
MOST_DRAWN = 8


@with_log_options
def curves(
    runs: Runs,
    logs: LogOptions,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the curves to FILE as CSV, which is read without options."),
        writable,
    ] = None,
) -> None:
    """List the loss curves in the logs of any tool.

    Print which runs were found, how each was read, and its steps, peak rate and last loss. A run whose rates are not
    known has "?" as its peak rate. Logs that cannot be read are listed below, and the exit code is then 2.
    """
    found, errors = logs.readings(runs)
    print_notes(found)
    listed = [(each.log.name, each.format, *_numbers(each)) for each in found if each.log.losses.size]
    if listed:
        print_table(("run", "format", "rows", "first", "last", "peak rate", "last loss"), listed, left=[0, 1])
    read = [each.curve for each in found if each.curve is not None]
    if read:
        print()
        print_sketch(_sketch(read))
    raise_together(errors)
    if save is not None:
        write_whole(save, _as_csv(read).encode())
        print(save)


def _numbers(each: Reading) -> tuple[str, ...]:
    curve, rows = each.curve, each.log.losses
    steps, losses, peak = (
        (curve.steps, curve.losses, f"{curve.peak_lr:.3g}") if curve else (rows.steps, rows.values, "?")
    )
    return f"{steps.size:,}", f"{steps[0]:,}", f"{steps[-1]:,}", peak, f"{losses[-1]:z.4f}"


def _sketch(read: Sequence[LossCurve]) -> str:
    """The losses of the first runs without their first tenth, in which they fall so far that the rest looks flat."""
    from stepsize.plots import sketch_curves  # late: plots load slowly

    late = [curve.after(curve.steps[-1] // 10) for curve in read[:MOST_DRAWN]]
    base = max(math.floor(10 * min(curve.losses.min() for curve in late) - 0.5) / 10, 0.0)
    drawn = {curve.name: (curve.steps, curve.losses - base) for curve in late}
    title = f"loss above {base:g}" + (f", the first {MOST_DRAWN} runs" if len(read) > MOST_DRAWN else "")
    return sketch_curves(drawn, title=title, **form_here(around=8 + len(drawn)))


def _as_csv(read: Sequence[LossCurve]) -> str:
    """A row at every loss, and rows with a rate alone wherever the rate bends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("run", "step", "lr", "loss"))
    for curve in read:
        losses = dict(zip(curve.steps.tolist(), curve.losses.tolist(), strict=True))
        for step in _rows(curve).tolist():
            writer.writerow((spreadsheet_cell(curve.name), step, repr(float(curve.rates[step])), losses.get(step, "")))
    return text.getvalue()


def _rows(curve: LossCurve) -> NDArray[np.int64]:
    """The steps of the losses, both ends of each straight piece of the rate, and its middle.

    The middle shows a reader that the rate goes in a straight line between the ends, however steep it is.
    """
    rates = curve.rates[: curve.steps[-1] + 1]
    bends = 1 + np.flatnonzero(np.abs(np.diff(rates, 2)) > BENT * curve.peak_lr)
    ends = np.unique([0, *bends, rates.size - 1])
    return np.unique(np.concatenate([curve.steps, ends, (ends[1:] + ends[:-1]) // 2]))
