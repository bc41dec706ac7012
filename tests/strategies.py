"""Strategies for property tests: every shape from one table, every recipe, and random trees of operators.

Values are moderate and endless decays do not grow, so that overflow is not the subject; test_calling.py has that.
A new shape costs one row of SHAPES.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st

import stepsize as ss

INF = math.inf
RUN = 80
"""A number of steps that covers most of what is drawn."""

steps = st.one_of(
    st.integers(0, 3 * RUN), st.floats(0, 3 * RUN), st.integers(0, RUN).map(lambda n: math.nextafter(n, 0))
)
many_steps = st.lists(steps, min_size=1, max_size=20)
HUGE = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e308, -1.7e308, 5e-324, -2e-308]))

values = st.one_of(st.floats(-2.0, 2.0), st.sampled_from([0.0, -0.0, 1.0, 0.1, 0.3, 1e-300, 5e-324]))
positive = st.floats(1e-6, 2.0)
lengths = st.integers(1, 40)
phases = st.integers(0, 40)
factors = st.one_of(st.floats(1e-30, 1.0), st.just(0.0), st.just(1.0))  # smaller ones are 0 in single precision
ways = st.sampled_from(
    ["linear", "cosine", "1-sqrt", "rex", "rex(0.7)", "polynomial(2)", ss.Cosine, ss.OneMinusSqrt, ss.Linear]
)
"""Shapes for a way up or down between any two values."""


def pairs_of(value: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, float]]:
    """Two values; often they differ by a bit or not at all, and a rounding error between them is already outside."""
    near = value.flatmap(lambda v: st.tuples(st.just(v), st.sampled_from([v, math.nextafter(v, 3.0)])))
    return st.one_of(st.tuples(value, value), near, near.map(lambda pair: pair[::-1]))


pairs = pairs_of(values)


@dataclass(frozen=True)
class Row:
    """One shape: how to draw it, and what design.md promises of every one."""

    drawn: st.SearchStrategy[ss.Schedule]
    first: Callable[[ss.Schedule], float]
    """The exact value at step 0."""
    last: Callable[[ss.Schedule], float] | None = None
    """The exact value held from `steps` on; None for a shape that never ends."""
    bounds: Callable[[ss.Schedule], tuple[float, float]] | None = None
    """No value lies outside, not by one bit; None if it has no bounds."""
    monotone: bool = False
    """It only rises or only falls."""
    arguments: dict[str, object] = field(default_factory=dict)
    """One call of it by keywords, for the text form."""


def between(
    cls: type, *more: st.SearchStrategy[float], value: st.SearchStrategy[float] = values, **named: float
) -> Row:
    return Row(
        st.builds(lambda pair, *rest: cls(*pair, *rest), pairs_of(value), lengths, *more),
        first=lambda s: s.start,
        last=lambda s: s.end,
        bounds=lambda s: (min(s.start, s.end), max(s.start, s.end)),
        monotone=True,
        arguments={"start": 0.5, "end": 0.1, "steps": 7, **named},
    )


@st.composite
def multi_steps(draw: st.DrawFn) -> ss.Schedule:
    return ss.MultiStep(draw(values), draw(factors), sorted(draw(st.lists(phases, min_size=1, max_size=5))))


@st.composite
def piecewise(draw: st.DrawFn) -> ss.Schedule:
    boundaries = sorted(draw(st.sets(lengths, min_size=1, max_size=5)))
    return ss.Piecewise([draw(values) for _ in range(len(boundaries) + 1)], boundaries)


@st.composite
def triangles(draw: st.DrawFn) -> ss.Schedule:
    low, high = sorted(draw(pairs))
    return ss.Triangle(low, high, draw(lengths), draw(lengths))


@st.composite
def knots(draw: st.DrawFn) -> ss.Schedule:
    steps = sorted(draw(st.sets(st.one_of(st.integers(0, 40), st.floats(0.01, 40.0)), min_size=2, max_size=6)))
    heights = [height for _ in steps for height in draw(pairs)]
    return ss.Knots(list(zip(steps, heights, strict=False)), draw(st.sampled_from(["linear", "cosine"])))


SHAPES: dict[type, Row] = {
    ss.Constant: Row(
        st.builds(ss.Constant, values, st.one_of(lengths, st.just(INF))),
        first=lambda s: s.value,
        last=lambda s: s.value,
        bounds=lambda s: (s.value, s.value),
        monotone=True,
        arguments={"value": 0.3, "steps": 4},
    ),
    ss.Linear: between(ss.Linear),
    ss.Cosine: between(ss.Cosine),
    ss.Polynomial: between(ss.Polynomial, st.floats(0.1, 4.0), power=2.0),
    ss.Geometric: between(ss.Geometric, value=positive),
    ss.OneMinusSqrt: between(ss.OneMinusSqrt),
    ss.Rex: between(ss.Rex, st.floats(0.0, 1.0), beta=0.7),
    ss.Logarithmic: between(ss.Logarithmic),
    ss.Exponential: Row(
        st.builds(ss.Exponential, values, factors, st.floats(0.1, 50.0)),
        first=lambda s: s.start,
        bounds=lambda s: (min(s.start, 0.0), max(s.start, 0.0)),
        monotone=True,
        arguments={"start": 0.1, "factor": 0.5, "per": 100},
    ),
    ss.Staircase: Row(
        st.builds(ss.Staircase, values, factors, lengths),
        first=lambda s: s.start,
        bounds=lambda s: (min(s.start, 0.0), max(s.start, 0.0)),
        monotone=True,
        arguments={"start": 0.1, "factor": 0.5, "every": 100},
    ),
    ss.MultiStep: Row(
        multi_steps(),
        first=lambda s: s.start * s.factor ** s.boundaries.count(0),
        last=lambda s: s.start * s.factor ** len(s.boundaries),
        bounds=lambda s: (min(s.start, 0.0), max(s.start, 0.0)),
        monotone=True,
        arguments={"start": 0.1, "factor": 0.5, "boundaries": (3, 8)},
    ),
    ss.Piecewise: Row(
        piecewise(),
        first=lambda s: s.values[0],
        last=lambda s: s.values[-1],
        bounds=lambda s: (min(s.values), max(s.values)),
        arguments={"values": (0.3, 0.1), "boundaries": (5,)},
    ),
    ss.InversePower: Row(
        st.builds(ss.InversePower, values, st.floats(0.0, 5.0), st.floats(0.0, 3.0)),
        first=lambda s: s.start,
        bounds=lambda s: (min(s.start, 0.0), max(s.start, 0.0)),
        monotone=True,
        arguments={"start": 0.1, "rate": 0.5, "power": 1.0},
    ),
    ss.Triangle: Row(
        triangles(),
        first=lambda s: s.low,
        last=lambda s: s.low,
        bounds=lambda s: (s.low, s.high),
        arguments={"low": 0.1, "high": 0.5, "up": 4, "down": 2},
    ),
    ss.Knots: Row(
        knots(),
        first=lambda s: s.points[0][1],
        last=lambda s: s.points[-1][1],
        bounds=lambda s: (min(v for _, v in s.points), max(v for _, v in s.points)),
        arguments={"points": ((0, 0.1), (2.5, 0.3)), "shape": "cosine"},
    ),
    ss.Table: Row(
        st.builds(ss.Table, st.lists(values, min_size=1, max_size=30)),
        first=lambda s: s.values[0],
        last=lambda s: s.values[-1],
        bounds=lambda s: (min(s.values), max(s.values)),
        arguments={"values": (0.1, 0.3, 0.2)},
    ),
    ss.Function: Row(
        st.sampled_from(["math:cos", "math:atan", "math:sqrt"]).map(ss.Function),
        first=lambda s: {"math:cos": 1.0, "math:atan": 0.0, "math:sqrt": 0.0}[s.function],
        arguments={"function": "math:cos"},
    ),
}
shapes = st.one_of(*(row.drawn for row in SHAPES.values()))
every_shape = pytest.mark.parametrize("cls", SHAPES, ids=lambda cls: cls.__name__)


def ended(schedule: ss.Schedule, n: int = 25) -> ss.Schedule:
    """The schedule, cut if it never ends."""
    return schedule.head(n) if schedule.steps == INF else schedule


def lasting(schedule: ss.Schedule) -> ss.Schedule:
    """The schedule, given an end and at least one step."""
    cut = ended(schedule)
    return cut if cut.steps else cut.shift(1)


# Recipes, by the arguments of design.md.

fractions = st.floats(0.0, 1.0)


@st.composite
def warmup_cosines(draw: st.DrawFn) -> ss.Schedule:
    warmup_steps = draw(phases)
    return ss.warmup_cosine(draw(values), warmup_steps, warmup_steps + draw(lengths), draw(values), draw(values))


@st.composite
def several_stable_phases(draw: st.DrawFn) -> ss.Schedule:
    stable, decay = zip(*draw(st.lists(st.tuples(lengths, phases), min_size=1, max_size=4)), strict=True)
    return ss.wsds(draw(values), draw(phases), stable, decay, draw(values), draw(values), draw(ways), draw(ways))


@st.composite
def cycles(draw: st.DrawFn) -> ss.Schedule:
    low, high = sorted([draw(values), draw(values)])
    mode = draw(st.sampled_from(["triangular", "triangular2", "exp_range"]))
    times = draw(st.one_of(st.integers(1, 5), st.just(INF)))
    return ss.cyclic(low, high, draw(lengths), draw(lengths), times, mode, draw(st.floats(0.5, 1.0)))


RECIPES: dict[str, st.SearchStrategy[ss.Schedule]] = {
    "warmup": st.builds(ss.warmup, shapes, phases, values, ways),
    "warmup_cosine": warmup_cosines(),
    "wsd": st.builds(ss.wsd, values, phases, lengths, phases, values, values, ways, ways),
    "wsds": several_stable_phases(),
    "infinite": st.builds(
        ss.infinite, positive, positive, phases, phases, lengths, phases, values, positive, ways, ways
    ),
    "rewarm": st.builds(ss.rewarm, shapes, phases, values, phases, lengths, values, ways, ways),
    "one_cycle": st.builds(ss.one_cycle, values, lengths, fractions, values, values, ways),
    "one_cycle_momentum": st.builds(ss.one_cycle_momentum, lengths, fractions, fractions, fractions, ways),
    "sgdr": st.builds(
        ss.sgdr, values, lengths, st.integers(1, 5), values, st.floats(0.1, 1.0), st.sampled_from([1.0, 1.5, 2.0])
    ),
    "noam": st.builds(ss.noam, lengths, lengths, positive),
    "inverse_sqrt": st.builds(ss.inverse_sqrt, values, phases, values),
    "cyclic": cycles(),
}
recipes = st.one_of(*RECIPES.values())


# Batch sizes as functions of the samples used.

sizes = st.integers(1, 9)
constant_batches = st.one_of(
    sizes.map(ss.Constant),
    st.builds(lambda a, n, b: ss.Constant(a, n) >> ss.Constant(b), sizes, lengths, sizes),
    st.builds(
        lambda a, at: ss.Piecewise([a + n for n in range(len(at) + 1)], sorted(at)),
        sizes,
        st.sets(lengths, min_size=1, max_size=4),
    ),
    st.builds(lambda a, at: ss.MultiStep(a, 2.0, sorted(at)), sizes, st.lists(phases, min_size=1, max_size=3)),
)
batches = st.one_of(
    constant_batches,
    st.builds(lambda a, b: a + 2 * b, constant_batches, constant_batches),
    st.builds(lambda a, n: a.every(n), constant_batches, st.integers(1, 5)),
    st.builds(ss.Table, st.lists(sizes, min_size=1, max_size=30)),
)


# Random trees.


@st.composite
def _repeats(draw: st.DrawFn, inner: st.SearchStrategy[ss.Schedule]) -> ss.Schedule:
    schedule = lasting(draw(inner))
    if draw(st.booleans()):
        return schedule.repeat(draw(st.one_of(st.integers(1, 4), st.just(INF))), draw(st.floats(-1.0, 1.0)))
    times = draw(st.integers(1, 4))
    shortest = max(0.2, (0.5 / schedule.steps) ** (1 / max(times - 1, 1)) * 1.001)
    return schedule.repeat(times, draw(st.floats(-1.2, 1.2)), draw(st.floats(min(shortest, 1.0), 2.5)))


@st.composite
def _clips(draw: st.DrawFn, inner: st.SearchStrategy[ss.Schedule]) -> ss.Schedule:
    low, high = sorted([draw(values), draw(values)])
    return draw(inner).clip(low) if draw(st.booleans()) else draw(inner).clip(low, high)


@st.composite
def _tails(draw: st.DrawFn, inner: st.SearchStrategy[ss.Schedule]) -> ss.Schedule:
    schedule = draw(inner)
    return schedule.tail(draw(st.integers(0, int(min(schedule.steps, 30)))))


def grown(inner: st.SearchStrategy[ss.Schedule]) -> st.SearchStrategy[ss.Schedule]:
    """Trees with one operator more than the inner ones."""
    divisors = st.one_of(st.floats(0.5, 4.0), st.floats(-4.0, -0.5))
    return st.one_of(
        st.builds(lambda a, b: ended(a) >> b, inner, inner),
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda x, a: x + a, values, inner),
        st.builds(lambda x, a: x - a, values, inner),
        st.builds(lambda x, a: x * a, values, inner),
        st.builds(lambda a, x: a + x, inner, values),
        st.builds(lambda a, x: a - x, inner, values),
        st.builds(lambda a, x: a * x, inner, values),
        st.builds(lambda a, x: a / x, inner, divisors),
        st.builds(lambda a: -a, inner),
        # Within bounds and exponents that neither overflow nor enlarge a rounding error much.
        st.builds(lambda a, p: a.clip(0.1, 1.5) ** p, inner, st.floats(-3.0, 3.0)),
        st.builds(lambda a, p: a.clip(-1.5, 1.5) ** p, inner, st.sampled_from([0, 1, 2, 3])),
        st.builds(ss.minimum, inner, inner),
        st.builds(ss.maximum, inner, values, inner),
        _clips(inner),
        st.builds(lambda a, n: a.shift(n), inner, phases),
        st.builds(lambda a, n: a.every(n), inner, st.integers(1, 5)),
        st.builds(lambda a, n: ended(a).stretch(n), inner, lengths),
        st.builds(lambda a, p: ended(a).warp(p), inner, st.floats(0.2, 4.0) | st.sampled_from([0.5, 1, 2])),
        _repeats(inner),
        st.builds(lambda a, batch: ended(a).reclock(batch), inner, batches),
        st.builds(lambda a, n: a.head(n), inner, phases),
        _tails(inner),
        st.builds(lambda a, at, n, end, way: a.cooldown(at, n, end, way), inner, phases, lengths, values, ways),
    )


trees = st.recursive(st.one_of(shapes, recipes), grown, max_leaves=8)

horizons = st.builds(
    ss.Horizon,
    samples=st.integers(50, 150),
    batch=st.integers(1, 9),
    epochs=st.integers(2, 12).map(lambda quarters: quarters / 4) | st.integers(1, 5),
    accumulation=st.integers(1, 4),
    processes=st.integers(1, 4),
    drop_last=st.booleans(),
    tokens_per_sample=st.integers(1, 64),
)
"""Every one has at least one update in every epoch."""
