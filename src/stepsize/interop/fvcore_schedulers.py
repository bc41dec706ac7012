"""What fvcore's schedulers do in a run of a given length."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Annotated, Any

from stepsize.arguments import Choice, Count, Many, Maybe, MaybeCount, NonNegative, Number, Positive, Real, Whole
from stepsize.errors import ArgumentError
from stepsize.interop.config import Items, bind, chosen, settings_for, settings_of
from stepsize.interop.phases import begun, cut, in_turn
from stepsize.interop.tool_schedule import Run
from stepsize.schedules import Constant, Cosine, Exponential, Linear, MultiStep, Piecewise, Polynomial, Schedule

EPSILON = 1e-6
"""fvcore's allowance at a boundary, in parts of the run."""

Values = Annotated[tuple[float, ...], Many(Number())]


def made(config: Any, run: Run, steps: int) -> tuple[str, Schedule]:
    """The name of a scheduler, and its schedule over these steps."""
    if type(config).__name__ in SCHEDULERS:
        name = type(config).__name__
        settings = {each.name: _attribute(config, each.name) for each in settings_for(SCHEDULERS[name])}
    else:
        settings = settings_of(run.owner, config)
        if "_target_" not in settings:
            raise ArgumentError(run.owner, "config", 'a scheduler of fvcore\'s, or a mapping with "_target_"', config)
        target = settings.pop("_target_")
        name = chosen(run.owner, "_target_", str(getattr(target, "__name__", target)).rpartition(".")[2], SCHEDULERS)
    return name, SCHEDULERS[name](run, steps, **bind(name, SCHEDULERS[name], settings))


def _attribute(scheduler: Any, argument: str) -> Any:
    """The argument that a scheduler was made with; those that it does not keep do not matter."""
    names = (argument, f"_{argument}", "_param_schedule" if argument == "values" else "")
    return next((vars(scheduler)[name] for name in names if name in vars(scheduler)), 1)


def _constant(run: Run, steps: int, *, value: Real) -> Schedule:
    return Constant(run.unit * value)


def _cosine(run: Run, steps: int, *, start_value: Real, end_value: Real) -> Schedule:
    return Cosine(run.unit * start_value, run.unit * end_value, steps)


def _linear(run: Run, steps: int, *, start_value: Real, end_value: Real) -> Schedule:
    return Linear(run.unit * start_value, run.unit * end_value, steps)


def _exponential(run: Run, steps: int, *, start_value: Real, decay: NonNegative) -> Schedule:
    return Exponential(run.unit * start_value, decay, steps)


def _polynomial(run: Run, steps: int, *, base_value: Real, power: Positive) -> Schedule:
    return Polynomial(run.unit * base_value, 0.0, steps, power)


def _multi_step(
    run: Run,
    steps: int,
    *,
    values: Values,
    num_updates: MaybeCount = None,
    milestones: Annotated[tuple[int, ...] | None, Maybe(Many(Whole(1), rising="strictly", empty=True))] = None,
) -> Schedule:
    if not milestones:
        if num_updates is None:
            raise ArgumentError("MultiStepParamScheduler", "milestones", "given if num_updates is not", None)
        width = math.ceil(num_updates / len(values))
        milestones = tuple(width * i for i in range(1, len(values)))
    elif num_updates is None:
        num_updates, milestones = milestones[-1], milestones[:-1]
    if len(milestones) != len(values) - 1:
        raise ArgumentError("MultiStepParamScheduler", "values", f"{len(milestones) + 1} values", values)
    total, limits = num_updates, milestones
    return _stairs(run, steps, values, lambda where: bisect_right(limits, int((where + EPSILON) * total)))


def _step(run: Run, steps: int, *, values: Values, num_updates: Positive = 1.0) -> Schedule:
    return _stairs(run, steps, values, lambda where: int((where + EPSILON) * len(values)))


def _fixed_gamma(
    run: Run, steps: int, *, base_value: Positive, num_decays: Count, gamma: Positive, num_updates: Count = 1
) -> Schedule:
    begins = _begins(steps, num_decays + 1, lambda where: int((where + EPSILON) * (num_decays + 1)))[1:]
    return MultiStep(run.unit * base_value, gamma, tuple(begin for begin in begins if begin < steps) or (steps,))


def _stairs(run: Run, steps: int, values: Values, index: Callable[[float], int]) -> Schedule:
    reached = dict(zip(_begins(steps, len(values), index), values, strict=True))
    reached = {begin: run.unit * value for begin, value in reached.items() if begin < steps}
    boundaries = tuple(reached)[1:]
    return Piecewise(tuple(reached.values()), boundaries) if boundaries else Constant(reached[0])


def _begins(steps: int, number: int, index: Callable[[float], int]) -> list[int]:
    """The first step of each of these parts, found with fvcore's arithmetic; `steps` if there is none."""
    return [bisect_left(range(steps), part, key=lambda step: index(step / steps)) for part in range(number)]


def _composite(
    run: Run,
    steps: int,
    *,
    schedulers: Items,
    lengths: Annotated[tuple[float, ...], Many(Number(above=0.0))],
    interval_scaling: Annotated[tuple[str, ...], Many(Choice(("rescaled", "fixed")))],
) -> Schedule:
    if not len(schedulers) == len(lengths) == len(interval_scaling) or abs(sum(lengths) - 1.0) >= 1e-3:
        rule = "a length for each scheduler, which add up to 1, and an interval_scaling for each"
        raise ArgumentError("CompositeParamScheduler", "lengths", rule, lengths)
    totals = list(accumulate(lengths))[:-1]
    begins = [*_begins(steps, len(lengths), lambda where: bisect_left(totals, where + EPSILON)), steps]
    parts: list[tuple[Schedule, int]] = []
    for i, (begin, end) in enumerate(pairwise(begins)):
        if begin == end:
            continue
        # A fixed scheduler has the whole run. On a finer clock, both the length of the part and its offset are whole.
        share = (0.0, 1.0) if interval_scaling[i] == "fixed" else (sum(lengths[:i]), lengths[i])
        start, length = (Fraction(x).limit_denominator(10**6) * steps for x in share)
        fine = math.lcm(start.denominator, length.denominator)
        if begin < start:
            raise ArgumentError(run.owner, "horizon", "at most a million updates for a composite", steps)
        whole = made(schedulers[i], run, int(length * fine))[1]
        part = begun(whole, int((begin - start) * fine))
        if fine > 1 and not isinstance(whole, Constant):
            part = cut(part, (end - begin) * fine).stretch(end - begin)
        parts.append((part, end - begin))
    return in_turn(parts)


SCHEDULERS: dict[str, Callable[..., Schedule]] = {
    "CompositeParamScheduler": _composite,
    "ConstantParamScheduler": _constant,
    "CosineParamScheduler": _cosine,
    "ExponentialParamScheduler": _exponential,
    "LinearParamScheduler": _linear,
    "MultiStepParamScheduler": _multi_step,
    "PolynomialDecayParamScheduler": _polynomial,
    "StepParamScheduler": _step,
    "StepWithFixedGammaParamScheduler": _fixed_gamma,
}
