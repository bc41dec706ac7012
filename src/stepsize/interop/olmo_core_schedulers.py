"""What each of OLMo-core's schedulers does at its own step t = 0, 1, ...; the trainer begins at 1."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

from stepsize.arguments import Choice, Many, Maybe, NonNegative, Number, Positive, Real, Steps, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, settings_of
from stepsize.interop.phases import joined, minus, phase, times
from stepsize.schedules import Constant, Cosine, Geometric, InversePower, Linear, Schedule, warmup

OWNER = "from_olmo_core"
MaybePhase = Annotated[int | None, Maybe(Whole(0))]
MaybeSteps = Annotated[int | None, Maybe(Whole(1))]
MaybePart = Annotated[float | None, Maybe(Number(least=0.0, most=1.0))]
MaybeRate = Annotated[float | None, Maybe(Number(least=0.0))]
Shape = Annotated[str, Choice(("linear", "cosine"))]


class _Way(NamedTuple):
    """The length of a warmup or a decay, and the rate at its low end."""

    steps: int
    low: float


class Found(NamedTuple):
    """A scheduler's name, its rates over t, and what its config names."""

    name: str
    rates: Schedule
    minimum: float | None
    warmup_steps: int


def scheduler(config: Any, peak: float, total: int) -> Found:
    """The scheduler of a config."""
    settings = {name: each for name, each in settings_of(OWNER, config).items() if each is not None}
    kind = settings.pop("_CLASS_", settings.pop("type", type(config).__name__)).rpartition(".")[2]
    name = chosen(OWNER, "type", CLASSES.get(kind, kind), SCHEDULERS)
    function = SCHEDULERS[name]
    own = {each: value for each, value in settings.items() if each not in OF_ALL and not each.startswith("_")}
    ways = {}
    for way, read in (("up", _up), ("tail", _tail)):
        if way in inspect.signature(function).parameters:
            names = [each for each in own if each in inspect.signature(read).parameters]
            run = own.get("t_max", total) if way == "up" else total  # the fraction of a warmup is one of t_max
            ways[way] = read(name, run, **bind(name, read, {each: own.pop(each) for each in names}))
    minimum = ways["tail"].low if "tail" in ways else None
    if "alpha_f" in inspect.signature(function).parameters:
        minimum = minimum or times(peak, own.get("alpha_f", 0.1))
    rates = function(peak, total, **ways, **bind(name, function, own))
    return Found(name, rates, minimum, ways["up"].steps if "up" in ways else 0)


def _up(
    owner: str,
    total: int,
    *,
    warmup: MaybePhase = None,
    warmup_steps: MaybePhase = None,
    warmup_fraction: MaybePart = None,
    warmup_min_lr: NonNegative = 0.0,
) -> _Way:
    return _Way(
        _length(owner, "warmup", total, warmup_steps if warmup is None else warmup, warmup_fraction), warmup_min_lr
    )


def _tail(
    owner: str,
    total: int,
    *,
    decay: MaybePhase = None,
    decay_steps: MaybePhase = None,
    decay_fraction: MaybePart = None,
    decay_min_lr: NonNegative = 0.0,
) -> _Way:
    whole = decay_steps if decay is None else decay
    if whole is None and decay_fraction is None:
        decay_fraction = 0.1
    steps = _length(owner, "decay", total, whole, decay_fraction)
    if steps == 0:
        raise ArgumentError(owner, "decay", "at least 1, since OLMo-core divides by it", 0)
    return _Way(steps, decay_min_lr)


def _length(owner: str, name: str, total: int, whole: int | None, part: float | None) -> int:
    if part is None:
        if whole is None:
            raise ArgumentError(owner, name, f"given, or {name}_fraction", None)
        return whole
    if whole is not None:
        raise ArgumentError(owner, name, f"left out, if {name}_fraction is given", whole)
    return round(total * part)


def _constant(peak: float, total: int) -> Schedule:
    return Constant(peak)


def _constant_with_warmup(peak: float, total: int, up: _Way) -> Schedule:
    return warmup(Constant(peak), up.steps, up.low)


def _wsd(peak: float, total: int, up: _Way, tail: _Way) -> Schedule:
    return _with_tail(peak, lambda steps: Constant(peak, steps), peak, total, up, tail)


