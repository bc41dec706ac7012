"""Schedules as Megatron's command line has them."""

import math
import shlex
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.megatron import read
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run, ToolSchedule
from stepsize.interop.writers.exact import Outline, first_exact, outlines_of
from stepsize.schedules import Piecewise, Schedule
from stepsize.schedules.batches import Reclock
from stepsize.schedules.clock import Tail
from stepsize.schedules.shape import all_of

INSTEAD = "let the training loop set the rate with the code of {form}"
WSD_STYLES = ("exponential", "linear", "cosine", "minus_sqrt")
STYLES = ("constant", "linear", "cosine", "inverse-square-root", *(f"WSD {each}" for each in WSD_STYLES))


@checked
def to_megatron(schedule: AnySchedule, horizon: AnyHorizon = None) -> list[str]:
    """The arguments under which Megatron follows a schedule.

    A schedule of samples, `.reclock(batch)`, is written in samples.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open.

    Raises:
        ArgumentError: no style of Megatron's has these rates at every update.

    Example:
        >>> " ".join(to_megatron("Linear(0, 0.3, 10) >> Cosine(0.3, 0.03, 90)"))
        '--lr 0.3 --min-lr 0.03 --lr-decay-style cosine --lr-warmup-iters 10 --train-iters 100'
    """
    return first_exact(schedule, Run.of("to_megatron", horizon), _candidates, _read, "Megatron", INSTEAD)


def source(schedule: Schedule, horizon: AnyHorizon = None) -> str:
    """What `to_megatron` returns, as a part of a command line."""
    return shlex.join(to_megatron(schedule, horizon))


def _read(arguments: list[str], run: Run) -> ToolSchedule:
    """What the arguments do; those of an endless schedule leave the length of the run to the rest of the command."""
    unit = "samples" if any(each.endswith("-samples") for each in arguments) else "iters"
    length = [] if f"--train-{unit}" in arguments else [f"--train-{unit}", "1"]
    return read([*arguments, *length], run)


def _candidates(schedule: Schedule, run: Run) -> Iterator[list[str]]:
    for form in outlines_of(schedule):
        total = run.steps("train_iters") if run.horizon else form.total
        yield from _styles(schedule, form, "iters", total, {})
    if isinstance(schedule, Reclock):
        boundaries: Sequence[int] = schedule.batch.boundaries if isinstance(schedule.batch, Piecewise) else ()
        sizes = [int(schedule.batch(each)) for each in (0, *boundaries)]
        batch: dict[str, Any] = {"global-batch-size": sizes[-1]}
        if boundaries:
            batch["rampup-batch-size"] = [sizes[0], sizes[1] - sizes[0], boundaries[-1]]
        for form in outlines_of(schedule.schedule):
            yield from _styles(schedule.schedule, form, "samples", form.total, batch)


def _styles(schedule: Schedule, form: Outline, unit: str, total: int, run: dict[str, Any]) -> Iterator[list[str]]:
    decays = {(form.total, form.decay, form.peak), (form.total - 1, 0, form.peak)}
    for tail in all_of(Tail, schedule):
        if tail.schedule.steps < math.inf:  # the decay began during the warmup
            steps = int(tail.schedule.steps)
            decays.add((form.warmup + (form.warmup > 0) - tail.n + steps, steps, tail.schedule(0)))
    if schedule.steps == math.inf:
        decays.add((max(total, form.warmup + 1), 0, form.peak))
    for style, (end, wsd, peak), low in product(STYLES, sorted(decays, reverse=True), sorted({0.0, form.final})):
        if end <= form.warmup:
            continue
        found: dict[str, Any] = {"lr": peak, "min-lr": low}
        found |= dict(zip(("lr-decay-style", "lr-wsd-decay-style"), style.split(), strict=False))
        found[f"lr-wsd-decay-{unit}"] = wsd if "WSD" in style else 0
        found[f"lr-warmup-{unit}"] = form.warmup
        found["lr-warmup-init"] = form.first if form.warmup else 0.0
        found[f"lr-decay-{unit}"] = end if end != total else 0
        found[f"train-{unit}"] = total if total > form.warmup else 0
        yield _arguments(found | run)


def _arguments(settings: dict[str, Any]) -> list[str]:
    given = {name: value for name, value in settings.items() if value or name == "lr"}
    words = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    return [word for name, values in words.items() for word in (f"--{name}", *map(str, values))]
