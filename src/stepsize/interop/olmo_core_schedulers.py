"""OLMo-core's schedulers: which a config has, with its warmup and decay, and those that join stages or schedulers."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from stepsize.arguments import Choice, Many, Maybe, MaybeNonNegative, Steps, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import Items, bind, chosen, section, settings_of
from stepsize.interop.olmo_core_shapes import SHAPES
from stepsize.interop.phases import joined, times
from stepsize.schedules import Constant, Cosine, Linear, Schedule

MaybeLengths = Annotated[tuple[int, ...] | None, Maybe(Many(Whole(1)))]
Shape = Annotated[str, Choice(("linear", "cosine"))]


class Found(NamedTuple):
    """A scheduler's name, its rates over t, and what its config names."""

    name: str
    rates: Schedule
    minimum: float | None
    warmup_steps: int


def scheduler(owner: str, config: Any, peak: float, total: int) -> Found:
    """The scheduler of a config."""
    settings = {name: each for name, each in settings_of(owner, config).items() if each is not None}
    kind = str(settings.pop("_CLASS_", settings.pop("type", type(config).__name__))).rpartition(".")[2]
    name = chosen(owner, "type", CLASSES.get(kind, kind), sorted(SCHEDULERS))
    _, function = SCHEDULERS[name]
    own = {each: value for each, value in settings.items() if each not in OF_ALL and not each.startswith("_")}
    given = bind(name, function, own)
    minimum = given["tail"].decay_min_lr if "tail" in given else None
    if "alpha_f" in inspect.signature(function).parameters:
        minimum = minimum or times(peak, given.get("alpha_f", 0.1))
    warmup_steps = given["up"].steps(given.get("t_max") or total) if "up" in given else 0
    return Found(name, function(peak, total, **given), minimum, warmup_steps)


def _composable(peak: float, total: int, *, stages: Items, override_decay: Any = None) -> Schedule:
    phases: list[Schedule] = []
    end = peak
    for each in stages:
        phases.append(_stage(peak, end, **bind("stages", _stage, _given("composable", "stages", each))))
        end = phases[-1](phases[-1].steps)
    return _overridden("composable", joined(*phases), peak, override_decay)


def _stage(
    peak: float,
    start: float,
    *,
    duration: Steps,
    shape: Shape = "linear",
    start_lr: MaybeNonNegative = None,
    start_lr_fraction: MaybeNonNegative = None,
    end_lr: MaybeNonNegative = None,
    end_lr_fraction: MaybeNonNegative = None,
) -> Schedule:
    if (end_lr is None) == (end_lr_fraction is None):
        raise ArgumentError("stages", "end_lr", "given, or end_lr_fraction, but not both", end_lr)
    end = times(peak, end_lr_fraction) if end_lr is None else end_lr  # type: ignore[arg-type]
    if start_lr_fraction is not None:
        start = times(peak, start_lr_fraction)
    return (Linear if shape == "linear" else Cosine)(start if start_lr is None else start_lr, end, duration)


def _overridden(owner: str, rates: Schedule, peak: float, override_decay: Any) -> Schedule:
    if override_decay is None:
        return rates
    settings = _given(owner, "override_decay", override_decay)
    at = settings.pop("start", 0)
    return joined(rates.head(at) if at else None, _stage(peak, rates(at), **bind("override_decay", _stage, settings)))


def _sequential(
    peak: float,
    total: int,
    *,
    schedulers: Items,
    schedulers_max: MaybeLengths = None,
    schedulers_max_steps: MaybeLengths = None,
    override_decay: Any = None,
) -> Schedule:
    lengths = list(schedulers_max or schedulers_max_steps or [])[: len(schedulers) - 1]
    if len(lengths) < len(schedulers) - 1:
        rule = "a sequence with the length of each scheduler but the last"
        raise ArgumentError("sequential", "schedulers_max", rule, schedulers_max)
    phases: list[Schedule] = []
    start = peak
    for each, steps in zip(schedulers, [*lengths, total - sum(lengths)], strict=True):
        rates = scheduler("schedulers", each, start, steps).rates
        if phases and rates(0) != phases[-1](phases[-1].steps):  # a scheduler still has the step at which it ends
            rates, phases[-1] = rates.tail(1), phases[-1] >> Constant(start, 1)
        start = rates(steps)
        phases.append(rates.head(steps))
    return _overridden("sequential", joined(*phases[:-1], rates), peak, override_decay)


def _given(owner: str, setting: str, config: Any) -> dict[str, Any]:
    found = section(owner, {setting: config}, setting)
    return {name: each for name, each in found.items() if each is not None and name != "_CLASS_"}


SCHEDULERS: dict[str, tuple[str, Callable[..., Schedule]]] = {
    "composable": ("ComposableScheduler", _composable),
    "sequential": ("SequentialScheduler", _sequential),
    **SHAPES,
}
"""The class and the schedule of each scheduler."""
CLASSES = {kind: name for name, (kind, _) in SCHEDULERS.items()}
OF_ALL = ("initial_lr_field", "lr_field", "units")
