"""Levanter's schedules, as its optimizer's config sets them: cycles of warmup, stable phase and decay."""

import math
from itertools import accumulate, pairwise
from typing import Annotated, Any

from stepsize.arguments import Choice, Fraction, Many, Maybe, MaybeNonNegative, NonNegative, Number, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, section, settings_of
from stepsize.interop.phases import in_turn
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, InversePower, Linear, Schedule, maximum

OWNER = "OptimizerConfig"
NAMES = ("constant", "cosine", "inv", "inv_sqrt", "linear")
TIMESCALE = 10_000  # updates, of inv_sqrt


def from_levanter(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule:
    """The schedule that Levanter's config sets.

    Numbers up to 1 are parts of the run or of a cycle, so that `warmup: 1` is all of it. `inv` falls by a step at once
    after the warmup, and `inv_sqrt` stays at the peak up to update 10,000.

    Args:
        config: the whole config, with its sections `optimizer` and `trainer`, or `optimizer` alone.
        horizon: the run, if the config has no `trainer.num_train_steps`: a Horizon or a number of updates.
        base_lr: the peak; the config's `learning_rate` if None.

    Raises:
        ArgumentError: settings are missing, unknown or not allowed.

    Example:
        >>> from_levanter({"learning_rate": 0.3, "lr_schedule": "linear", "warmup": 10, "min_lr_ratio": 0}, horizon=100)
        Linear(0.0, 0.3, 10) >> Linear(0.3, 0.0, 90)

    Source: levanter/optim/config.py of Levanter 0.2.20 (2026).
    """
    return read(config, Run.of("from_levanter", horizon, base_lr)).rates


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of Levanter's config."""
    settings = settings_of(run.owner, config)
    trainer = section(run.owner, settings, "trainer")
    steps = trainer.get("num_train_steps", settings.get("num_train_steps"))
    total = run.steps("num_train_steps") if steps is None else int(Whole(1)("trainer", "num_train_steps", steps))
    own = settings_of(run.owner, settings["optimizer"]) if "optimizer" in settings else settings
    return _schedule(run, total, **bind(OWNER, _schedule, own, others=True))


def _cycle_lengths(owner: str, name: str, value: Any) -> Any:
    """The rule of a length, a part, or a list of lengths or ends; None for none."""
    if isinstance(value, list):
        return [int(each) for each in Many(Whole(1))(owner, name, value)]
    return Maybe(Number(above=0.0))(owner, name, value)


def _schedule(
    run: Run,
    total: int,
    *,
    learning_rate: NonNegative = 6e-4,
    min_lr_ratio: Fraction = 0.1,
    warmup: MaybeNonNegative = 0.01,
    decay: MaybeNonNegative = None,
    rewarmup: MaybeNonNegative = 0.0,
    cooldown: MaybeNonNegative = None,
    cycle_length: Annotated[Any, _cycle_lengths] = None,
    cycles: Annotated[Any, _cycle_lengths] = None,
    haps: Annotated[Any, _cycle_lengths] = None,
    lr_schedule: Annotated[str, Choice(NAMES)] = "cosine",
) -> ToolSchedule:
    peak = learning_rate if run.base_lr is None else run.base_lr
    low, last = peak * min_lr_ratio, _length("cooldown", cooldown, total)
    ends = _ends(total - last, cycle_length, cycles if haps is None else haps)  # its earlier name
    parts: list[tuple[Schedule, int]] = []
    before = 0.0
    first_warmup = 0
    for start, end in pairwise([0, *ends]):
        name, given = ("rewarmup", rewarmup) if parts else ("warmup", warmup)
        way_up = min(_length(name, given, end - start), end - start)
        first_warmup = first_warmup if parts else way_up
        rest = end - start - way_up
        way_down = rest if decay is None else min(_length("decay", decay, end - start), rest)
        up = Linear(before, peak, way_up) if way_up else Constant(peak)
        down = _decay(lr_schedule, peak, low, way_up, way_down)
        parts += [(up, way_up), (Constant(peak), rest - way_down), (down, way_down)]
        before = down(way_down)
    if last:
        parts.append((Linear(before, low, last), last))
    return ToolSchedule(
        name=lr_schedule,
        rates=in_turn(parts),
        peak=peak,
        minimum=None if lr_schedule == "constant" else low,
        warmup_steps=first_warmup,
        total_steps=total,
    )


def _decay(name: str, peak: float, low: float, warmup: int, steps: int) -> Schedule:
    if not steps or name == "constant" or peak == 0.0:
        return Constant(peak)
    if name == "inv_sqrt":
        if warmup >= TIMESCALE:
            return maximum(InversePower(peak * math.sqrt(TIMESCALE / warmup), 1 / warmup, 0.5), low)
        return maximum(Constant(peak, TIMESCALE - warmup) >> InversePower(peak, 1 / TIMESCALE, 0.5), low)
    if name == "inv":
        if low == 0.0:
            raise ArgumentError(OWNER, "min_lr_ratio", "above 0 for inv, which divides by it", 0.0)
        falls = InversePower(peak, (peak / low - 1) / steps, 1.0)
        return maximum(Constant(falls(1), 1) >> falls.tail(1), low)
    return (Cosine if name == "cosine" else Linear)(peak, low, steps)


def _ends(total: int, cycle_length: Any, cycles: Any) -> list[int]:
    if cycle_length is not None and cycles is not None:
        raise ArgumentError(OWNER, "cycles", "left out if cycle_length is given", cycles)
    if isinstance(cycles, float) and cycles > total:
        raise ArgumentError(OWNER, "cycles", f"at most {total:,}, the updates in all", cycles)
    if isinstance(cycle_length, list):
        ends = list(accumulate(cycle_length))
    elif cycle_length is not None:
        each = max(_length("cycle_length", cycle_length, total), 1)
        ends = [k * each for k in range(1, total // each)]
    elif isinstance(cycles, list):
        ends = cycles
    else:
        ends = [int(total / cycles * (k + 1)) for k in range(int(cycles) - 1)] if cycles else []
    if ends and (max(ends) > total or ends != sorted(ends)):
        name, value = ("cycles", cycles) if cycle_length is None else ("cycle_length", cycle_length)
        raise ArgumentError(OWNER, name, f"rising, and at most {total:,} updates in all", value)
    return ends if ends and ends[-1] == total else [*ends, total]


def _length(name: str, value: float | None, of: int) -> int:
    """The updates of a number that is a part up to 1, and a length above."""
    if value is None:
        return 0
    if value > 1.0 and value % 1:
        raise ArgumentError(OWNER, name, "a part up to 1, or a whole number of updates", value)
    return int(value * of) if value <= 1.0 else int(value)
