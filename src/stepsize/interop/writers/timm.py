"""Schedules as timm's training script has them, stepped on every update."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from stepsize.checked_calls import checked
from stepsize.interop.timm import read
from stepsize.interop.tool_schedule import AnyHorizon, AnySchedule, Run
from stepsize.interop.writers.exact import Outline, first_exact, outlines_of, ratio
from stepsize.schedules import Cosine, Geometric, InversePower, MultiStep, Polynomial, Schedule, Staircase
from stepsize.schedules.arithmetic import Product
from stepsize.schedules.batches import Reclock
from stepsize.schedules.clock import Every, Repeat, Shift, Warp
from stepsize.schedules.shape import all_of

INSTEAD = "drive the optimizer with stepsize.pytorch.Scheduler(optimizer, schedule)"
DECAYS = ("linear", "1-sqrt", "cosine", "power", "exp")


@checked
def to_timm(schedule: AnySchedule, horizon: AnyHorizon = None) -> dict[str, Any]:
    """The arguments of timm's `create_scheduler_v2`, with the optimizer's rate in `lr`; an epoch is one update.

    Args:
        schedule: a schedule of rates, or its text.
        horizon: the run, for units in the text; the rates after its last update are then left open.

    Raises:
        ArgumentError: no scheduler of timm's has these rates at every update.

    Example:
        >>> found = to_timm("Linear(0, 0.3, 10) >> Cosine(0.3, 0.03, 90)")
        >>> found["sched"], found["num_epochs"], found["warmup_epochs"], found["warmup_prefix"]
        ('cosine', 90, 10, True)
    """
    return first_exact(schedule, Run.of("to_timm", horizon), _candidates, read, "timm", INSTEAD)


def _candidates(schedule: Schedule, run: Run) -> Iterator[dict[str, Any]]:
    clock: dict[str, Any] = {"step_on_epochs": False, "updates_per_epoch": 1}
    if isinstance(schedule, Every) and run.horizon and run.horizon.epoch_steps == schedule.n:
        schedule = schedule.schedule
        if run.horizon.epoch_steps > 1:
            clock = {"step_on_epochs": True}
    for form in outlines_of(schedule):
        warmup = {"warmup_epochs": form.warmup, "warmup_lr": form.first} if form.warmup else {}
        after = form.stable + form.decay
        rates = [form.peak, *(height for height, _ in _tanh(schedule, form.final))]
        for rate, prefix in product(dict.fromkeys(rates), (True, False) if warmup else (False,)):
            around = {"lr": rate, "num_epochs": max(1, after if prefix else form.total)}
            around |= warmup | ({"warmup_prefix": True} if prefix else {})
            for name, settings in _schedulers(schedule, form, prefix):
                yield {"sched": name} | around | settings | clock


def _schedulers(schedule: Schedule, form: Outline, prefix: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "constant", {}
    low = {"min_lr": form.final} if form.final else {}
    bends = {each.power for each in all_of(Warp, schedule)} | {1.0}
    powers = {each.power for each in all_of(Polynomial, schedule)} | {1.0}
    for cycles in _cycles(schedule, form.final):
        for bend in sorted(bends):
            bent = low | cycles | ({"k_decay": bend} if bend != 1.0 else {})
            yield "cosine", bent
            for power in sorted(powers):
                yield "poly", bent | {"decay_rate": power}
        yield "tanh", low | cycles
    for stairs in all_of(Staircase, schedule):
        fractions = (
            ratio(stairs.every_, each.batch(0)) for each in all_of(Reclock, schedule)
        )  # 12 of 5 an update: 2.4
        for length in (stairs.every_, *fractions):
            yield "step", {"decay_epochs": length, "decay_rate": stairs.factor}
    for steps in all_of(MultiStep, schedule):  # a milestone counts one step early
        yield "multistep", {"decay_milestones": [each + 1 for each in steps.boundaries], "decay_rate": steps.factor}
    for decay in DECAYS if form.decay else ():
        yield "wsd", low | {"decay_epochs": form.decay, "decay_fn": decay}
        for stable in all_of(InversePower, schedule):
            for length, shift in [*((each.steps, each.n) for each in all_of(Shift, schedule)), (form.decay, 0)]:
                lengths = {"num_epochs": length, "decay_epochs": length - shift}
                scale = {"stable_timescale": 1.0 / stable.rate if stable.rate else 1.0, "decay_fn": decay}
                yield "rsqrt", low | lengths | scale


def _cycles(schedule: Schedule, low: float) -> Iterator[dict[str, Any]]:
    yield {}
    for each in all_of(Repeat, schedule):
        if each.times < math.inf:
            settings = {"cycle_limit": int(each.times), "cycle_decay": each.scale, "cycle_mul": each.stretch_}
            yield {"num_epochs": int(each.schedule.steps)} | settings
    waves = [(each.start, each.steps) for kind in (Cosine, Polynomial) for each in all_of(kind, schedule)]
    for ways in (waves, _tanh(schedule, low)):
        if len(ways) > 1:
            (height, steps), (next_height, next_steps) = ways[:2]
            ratios = {"cycle_decay": ratio(next_height, height), "cycle_mul": next_steps / steps}
            yield {"num_epochs": steps, "cycle_limit": len(ways)} | ratios


def _tanh(schedule: Schedule, low: float) -> list[tuple[float, int]]:
    """The highest rates and the lengths of the hyperbolic tangents in it, which are made of a geometric way."""
    found = []
    for each in all_of(Product, schedule):
        height = each.operands[0]
        found += [(height + low, way.steps) for way in all_of(Geometric, each) if isinstance(height, float)]
    return found
