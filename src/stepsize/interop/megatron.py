"""Megatron-LM's scheduler, as the arguments of its command line set it. Its clock counts samples."""

from fractions import Fraction
from typing import Annotated, Any

from stepsize.arguments import (
    Choice,
    Many,
    Maybe,
    MaybeCount,
    MaybeFraction,
    MaybeNonNegative,
    NonNegative,
    Phase,
    Whole,
)
from stepsize.errors import ArgumentError, StepsizeError, raise_together
from stepsize.interop.config import bind, settings_of
from stepsize.interop.megatron_shapes import phases_after_warmup, rampup
from stepsize.interop.phases import joined, phase
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, Linear, Plan, Schedule

OWNER = "Megatron"


def from_megatron(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that Megatron's arguments set, as its training follows it.

    `lr_decay_iters` includes the warmup. An inverse square root falls to `min_lr` at once after its last update, and
    without a warmup it depends on the batch size, since the clock counts samples. Weight decay is part of the result
    if it rises.

    Args:
        config: the arguments as text (`--lr 3e-4 --lr-decay-style cosine ...`), a list, a mapping or a namespace.
        horizon: the run, if the arguments do not have its length: a Horizon or a number of updates.
        base_lr: the peak, instead of `lr`.

    Raises:
        ArgumentError: settings are missing or not allowed.

    Example:
        >>> from_megatron("--lr 0.3 --min-lr 0.03 --lr-decay-style cosine --lr-warmup-iters 10 --train-iters 100")
        Linear(0.0, 0.3, 10) >> Cosine(0.3, 0.03, 90)

    Source: megatron/core/optimizer_param_scheduler.py and megatron/training/training.py of Megatron-LM 0.16.1 (2026).
    """
    return read(config, Run.of("from_megatron", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of Megatron's arguments."""
    return _arguments(run, **bind(OWNER, _arguments, settings_of(run.owner, config), others=True))


def _arguments(
    run: Run,
    *,
    lr: MaybeNonNegative = None,
    min_lr: NonNegative = 0.0,
    lr_decay_style: Annotated[str, Choice(("constant", "linear", "cosine", "inverse-square-root", "WSD"))] = "linear",
    lr_wsd_decay_style: Annotated[str, Choice(("exponential", "linear", "cosine", "minus_sqrt"))] = "exponential",
    train_iters: MaybeCount = None,
    train_samples: MaybeCount = None,
    lr_decay_iters: MaybeCount = None,
    lr_decay_samples: MaybeCount = None,
    lr_wsd_decay_iters: MaybeCount = None,
    lr_wsd_decay_samples: MaybeCount = None,
    lr_warmup_iters: Phase = 0,
    lr_warmup_samples: Phase = 0,
    lr_warmup_fraction: MaybeFraction = None,
    lr_warmup_init: NonNegative = 0.0,
    global_batch_size: MaybeCount = None,
    rampup_batch_size: Annotated[tuple[int, ...] | None, Maybe(Many(Whole(1)))] = None,
    start_weight_decay: MaybeNonNegative = None,
    end_weight_decay: MaybeNonNegative = None,
    weight_decay_incr_style: Annotated[str, Choice(("constant", "linear", "cosine"))] = "constant",
) -> ToolSchedule:
    peak = lr if run.base_lr is None else run.base_lr
    by_samples = train_samples is not None
    total = train_samples or train_iters or run.steps("train_iters")
    decay = (lr_decay_samples if by_samples else lr_decay_iters) or total
    wsd = lr_wsd_decay_samples if by_samples else lr_wsd_decay_iters
    warmup = Fraction(lr_warmup_samples if by_samples else lr_warmup_iters)
    if lr_warmup_fraction is not None:
        warmup = Fraction(repr(lr_warmup_fraction)) * decay
    unit = "samples" if by_samples else "iters"
    in_samples = by_samples or (lr_decay_style == "inverse-square-root" and not warmup)
    problems: list[StepsizeError] = []
    if peak is None:
        problems.append(ArgumentError(OWNER, "lr", "given", None))
    elif max(min_lr, lr_warmup_init) > peak:
        name, value = ("min_lr", min_lr) if min_lr > peak else ("lr_warmup_init", lr_warmup_init)
        problems.append(ArgumentError(OWNER, name, f"at most lr, {peak:g}", value))
    if warmup >= decay:
        rule = f"shorter than lr_decay_{unit}, {decay:,}, which includes it"
        problems.append(ArgumentError(OWNER, f"lr_warmup_{unit}", rule, float(warmup)))
    if lr_decay_style == "WSD" and wsd is None:
        problems.append(ArgumentError(OWNER, f"lr_wsd_decay_{unit}", "given", None))
    if in_samples and global_batch_size is None:
        problems.append(ArgumentError(OWNER, "global_batch_size", "given: the clock counts samples", None))
    raise_together(problems)
    assert peak is not None

    # The clock ticks once an update, or once a sample; more often if the warmup ends between two ticks.
    batch = global_batch_size if in_samples and global_batch_size else 1
    ticks = warmup.denominator * (1 if by_samples else batch)
    clock = rampup(rampup_batch_size, batch, warmup.denominator) if by_samples else Constant(ticks)

    def in_updates(schedule: Schedule) -> Schedule:
        return schedule if clock == Constant(1) else schedule.reclock(clock)

    w, d, s, t = (int(each * ticks) for each in (warmup, decay, wsd or 0, total))
    down = phases_after_warmup(lr_decay_style, lr_wsd_decay_style, peak, min_lr, w, d, s)
    others = {}
    if weight_decay_incr_style != "constant":
        shape = Linear if weight_decay_incr_style == "linear" else Cosine
        others["weight_decay"] = in_updates(shape(start_weight_decay or 0.0, end_weight_decay or 0.0, t))
    mends = {"warmup": "--lr-warmup-fraction 0.1"}
    if lr_decay_style != "constant":
        mends |= dict.fromkeys(("minimum", "jump"), f"--lr-decay-{unit} {total}")
    warmup_steps = in_updates(Constant(0.0, w)).steps if w else 0
    if w:
        mends["zero"] = f"--lr-warmup-init {peak / warmup_steps:.3g}"
    return ToolSchedule(
        name=lr_decay_style,
        rates=in_updates(joined(phase(Linear, lr_warmup_init, peak, w), *down)),
        peak=peak,
        minimum=min_lr or None,
        warmup_steps=warmup_steps,
        total_steps=in_updates(Constant(0.0, t)).steps,
        others=others,
        mends=mends,
    )
