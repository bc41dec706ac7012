"""MaxText's schedules, whose minimum is on the last update."""

from typing import Annotated, Any

from stepsize.arguments import Choice, Fraction, Maybe, NonNegative, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, settings_of
from stepsize.interop.phases import joined, level, phase, times
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Constant, Cosine, Linear, Schedule

OWNER = "MaxText"
Steps = Annotated[int | None, Maybe(Whole(-1))]


def from_maxtext(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule:
    """The schedule that MaxText's config sets, up to the end of the run.

    The minimum is on the last update of the schedule. If the run is longer than `learning_rate_schedule_steps`, its
    other updates have a rate of 0.

    Args:
        config: the config, or its settings for the schedule.
        horizon: the run, if the config has no `steps`: a Horizon or a number of updates.
        base_lr: the peak; the config's `learning_rate` if None.

    Raises:
        ArgumentError: settings are missing or not allowed.

    Example:
        >>> from_maxtext({"learning_rate": 0.3, "steps": 100})
        Linear(0.0, 0.3, 10) >> Cosine(0.3, 0.03, 89)

    Source: create_learning_rate_schedule of MaxText (August 2026).
    """
    return read(config, Run.of("from_maxtext", horizon, base_lr)).rates


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of MaxText's config."""
    settings = settings_of(run.owner, config)
    if "cosine_learning_rate_final_fraction" in settings:  # its name up to 2025
        settings["learning_rate_final_fraction"] = settings.pop("cosine_learning_rate_final_fraction")
    return _schedule(run, **bind(OWNER, _schedule, settings, others=True))


def _schedule(
    run: Run,
    *,
    steps: Steps = None,
    learning_rate: NonNegative = 3e-5,
    learning_rate_schedule_steps: Steps = -1,
    lr_schedule_type: Annotated[str, Choice(("cosine", "wsd"))] = "cosine",
    learning_rate_final_fraction: Fraction = 0.1,
    warmup_steps_fraction: Fraction = 0.1,
    wsd_decay_steps_fraction: Fraction = 0.1,
    wsd_decay_style: Annotated[str, Choice(("linear", "cosine"))] = "linear",
) -> ToolSchedule:
    peak = learning_rate if run.base_lr is None else run.base_lr
    low = times(peak, learning_rate_final_fraction)
    length = run.steps("steps") if steps in (None, -1) else int(steps or 0)
    total = length if learning_rate_schedule_steps in (None, -1) else int(learning_rate_schedule_steps or 0)
    if total < 1:
        raise ArgumentError(OWNER, "steps", "at least 1", total)
    up = int(total * warmup_steps_fraction)
    down = total - up if lr_schedule_type == "cosine" else int(total * wsd_decay_steps_fraction)
    if up + down > total:
        rule = "small enough to end with the schedule, after the warmup"
        raise ArgumentError(OWNER, "wsd_decay_steps_fraction", rule, wsd_decay_steps_fraction)
    shape = Linear if lr_schedule_type == "wsd" and wsd_decay_style == "linear" else Cosine
    phases = [phase(Linear, 0.0, peak, up), level(peak, total - up - down)]
    if down > 1:
        phases.append(phase(shape, peak, low, down - 1))
    elif down:  # a cosine of one step is at its end, and a line at its beginning
        phases.append(Constant(low if shape is Cosine else peak, 1))
    if length > total:
        last = phases.pop()
        phases += [None if last is None else last.head(down or int(last.steps)), Constant(0.0)]
    return ToolSchedule(
        name=lr_schedule_type,
        rates=joined(*phases),
        peak=peak,
        minimum=low,
        warmup_steps=up,
        total_steps=total,
    )
