"""Schedules as transformers' `TrainingArguments` have them."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run
from stepsize.interop.transformers import read
from stepsize.interop.writers.exact import Outline, first_exact, outlines_of, ratio
from stepsize.schedules import Cosine, InversePower, Polynomial, Schedule
from stepsize.schedules.clock import Head, Stretch, Tail
from stepsize.schedules.shape import all_of

INSTEAD = "give stepsize.interop.to_transformers the optimizer, and Trainer(optimizers=...) what it returns"
SHAPES = ("linear", "cosine", "1-sqrt")
WSD = "warmup_stable_decay"
ENDLESS = ("constant", "constant_with_warmup", "inverse_sqrt")
ORDER = ("learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "max_steps")


@checked
def to_transformers(schedule: AnySchedule, horizon: AnyHorizon = None, *, optimizer: Any = None) -> Any:
    """The `TrainingArguments` under which transformers' Trainer follows a schedule; or a LambdaLR for an optimizer.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open, so that a cosine
            may rise again there.
        optimizer: return a LambdaLR for this optimizer, which has any schedule: `Trainer(optimizers=(optimizer, it))`.

    Raises:
        ArgumentError: no scheduler of transformers' has these rates at every update.

    Example:
        >>> to_transformers("Linear(0, 0.3, 10) >> Linear(0.3, 0, 90)")
        {'learning_rate': 0.3, 'lr_scheduler_type': 'linear', 'warmup_steps': 10, 'max_steps': 100}
    """
    run = Run.of("to_transformers", horizon)
    if optimizer is not None:
        from stepsize.pytorch.lr_scheduler.conversion import lambda_lr

        return lambda_lr(optimizer, run.schedule(schedule))
    return first_exact(schedule, run, _candidates, read, "transformers", INSTEAD)


def _candidates(schedule: Schedule, run: Run) -> Iterator[dict[str, Any]]:
    for form in outlines_of(schedule):
        for name, lengths, kwargs in _schedulers(schedule, form, run):
            found = {"learning_rate": form.peak, "warmup_steps": form.warmup, "max_steps": form.total} | lengths
            found |= {"lr_scheduler_type": name, "lr_scheduler_kwargs": kwargs}
            if run.horizon:
                found["max_steps"] = run.steps("max_steps")
            elif name in ENDLESS:
                del found["max_steps"]
            yield {key: found[key] for key in ORDER if found.get(key) or key == "learning_rate"}


def _schedulers(schedule: Schedule, form: Outline, run: Run) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Names of schedulers, what differs in the arguments around them, and their own arguments."""
    yield "constant", {}, {}
    yield "constant_with_warmup", {}, {}
    yield "linear", {}, {}
    for decay in all_of(InversePower, schedule):
        yield "inverse_sqrt", {}, {"timescale": max(1, round(1 / decay.rate))} if decay.rate else {}
    for power in {each.power for each in all_of(Polynomial, schedule)} | {1.0}:
        without_decay = {} if form.stable + form.decay else {"max_steps": form.warmup - 1}
        yield "polynomial", without_decay, {"lr_end": form.final, "power": power}
    for half, high, low in _waves(schedule):
        yield from _cosines(schedule, form, run, half, high, low)
    tails = {each.n: int(each.schedule.steps) for each in all_of(Tail, schedule) if each.schedule.steps < math.inf}
    heads = list(all_of(Head, schedule))
    shape = {"min_lr_ratio": ratio(form.final, form.peak)} if form.final else {}
    for up, down in product(SHAPES, repeat=2):
        kinds = shape | {"warmup_type": up, "decay_type": down}
        for stable, steps in ((form.stable, form.decay), (form.stable + form.decay, 0)):
            yield WSD, {}, {"num_decay_steps": steps, "num_stable_steps": stable} | kinds
        for tail, steps in tails.items():
            yield WSD, {"max_steps": form.warmup - tail + steps}, {"num_decay_steps": steps} | kinds
    for head, (half, _, _), up in product(heads, _waves(schedule), SHAPES):
        lengths = {"num_decay_steps": head.n, "num_stable_steps": form.stable}
        yield WSD, {}, lengths | shape | {"warmup_type": up, "num_cycles": float(head.n / half / 2)}


def _waves(schedule: Schedule) -> set[tuple[Fraction, float, float]]:
    """The half waves in a schedule: their lengths, which may be fractions, and both rates."""
    found = {(Fraction(each.steps), each.start, each.end) for each in all_of(Cosine, schedule)}
    for stretched in all_of(Stretch, schedule):
        for cosine in all_of(Cosine, stretched):
            half = Fraction(stretched.n * cosine.steps, int(stretched.schedule.steps))
            found.add((half, cosine.start, cosine.end))
    return found


def _cosines(
    schedule: Schedule, form: Outline, run: Run, half: Fraction, high: float, low: float
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for warmup, ahead in ((form.warmup, False), (form.warmup + 1, True), (1, True), (0, True)):
        steps = run.steps("max_steps") - warmup if run.horizon else half.numerator
        waves = float(steps / half / 2)
        lengths = {"learning_rate": high, "warmup_steps": warmup, "max_steps": warmup + steps}
        kwargs = {"num_cycles": waves} if waves != 0.5 else {}
        low_kwargs = {"min_lr": low} | kwargs
        if ahead:
            yield "cosine_warmup_with_min_lr", lengths, low_kwargs
            yield "cosine_warmup_with_min_lr", lengths, low_kwargs | {"warmup_lr_rate": ratio(schedule(0), high)}
            continue
        cycles = (form.total - warmup) / half
        if low == 0.0 and cycles.denominator == 1:
            restarts = {"num_cycles": int(cycles)} if cycles != 1 else {}
            yield "cosine_with_restarts", {"max_steps": form.total}, restarts
        yield "cosine", lengths, kwargs
        yield "cosine_with_min_lr", lengths, low_kwargs
