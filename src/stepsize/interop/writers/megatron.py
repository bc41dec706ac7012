"""Schedules as Megatron's command line has them."""

import shlex
from collections.abc import Iterator
from typing import Any

from stepsize.arguments import checked
from stepsize.interop.megatron import read
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.interop.writers.exact import AnySchedule, Outline, first_exact, outlines_of, schedule_of
from stepsize.schedules import Schedule
from stepsize.schedules.batches import Reclock

INSTEAD = "let the training loop set the rate from the code of to_code(schedule)"
STYLES = ("constant", "linear", "cosine", "inverse-square-root")
WSD_STYLES = ("exponential", "linear", "cosine", "minus_sqrt")


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
    run = Run("to_megatron", horizon)
    schedule = schedule_of(schedule, run)
    found: list[str] = first_exact(schedule, _candidates(schedule, run), _read, run, "Megatron", INSTEAD)
    return found


def source(schedule: Schedule, horizon: AnyHorizon = None) -> str:
    """What `to_megatron` returns, as a part of a command line."""
    return shlex.join(to_megatron(schedule, horizon))


def _read(arguments: list[str], run: Run) -> ToolSchedule:
    length = [] if "--train-iters" in arguments or "--train-samples" in arguments else ["--train-iters", "1"]
    return read([*arguments, *length], run)


def _candidates(schedule: Schedule, run: Run) -> Iterator[list[str]]:
    if isinstance(schedule, Reclock) and schedule.batch.steps == float("inf"):
        batch = int(schedule.batch(0))
        for form in outlines_of(schedule.schedule):
            own = {"train-samples": form.total, "global-batch-size": batch}
            yield from _styles(form, "samples", form.total, own)
    for form in outlines_of(schedule):
        total = run.steps("train_iters") if run.horizon else form.total
        yield from _styles(form, "iters", total, {"train-iters": total} if total > form.warmup else {})


def _styles(form: Outline, unit: str, total: int, run: dict[str, Any]) -> Iterator[list[str]]:
    start = {"lr": form.peak, "min-lr": form.final}
    lengths = {f"lr-warmup-{unit}": form.warmup, "lr-warmup-init": form.first if form.warmup else 0.0}
    for end in dict.fromkeys((form.total, total, form.total - 1)):
        around = lengths | {f"lr-decay-{unit}": end if end != total else 0} | run
        for style in STYLES:
            low = {"min-lr": 0.0} if style == "constant" else {}
            own = around | ({f"lr-decay-{unit}": form.warmup + 1} if style == "constant" and not run else {})
            yield _arguments(start | low | {"lr-decay-style": style} | own)
        for style in WSD_STYLES:
            wsd = {"lr-decay-style": "WSD", "lr-wsd-decay-style": style, f"lr-wsd-decay-{unit}": form.decay}
            yield _arguments(start | wsd | around)


def _arguments(settings: dict[str, Any]) -> list[str]:
    given = {name: value for name, value in settings.items() if value or name == "lr"}
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]