def _power(peak: float, total: int, up: _Way, tail: _Way, *, b: Real = -0.51) -> Schedule:
    if up.steps == 0:
        raise ArgumentError("power_lr", "warmup", "at least 1, since OLMo-core divides by it", 0)
    top = peak * ((total - tail.steps) / up.steps) ** b
    return _with_tail(peak, InversePower(peak, 1 / up.steps, -b).head, top, total, up, tail)


def _with_tail(
    peak: float, middle: Callable[[int], Schedule], top: float, total: int, up: _Way, tail: _Way
) -> Schedule:
    """A warmup, a middle, and a line down from `top`; the line may have begun when the warmup ends."""
    rise, fall = phase(Linear, up.low, peak, up.steps), Linear(top, tail.low, tail.steps)
    begun = up.steps + tail.steps - total
    if begun <= 0:
        return joined(rise, middle(-begun) if begun else None, fall)
    hold = Constant(peak, 1) if up.steps else None
    begun += hold is not None
    return joined(rise, hold, fall.tail(begun) if begun < tail.steps else Constant(tail.low))


def _linear(peak: float, total: int, up: _Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    low = times(peak, alpha_f)
    down = phase(Linear, peak, low, (t_max or total) - up.steps)
    return joined(phase(Linear, up.low, peak, up.steps), down, Constant(low))


def _cosine(peak: float, total: int, up: _Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    low = times(peak, alpha_f)
    down = phase(Cosine, peak, low, (t_max or total) - up.steps)
    return joined(phase(Linear, up.low, peak, up.steps), down, Constant(low))


def _half_cosine(peak: float, total: int, up: _Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None) -> Schedule:
    low, steps = times(peak, alpha_f), (t_max or total) - up.steps
    down = Cosine(peak, low, 2 * steps).tail(steps) if steps > 0 else None
    return joined(phase(Linear, up.low, low + minus(peak, low) / 2, up.steps), down, Constant(low))


def _cosine_with_tail(
    peak: float, total: int, up: _Way, tail: _Way, *, alpha_f: Real = 0.1, t_max: MaybeSteps = None
) -> Schedule:
    rates = _cosine(peak, total, up, alpha_f=alpha_f, t_max=t_max)
    return rates.cooldown(max(0, total - tail.steps), tail.steps, tail.low)


def _inverse_sqrt(peak: float, total: int, up: _Way, *, alpha_f: Real = 0.1) -> Schedule:
    low = times(peak, alpha_f)
    if up.steps == 0:
        return Constant(low)
    down = InversePower(minus(peak, low), 1 / up.steps)
    return Linear(up.low, peak, up.steps) >> (low + down if low else down)


def _exponential(peak: float, total: int, *, lr_min: Positive = 1e-9) -> Schedule:
    return Geometric(lr_min, peak, total)


def _wsds(
    peak: float,
    total: int,
    *,
    period_lengths: Annotated[tuple[int, ...], Many(Whole(1))],
    period_lr_multipliers: Annotated[tuple[float, ...] | None, Maybe(Many(Number(above=0.0)))] = None,
    warmup: MaybePhase = None,
    warmup_fraction: MaybePart = None,
    decay: MaybeSteps = None,
    decay_fraction: MaybePart = None,
    warmup_min_lr: NonNegative = 0.0,
    decay_min_lr: NonNegative = 0.0,
) -> Schedule:
    rise = _length("wsds", "warmup", period_lengths[0], warmup, warmup_fraction)
    phases: list[Schedule | None] = []
    for index, length in enumerate(period_lengths):
        top = times(peak, period_lr_multipliers[index]) if period_lr_multipliers else peak
        fall = _length("wsds", "decay", length, decay, decay_fraction)
        stable = length - fall - (rise if index == 0 else 0)
        if fall == 0 or stable < 0:
            raise ArgumentError("wsds", "decay", f"from 1 to {length - (rise if index == 0 else 0)} updates", fall)
        down: Schedule = Linear(top, decay_min_lr, fall)
        if index == 0:
            phases += [phase(Linear, warmup_min_lr, top, rise), Constant(top, stable) if stable else None, down]
        else:  # the period before has its minimum at the first step of this one
            hold = Constant(top, stable - 1) if stable > 1 else None
            phases += [Constant(decay_min_lr, 1), hold, down if stable else down.tail(1)]
    return joined(*phases)


def _composable(peak: float, total: int, *, stages: Sequence[Any], override_decay: Any = None) -> Schedule:
    phases: list[Schedule] = []
    end = peak
    for each in stages:
        phases.append(_stage(peak, end, **bind("stages", _stage, _given(each))))
        end = phases[-1](phases[-1].steps)
    return _overridden(joined(*phases), peak, override_decay)


def _stage(
    peak: float,
    start: float,
    *,
    duration: Steps,
    shape: Shape = "linear",
    start_lr: MaybeRate = None,
    start_lr_fraction: MaybeRate = None,
    end_lr: MaybeRate = None,
    end_lr_fraction: MaybeRate = None,
) -> Schedule:
    if (end_lr is None) == (end_lr_fraction is None):
        raise ArgumentError("stages", "end_lr", "given, or end_lr_fraction, but not both", end_lr)
    end = times(peak, end_lr_fraction) if end_lr is None else end_lr  # type: ignore[arg-type]
    if start_lr_fraction is not None:
        start = times(peak, start_lr_fraction)
    return (Linear if shape == "linear" else Cosine)(start if start_lr is None else start_lr, end, duration)


def _overridden(rates: Schedule, peak: float, override_decay: Any) -> Schedule:
    if override_decay is None:
        return rates
    settings = _given(override_decay)
    at = settings.pop("start", 0)
    return joined(rates.head(at) if at else None, _stage(peak, rates(at), **bind("override_decay", _stage, settings)))


def _sequential(
    peak: float,
    total: int,
    *,
    schedulers: Sequence[Any],
    schedulers_max: Sequence[int] | None = None,
    schedulers_max_steps: Sequence[int] | None = None,
    override_decay: Any = None,
) -> Schedule:
    lengths = list(schedulers_max or schedulers_max_steps or [])[: len(schedulers) - 1]
    if len(lengths) < len(schedulers) - 1:
        rule = "a sequence with the length of each scheduler but the last"
        raise ArgumentError("sequential", "schedulers_max", rule, schedulers_max)
    phases: list[Schedule] = []
    start = peak
    for each, steps in zip(schedulers, [*lengths, total - sum(lengths)], strict=True):
        rates = scheduler(each, start, steps).rates
        if phases and rates(0) != phases[-1](phases[-1].steps):  # a scheduler still has the step at which it ends
            rates, phases[-1] = rates.tail(1), phases[-1] >> Constant(start, 1)
        start = rates(steps)
        phases.append(rates.head(steps))
    return _overridden(joined(*phases[:-1], rates), peak, override_decay)


def _given(config: Any) -> dict[str, Any]:
    found = settings_of(OWNER, config)
    return {name: each for name, each in found.items() if each is not None and name != "_CLASS_"}


SCHEDULERS: dict[str, Callable[..., Schedule]] = {
    "composable": _composable,
    "constant": _constant,
    "constant_with_warmup": _constant_with_warmup,
    "cos_with_warmup": _cosine,
    "cos_with_warmup_and_linear_decay": _cosine_with_tail,
    "exponential": _exponential,
    "half_cos_with_warmup": _half_cosine,
    "inv_sqrt_with_warmup": _inverse_sqrt,
    "linear_with_warmup": _linear,
    "power_lr": _power,
    "sequential": _sequential,
    "wsd": _wsd,
    "wsds": _wsds,
}
CLASSES = {
    "ComposableScheduler": "composable",
    "ConstantScheduler": "constant",
    "ConstantWithWarmup": "constant_with_warmup",
    "CosWithWarmup": "cos_with_warmup",
    "CosWithWarmupAndLinearDecay": "cos_with_warmup_and_linear_decay",
    "ExponentialScheduler": "exponential",
    "HalfCosWithWarmup": "half_cos_with_warmup",
    "InvSqrtWithWarmup": "inv_sqrt_with_warmup",
    "LinearWithWarmup": "linear_with_warmup",
    "PowerLR": "power_lr",
    "SequentialScheduler": "sequential",
    "WSD": "wsd",
    "WSDS": "wsds",
}
OF_ALL = ("initial_lr_field", "lr_field", "units")
