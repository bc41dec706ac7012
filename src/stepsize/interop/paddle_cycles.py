"""PaddlePaddle's schedulers that go up and down."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from stepsize.arguments import Choice, Count, Fraction, MaybeCount, NonNegative, Positive, Real, Steps, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.phases import Anneal, joined, one_cycle, wave
from stepsize.interop.tool_schedule import Run
from stepsize.schedules import Cosine, Piecewise, Polynomial, Schedule, recipes


def _cosine(run: Run, *, learning_rate: NonNegative, T_max: Steps, eta_min: Real = 0.0) -> Schedule:  # noqa: N803
    return wave(learning_rate, eta_min, T_max)


def _restarts(
    run: Run,
    *,
    learning_rate: NonNegative,
    T_0: Steps,  # noqa: N803
    T_mult: Count = 1,  # noqa: N803
    eta_min: Real = 0.0,
) -> Schedule:
    return Cosine(learning_rate, eta_min, T_0).repeat(math.inf, 1.0, T_mult)


def refuse_late_restarts(run: Run, settings: dict[str, Any]) -> None:
    """Refuse restarts that are asked for by their step, and of which rounding makes one begin late within the run."""
    first, factor = settings["T_0"], settings.get("T_mult", 1)
    ends = [(factor**i - 1) // (factor - 1) for i in range(1, 50)] if factor > 1 else []
    late = [end for i, end in enumerate(ends, 1) if int(math.log(end * (factor - 1) + 1, factor)) < i]
    if late and late[0] * first < run.steps(f"a T_mult of {factor} inside a LinearWarmup"):
        rule = "2 inside a LinearWarmup in a run of this length"
        advice = f"rounding delays the restart {late[0] * first} steps after the warmup"
        raise ArgumentError("CosineAnnealingWarmRestarts", "T_mult", rule, factor, advice)


def _polynomial(
    run: Run,
    *,
    learning_rate: NonNegative,
    decay_steps: Steps,
    end_lr: Real = 0.0001,
    power: Positive = 1.0,
    cycle: Switch = False,
) -> Schedule:
    """With `cycle`, the end moves on by `decay_steps` whenever the step has passed it."""
    first = Polynomial(learning_rate, end_lr, decay_steps, power)
    if not cycle:
        return first
    parts = [first.head(decay_steps + 1)]
    for end in range(2 * decay_steps, run.steps("cycle") + decay_steps, decay_steps):
        longer = Polynomial(learning_rate, end_lr, end, power).tail(end - decay_steps + 1)
        parts.append(longer.head(decay_steps) if decay_steps > 1 else longer)
    return joined(*parts)


def _one_cycle(
    run: Run,
    *,
    max_learning_rate: NonNegative,
    total_steps: Steps,
    divide_factor: Positive = 25.0,
    end_learning_rate: NonNegative = 0.0001,
    phase_pct: Fraction = 0.3,
    anneal_strategy: Anneal = "cos",
    three_phase: Switch = False,
) -> Schedule:
    """It has one step beyond its end, on the line or wave of its last phase; PaddlePaddle stops after that."""
    rates = (max_learning_rate / divide_factor, max_learning_rate, end_learning_rate)
    way = one_cycle(rates, total_steps, phase_pct, anneal_strategy, three_phase, "phase_pct")
    (begin, high), (last, end) = way.points[-2:]
    part = 1.0 / (last - begin)
    beyond = (math.cos(math.pi * part) - 1.0) / 2.0 if anneal_strategy == "cos" else part
    return way >> Piecewise((end, end + beyond * (end - high)), (1,))


def _cyclic(
    run: Run,
    *,
    base_learning_rate: NonNegative,
    max_learning_rate: NonNegative,
    step_size_up: Steps,
    step_size_down: MaybeCount = None,
    mode: Annotated[str, Choice(("triangular", "triangular2", "exp_range"))] = "triangular",
    exp_gamma: Positive = 1.0,
) -> Schedule:
    low, high, up = base_learning_rate, max_learning_rate, step_size_up
    return recipes.cyclic(low, high, up, step_size_down or up, mode=mode, gamma=exp_gamma)


CYCLES: dict[str, Callable[..., Schedule]] = {
    "CosineAnnealingDecay": _cosine,
    "CosineAnnealingWarmRestarts": _restarts,
    "CyclicLR": _cyclic,
    "OneCycleLR": _one_cycle,
    "PolynomialDecay": _polynomial,
}
