"""The laws that every schedule obeys: each shape of the table, and random trees of operators and methods."""

import copy
import dataclasses
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Cosine, Horizon, Knots, Linear, Schedule, Staircase, Table, from_dict, parse, to_dict
from stepsize.schedules.catalogue import RECIPES as ALL_RECIPES
from stepsize.schedules.catalogue import SHAPES as ALL_SHAPES
from strategies import RECIPES, SHAPES, ended, horizons, lasting, lengths, phases, trees, values

INF = math.inf
RUN = 80
"""A number of steps that covers most of what is drawn."""

every_shape = pytest.mark.parametrize("cls", SHAPES, ids=lambda cls: cls.__name__)
steps = st.one_of(
    st.integers(0, 3 * RUN), st.floats(0, 3 * RUN), st.integers(0, RUN).map(lambda n: math.nextafter(n, 0))
)
many_steps = st.lists(steps, min_size=1, max_size=20)


def read(text: str) -> Schedule:
    return parse(text, functions=True)


def size(schedule: Schedule) -> float:
    """How large numbers get inside a tree: what rounding errors are measured against."""
    own = float(np.abs(schedule(np.arange(4.0 * RUN) / 2)).max())
    parts = [size(child) for child in schedule._children]
    return max([1.0, own, math.prod(max(part, 1.0) for part in parts[:6]) if parts else 0.0])


def assert_close(found: object, expected: object, schedule: Schedule | None = None) -> None:
    scale = 1e-15 if schedule is None else 1e-12 * size(schedule)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=scale)


def on_whole_steps(schedule: Schedule) -> list[float]:
    return [schedule(step) for step in range(RUN)]


# The table is whole.


def test_every_shape_has_a_row_in_the_table():
    assert set(SHAPES) == set(ALL_SHAPES)


def test_every_recipe_is_drawn():
    assert set(RECIPES) == {recipe.__name__ for recipe in ALL_RECIPES}


# Written down and read back.


def assert_round_trips(schedule: Schedule) -> None:
    text = str(schedule)
    assert text == repr(schedule)
    assert text.isascii()
    form = json.loads(json.dumps(to_dict(schedule), allow_nan=False))
    for again in (
        read(text),
        from_dict(form, functions=True),
        pickle.loads(pickle.dumps(schedule)),
        copy.copy(schedule),
        copy.deepcopy(schedule),
    ):
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert str(again) == text
        assert type(again) is type(schedule)


@every_shape
@given(data=st.data())
def test_a_shape_is_read_back_equal_from_text_json_pickle_and_copies(cls, data):
    assert_round_trips(data.draw(SHAPES[cls].drawn))


@given(trees)
def test_a_tree_is_read_back_equal_from_text_json_pickle_and_copies(schedule):
    assert_round_trips(schedule)


@pytest.mark.parametrize("recipe", RECIPES)
@given(data=st.data())
def test_a_recipe_is_read_back_equal_from_text_json_pickle_and_copies(recipe, data):
    assert_round_trips(data.draw(RECIPES[recipe]))


@given(trees)
def test_the_text_is_python_that_makes_the_same_schedule(schedule):
    """The precedence and the brackets of the text form are Python's own."""
    names = {name: getattr(ss, name) for name in ss.__all__}
    again = eval(str(schedule), {"inf": INF, **names})  # the text is this test's own
    assert again.steps == schedule.steps
    assert on_whole_steps(again) == on_whole_steps(schedule)


@every_shape
def test_arguments_may_be_named_in_any_order(cls):
    arguments = SHAPES[cls].arguments
    words = [f"{name}={json.dumps(v) if isinstance(v, str) else v}" for name, v in arguments.items()]
    assert read(f"{cls.__name__}({', '.join(reversed(words))})") == cls(**arguments)


@every_shape
def test_trailing_defaults_are_left_out_of_the_text(cls):
    required = [f for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    given_values = list(SHAPES[cls].arguments.values())[: len(required)]
    made = cls(*given_values)
    assert_round_trips(made)
    assert str(made) == f"{cls.__name__}({', '.join(str(read_value(v)) for v in given_values)})"


def read_value(value: object) -> object:
    """How a number given in the table is written: a float where the field is one."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        inside = ", ".join(str(read_value(float(v) if isinstance(v, int) and nested(value) else v)) for v in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return value


def nested(value: tuple) -> bool:
    """Whether it is a point of knots, whose step is a float."""
    return len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], float)


def test_equal_numbers_make_equal_schedules():
    assert Linear(0, 1, 10) == Linear(-0.0, 1.0, 10.0) == Linear(np.float32(0), np.int8(1), np.int64(10))
    assert hash(Linear(0, 1, 10)) == hash(Linear(-0.0, 1.0, 10.0))
    assert str(Linear(-0.0, Fraction(1), 10.0)) == "Linear(0.0, 1.0, 10)"
    assert Table(np.array([0.1, 0.2])) == Table([0.1, 0.2]) == Table(iter((0.1, 0.2)))
    assert Knots([[0, 1], (2, 3)]) == Knots(((0.0, 1.0), (2.0, 3.0)))


def test_different_schedules_differ_even_where_their_values_agree():
    assert Linear(0.5, 0.5, 10) != Cosine(0.5, 0.5, 10)
    assert Linear(0, 1, 10) != Linear(0, 1, 11)
    assert Linear(0, 1, 10).head(10) != Linear(0, 1, 10)
    assert Linear(0, 1, 10) + Cosine(0, 1, 10) != Cosine(0, 1, 10) + Linear(0, 1, 10)


# Calling.


def assert_scalar_and_array_agree(schedule: Schedule, at: list[float], exact: bool) -> None:
    one_by_one = [schedule(step) for step in at]
    assert all(type(value) is float for value in one_by_one)
    at_once = schedule(at)
    assert at_once.dtype == np.float64
    assert_close(at_once, one_by_one, None if exact else schedule)


@every_shape
@given(data=st.data(), at=many_steps)
def test_a_shape_at_one_step_and_at_many_agree(cls, data, at):
    assert_scalar_and_array_agree(data.draw(SHAPES[cls].drawn), at, exact=True)


@given(trees, many_steps)
def test_a_tree_at_one_step_and_at_many_agree(schedule, at):
    assert_scalar_and_array_agree(schedule, at, exact=False)


@given(trees, st.integers(0, 2**31))
def test_steps_may_come_in_any_order_shape_and_type_and_repeat(schedule, seed):
    forward = schedule.sample(RUN)
    places = np.random.default_rng(seed).integers(0, RUN, (3, 4))
    for at in (places, places.astype(np.uint8), places.astype(np.float32), np.asfortranarray(places), places.tolist()):
        found = schedule(at)
        assert found.shape == (3, 4)
        np.testing.assert_array_equal(found, forward[places])
    assert schedule(np.array(7)).shape == ()
    assert schedule([]).shape == (0,)
    assert schedule(np.zeros((2, 0))).shape == (2, 0)


@given(trees, st.integers(0, 3 * RUN))
def test_a_whole_step_may_be_any_kind_of_number(schedule, step):
    expected = schedule(step)
    for same in (float(step), np.int64(step), np.float64(step), np.uint16(step), Fraction(step)):
        found = schedule(same)
        assert type(found) is float
        assert found == expected


@given(trees)
def test_a_sample_is_the_value_at_every_step(schedule):
    np.testing.assert_array_equal(schedule.sample(RUN), schedule(np.arange(RUN)))
    if schedule.steps < INF:
        assert len(schedule.sample()) == schedule.steps
    assert schedule.sample(0).shape == (0,)


def test_long_arrays_are_the_same_as_short_ones():
    """However many steps are asked for at once, also where a part ends within them."""
    plan = Linear(0, 1, 9_999) >> Cosine(1, 0, 20_001).repeat(2, 0.5) >> Staircase(0.1, 0.5, 100)
    whole = plan.sample(100_000)
    for begin in range(0, 100_000, 7_919):
        np.testing.assert_array_equal(plan(np.arange(begin, min(begin + 7_919, 100_000))), whole[begin : begin + 7_919])


def test_numpys_settings_change_nothing():
    """Underflow and overflow inside are the schedule's own business."""
    with np.errstate(all="raise"):
        assert (Staircase(0.1, 0.5, 1) + Linear(0, 1, 3))(np.array([0.0, 2000.0])).tolist() == [0.1, 1.0]
        assert ss.Exponential(1.0, 10.0).clip(0.0, 5.0)([0, 1e6]).tolist() == [1.0, 5.0]


# Ends, bounds and direction.


def assert_same_bits(cls: type, found: float, expected: float) -> None:
    if cls is ss.MultiStep:  # a power: NumPy's may differ from Python's by the last bit
        assert_close(found, expected)
    else:
        assert found == expected


@every_shape
@given(data=st.data())
def test_a_shape_starts_exactly_at_its_first_value(cls, data):
    schedule = data.draw(SHAPES[cls].drawn)
    assert schedule(0) == schedule(0.0) == SHAPES[cls].first(schedule)
    assert_same_bits(cls, schedule([0])[0], SHAPES[cls].first(schedule))


@every_shape
@given(data=st.data())
def test_a_shape_holds_exactly_its_last_value_from_its_length_on(cls, data):
    row, schedule = SHAPES[cls], data.draw(SHAPES[cls].drawn)
    if row.last is None:
        assert schedule.steps == INF
        return
    assume(schedule.steps < INF)
    assert isinstance(schedule.steps, int)
    late = [schedule.steps, schedule.steps + 0.5, schedule.steps + 1, 10 * schedule.steps + 1, 1e9, 2**60, 1e300]
    assert {schedule(step) for step in late} == {row.last(schedule)}
    (held,) = set(schedule(late).tolist())
    assert_same_bits(cls, held, row.last(schedule))


@given(trees)
def test_a_tree_holds_its_last_value_from_its_length_on(schedule):
    assume(schedule.steps < INF)
    assert isinstance(schedule.steps, int)
    late = [schedule.steps, schedule.steps + 0.5, schedule.steps + 1, 10 * schedule.steps + 1, 1e9, 2**60]
    assert len({schedule(step) for step in late}) == 1
    assert len(set(schedule(late).tolist())) == 1


@every_shape
@given(data=st.data(), at=many_steps)
def test_a_shape_never_leaves_its_bounds(cls, data, at):
    schedule = data.draw(SHAPES[cls].drawn)
    if SHAPES[cls].bounds is not None:
        low, high = SHAPES[cls].bounds(schedule)
        at = [*at, *range(RUN)]
        assert all(low <= schedule(step) <= high for step in at)
        assert np.all((low <= schedule(at)) & (schedule(at) <= high))


@every_shape
@given(data=st.data(), at=many_steps)
def test_a_shape_that_only_falls_or_rises_does_so_between_the_steps_too(cls, data, at):
    """To the last bits: rounding may turn a flat piece up by a few of them, and no more."""
    if not SHAPES[cls].monotone:
        return
    schedule = data.draw(SHAPES[cls].drawn)
    ordered = sorted([*at, 0, RUN])
    run = np.array([schedule(step) for step in ordered])
    direction = np.sign(schedule(4 * RUN) - schedule(0))
    slack = 4e-16 * max(abs(run)) + 2e-323
    assert np.all(np.diff(run) * (direction or 1.0) >= -slack)
    assert np.all(np.diff(schedule(ordered)) * (direction or 1.0) >= -slack)


@given(trees, values, values, many_steps)
def test_clip_keeps_the_value_within_its_bounds_to_the_last_bit(schedule, a, b, at):
    low, high = sorted([a, b])
    clipped = schedule.clip(low, high)
    assert clipped.steps == schedule.steps
    for step, many in zip(at, clipped(at), strict=True):
        assert clipped(step) == min(max(schedule(step), low), high)
        assert low <= many <= high


@given(trees, st.one_of(st.integers(0, 2**60), st.floats(0, 1e300)))
def test_a_tree_has_a_finite_value_at_every_step(schedule, step):
    assert math.isfinite(schedule(step))
    assert np.isfinite(schedule([step])).all()


HUGE = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e308, -1.7e308, 5e-324, -2e-308]))


@pytest.mark.parametrize("cls", [c for c in SHAPES if SHAPES[c].last and {"start", "end"} <= set(SHAPES[c].arguments)])
@given(start=HUGE, end=HUGE, length=st.integers(1, 2**53), part=st.floats(0, 1))
def test_the_largest_and_smallest_numbers_are_as_good_as_any(cls, start, end, length, part):
    if cls is ss.Geometric:
        start, end = abs(start) or 1.0, abs(end) or 1.0
    schedule = cls(**{**SHAPES[cls].arguments, "start": start, "end": end, "steps": length})
    step = math.floor(part * length)
    assert schedule(0) == start
    assert schedule(length) == end
    for value in (schedule(step), schedule([step])[0]):
        assert min(start, end) <= value <= max(start, end)
    assert_round_trips(schedule)


@given(st.lists(HUGE, min_size=2, max_size=4), st.sampled_from(["linear", "cosine"]), st.floats(0, 5))
def test_knots_bear_the_largest_and_smallest_numbers(heights, way, step):
    schedule = Knots(list(enumerate(heights)), way)
    assert min(heights) <= schedule(step) <= max(heights)
    assert min(heights) <= schedule([step])[0] <= max(heights)


@given(st.integers(1, 10**6))
@example(999_983)
def test_a_line_from_zero_is_precise_at_its_first_steps(length):
    """Nothing is lost by taking a small number from one and that from one again."""
    for line in (Knots(((0, 0.0), (length, 1.0))), Linear(0.0, 1.0, length), ss.Triangle(0.0, 1.0, length, 1)):
        assert line(1) == pytest.approx(1 / length, rel=1e-15, abs=0.0)


# The algebra.


@given(trees, trees, trees)
def test_regrouping_a_chain_changes_neither_value_nor_equality(a, b, c):
    a, b = ended(a), ended(b)
    left, right = (a >> b) >> c, a >> (b >> c)
    assert left == right
    assert hash(left) == hash(right)
    assert str(left) == str(right)
    assert on_whole_steps(left) == on_whole_steps(right)


@given(trees, trees, trees, values)
def test_regrouping_sums_and_products_changes_neither_value_nor_equality(a, b, c, x):
    for left, right in (
        ((a + b) + c, a + (b + c)),
        ((a * b) * c, a * (b * c)),
        ((x + a) + b, x + (a + b)),
        ((x * a) * b, x * (a * b)),
        ((a + x) + b, a + (x + b)),
    ):
        assert left == right
        assert hash(left) == hash(right)
        assert on_whole_steps(left) == on_whole_steps(right)


@given(trees, trees, many_steps)
def test_then_is_the_first_on_its_clock_and_the_second_on_its_own(a, b, at):
    a = ended(a)
    plan = a >> b
    assert plan.steps == a.steps + b.steps
    for step in at:
        assert plan(step) == (a(step) if step < a.steps else b(step - a.steps))


@given(trees, trees, values, many_steps)
def test_signs_are_taken_at_every_step(a, b, x, at):
    longest = max(a.steps, b.steps)
    for step in at:
        va, vb = a(step), b(step)
        for made, expected in ((a + b, va + vb), (a - b, va - vb), (a * b, va * vb)):
            assert made.steps == longest
            assert_close(made(step), expected, made)
        for made, expected in (
            (a + x, va + x),
            (x + a, x + va),
            (a - x, va - x),
            (x - a, x - va),
            (a * x, va * x),
            (x * a, x * va),
            (a / 4, va / 4),
            (-a, -va),
        ):
            assert made.steps == a.steps
            assert_close(made(step), expected, made)


@given(trees, trees, values)
def test_a_difference_is_a_sum_with_minus_one_times_the_second(a, b, x):
    assert a - b == a + -1 * b == a + -b
    assert a - x == a + -x
    assert x - b == x + -b


def test_the_text_of_a_difference_has_a_minus_sign():
    a, b = Linear(0, 1, 2), Cosine(0, 1, 2)
    assert str(a - b) == "Linear(0.0, 1.0, 2) - Cosine(0.0, 1.0, 2)"
    assert str(a - 2 * b) == "Linear(0.0, 1.0, 2) - 2.0 * Cosine(0.0, 1.0, 2)"
    assert str(a - 0.5) == "Linear(0.0, 1.0, 2) - 0.5"
    assert str(a - (b - 1)) == "Linear(0.0, 1.0, 2) - (Cosine(0.0, 1.0, 2) - 1.0)"


@pytest.mark.parametrize(
    "text",
    [
        "Linear(0, 1, 4) + 2 * Cosine(0, 1, 4)",
        "2 * Linear(0, 1, 4) * 3 / 4 - 1 - Cosine(0, 1, 4) / 2",
        "Linear(0, 1, 4) >> Cosine(0, 1, 4) + 1 >> 2 - Rex(0, 1, 4)",
        "(Linear(0, 1, 4) >> Cosine(0, 1, 4)) + 1",
        "-Linear(0, 1, 4).head(2) * -2",
        "--Linear(0, 1, 4) - --2 * Linear(0, 1, 4)",
        "Linear(0, 1, 4) - -2 * -Cosine(0, 1, 4)",
        "1 - 2 - Linear(0, 1, 4) - 3 - 4",
        "2 / 4 * Linear(0, 1, 4) / 2 / 4 * 3",
        "1 + 2 * 3 + Linear(0, 2 - 1, 2 * 2) * (1 + 2)",
        "Linear(0, 1, 4).repeat(3, 0.5, stretch=2.0).clip(0.1, 0.9)",
        "((((Linear(0, 1, 4)))))",
        "Table([0.1, 0.2, 1e-3, .5, 5.]).every(1_000)",
    ],
)
def test_a_text_means_what_python_would_make_of_it(text):
    made, expected = parse(text), eval(text, {name: getattr(ss, name) for name in ss.__all__})
    assert made.steps == expected.steps
    assert on_whole_steps(made) == on_whole_steps(expected)
    assert_round_trips(made)


def test_numbers_stay_as_they_are_written():
    a = Linear(0, 1, 4)
    assert str(2 * (3 * a)) == "2.0 * 3.0 * Linear(0.0, 1.0, 4)"
    assert parse("2 * 3 * Linear(0, 1, 4)") == 2 * (3 * a)
    assert parse("2 + 3 - 4 + Linear(0, 1, 4)") == 2 + (3 + (-4 + a))


# The methods, against their formulas.


@given(trees, phases, many_steps)
def test_shift_holds_the_first_value_then_starts(schedule, n, at):
    shifted = schedule.shift(n)
    assert shifted.steps == schedule.steps + n
    assert [shifted(step) for step in at] == [schedule(max(step - n, 0)) for step in at]


@given(trees, lengths, st.lists(st.integers(0, 3 * RUN), min_size=1))
def test_every_takes_a_step_of_the_schedule_in_n(schedule, n, at):
    slow = schedule.every(n)
    assert slow.steps == schedule.steps * n
    assert [slow(step) for step in at] == [schedule(step // n) for step in at]
    assert [slow(step + 0.999) for step in at] == [schedule(step // n) for step in at]


@given(trees, phases, many_steps)
def test_head_stops_the_clock(schedule, n, at):
    head = schedule.head(n)
    assert head.steps == n
    assert [head(step) for step in at] == [schedule(min(step, n)) for step in at]


@given(trees, phases, many_steps)
def test_tail_is_what_is_left(schedule, n, at):
    n = min(n, schedule.steps)
    tail = schedule.tail(n)
    assert tail.steps == schedule.steps - n
    assert [tail(step) for step in at] == [schedule(step + n) for step in at]


@given(trees, phases)
def test_head_then_tail_is_the_schedule(schedule, n):
    n = min(n, schedule.steps)
    assert on_whole_steps(schedule.head(n) >> schedule.tail(n)) == on_whole_steps(schedule)


@given(trees, phases, lengths, values, st.sampled_from(["linear", "cosine", "1-sqrt"]), st.integers(0, 3 * RUN))
def test_cooldown_goes_down_from_where_the_schedule_is(schedule, at, n, end, way, step):
    cooled = schedule.cooldown(at, n, end, way)
    assert cooled.steps == at + n
    z = min(max((step - at) / n, 0.0), 1.0)
    left = {"linear": 1 - z, "cosine": (1 + math.cos(math.pi * z)) / 2, "1-sqrt": 1 - math.sqrt(z)}[way]
    expected = schedule(step) if step < at else schedule(at) * left + end * (1 - left)
    assert_close(cooled(step), expected, schedule)
    assert cooled(at + n) == end


@given(
    st.one_of(*(SHAPES[c].drawn for c in (Linear, Cosine, ss.Rex, ss.Knots, ss.Triangle, ss.Polynomial))),
    lengths,
    steps,
)
def test_stretch_keeps_the_shape(schedule, n, step):
    step = min(step, n)
    assert_close(schedule.stretch(n)(step), schedule(min(step * schedule.steps / n, schedule.steps)), schedule)


@given(trees, lengths)
def test_stretch_takes_n_steps_and_keeps_both_ends(schedule, n):
    schedule = ended(schedule)
    stretched = schedule.stretch(n)
    assert stretched.steps == n
    assert stretched(0) == schedule(0)
    assert stretched(n) == stretched(10 * n) == schedule(schedule.steps)


@given(trees)
def test_stretch_to_its_own_length_is_the_schedule(schedule):
    schedule = lasting(schedule)
    assert on_whole_steps(schedule.stretch(schedule.steps)) == on_whole_steps(schedule)


@given(st.lists(values, min_size=1, max_size=9), st.integers(1, 9), st.integers(1, 10**12))
def test_a_stretched_table_jumps_where_it_should(table, times, unit):
    """At clocks of 10^12 tokens too, and for one step as for many."""
    each = Table(table).every(unit)
    stretched = each.stretch(each.steps * times)
    at = [k * unit * times for k in range(len(table))]
    assert [stretched(step) for step in at] == stretched(at).tolist() == table_values(table, len(table))


def table_values(table: list[float], n: int) -> list[float]:
    return [table[min(i, len(table) - 1)] for i in range(n)]


def repeated(schedule: Schedule, times: int, scale: float, stretch: float, step: float) -> float:
    """Design.md's sentence: cycle i has its values times scale^i and floor(steps stretch^i + 1/2) steps."""
    begin = 0
    for cycle in range(times):
        length = math.floor(schedule.steps * stretch**cycle + 0.5)
        if step < begin + length or cycle == times - 1:
            break
        begin += length
    local = min((step - begin) * schedule.steps / length, schedule.steps)
    return schedule(local) * scale**cycle


@given(
    st.one_of(SHAPES[Linear].drawn, SHAPES[Cosine].drawn, SHAPES[ss.Triangle].drawn, SHAPES[ss.OneMinusSqrt].drawn),
    st.integers(1, 5),
    st.floats(-1.2, 1.2),
    st.sampled_from([0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 3.0]),
    steps,
)
def test_repeat_restarts_scaled_and_stretched(schedule, times, scale, stretch, step):
    assume(schedule.steps * stretch ** (times - 1) >= 0.5)
    again = schedule.repeat(times, scale, stretch)
    assert again.steps == sum(math.floor(schedule.steps * stretch**i + 0.5) for i in range(times))
    assert_close(again(step), repeated(schedule, times, scale, stretch, step), schedule)
    assert again(again.steps) == again(2**60) == schedule(schedule.steps) * scale ** (times - 1)


@given(trees, st.integers(1, 5))
def test_repeat_of_equal_cycles_is_a_chain_of_them(schedule, times):
    schedule = lasting(schedule)
    chain = schedule
    for _ in range(times - 1):
        chain = chain >> schedule
    assert on_whole_steps(schedule.repeat(times)) == on_whole_steps(chain)
    assert schedule.repeat(times).steps == chain.steps


@given(st.lists(values, min_size=1, max_size=9), st.one_of(st.integers(0, 2**53), st.floats(2.0**53, 1e300)))
def test_an_endless_repeat_does_not_tire(table, step):
    endless = Table(table).repeat(INF)
    assert endless.steps == INF
    assert endless(step) == endless([step])[0] == table[int(step) % len(table)]


def test_endless_growing_cycles_go_on_to_the_last_step_there_is():
    endless = Table((1.0, 0.5)).repeat(INF, 1.0, 2.0)
    assert endless([0, 1, 2, 3, 4, 6, 8, 10, 14]).tolist() == [1.0, 0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5, 1.0]
    assert endless(2**53) in (1.0, 0.5)
    assert endless(1e300) in (1.0, 0.5)


# Recipes, where their sentence says more than the shapes they are made of.


@given(trees, phases, values)
@example(Linear(0.5, 1, 4), 1, 0.0)
@example(Linear(0.5, 1, 4), 0, 0.0)
def test_warmup_is_a_line_to_the_first_value(schedule, n, init_lr):
    warmed = ss.warmup(schedule, n, init_lr)
    assert warmed.steps == schedule.steps + n
    assert warmed == (Linear(init_lr, schedule(0), n) >> schedule if n else schedule)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.floats(0.5, 1.0), st.floats(0, 3), st.floats(0, 3))
def test_cyclic_scales_the_height_over_the_lower_rate(up, down, times, gamma, low, height):
    cycle, high = up + down, low + height
    for mode in ("triangular", "triangular2", "exp_range"):
        made = ss.cyclic(low, high, up, down, times, mode, gamma)
        assert made.steps == times * cycle
        for step in range(times * cycle + 3):
            i = min(step // cycle, times - 1)
            local = min(step - i * cycle, cycle)
            z = min(local / up, (cycle - local) / down)
            scale = {"triangular": 1.0, "triangular2": 0.5**i, "exp_range": gamma**step}[mode]
            assert_close(made(step), low + (high - low) * z * scale, made)


@given(st.floats(0, 3), st.floats(0, 3), lengths, st.integers(1, 5), st.floats(0.1, 1.0))
def test_sgdr_scales_the_height_over_the_final_rate(final, height, n, times, scale):
    peak = final + height
    made = ss.sgdr(peak, n, times, final, scale)
    assert made.steps == n * times
    for step in range(n * times):
        wave = (1 + math.cos(math.pi * (step % n) / n)) / 2
        assert_close(made(step), final + (peak - final) * scale ** (step // n) * wave, made)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 200))
def test_noam_is_its_formula(d_model, warmup_steps, step):
    expected = d_model**-0.5 * min((step + 1) ** -0.5, (step + 1) * warmup_steps**-1.5)
    assert_close(ss.noam(d_model, warmup_steps)(step), expected)


@given(st.floats(0.01, 2), lengths, st.floats(0, 1), st.sampled_from(["linear", "cosine", "1-sqrt"]))
def test_one_cycle_lasts_the_run_and_passes_the_peak(peak, total, fraction, way):
    made = ss.one_cycle(peak, total, fraction, shape=way)
    assert made.steps == total
    assert max(made(step) for step in range(total + 1)) == peak
    if 0 < math.floor(fraction * total + 0.5) < total:
        assert made(0) == peak / 25
        assert made(total) == peak / 25 / 1e4


# A schedule is a value.


@given(trees)
def test_nothing_about_a_schedule_can_be_set(schedule):
    for name in ("steps", "_depth", "new", *(f.name for f in dataclasses.fields(schedule))):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(schedule, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del schedule.steps


@given(trees, many_steps)
def test_calling_showing_and_writing_change_nothing(schedule, at):
    """The drift of schedules that multiply a field of their own at every call, and the failure at a late first step."""
    late_first = schedule(3 * RUN)
    before = [schedule(step) for step in at]
    text = str(schedule)
    schedule.sample(RUN)
    schedule._repr_svg_()
    to_dict(schedule)
    assert [schedule(step) for step in reversed(at)] == before[::-1]
    assert schedule(3 * RUN) == late_first
    assert str(schedule) == text
    assert schedule == read(text)


@given(HUGE, HUGE, st.integers(1, 2**53))
def test_a_notebook_shows_a_schedule_however_large_or_small(start, end, length):
    picture = Linear(start, end, length)._repr_svg_()
    assert picture.startswith("<svg")
    assert "nan" not in picture
    assert "inf" not in picture


def test_the_largest_numbers_are_drawn_as_any_others():
    def ends(height: float) -> tuple[str, str]:
        points = Linear(height, -height, 10)._repr_svg_().split('points="')[1].split('"')[0].split()
        return points[0], points[-1]

    assert ends(1.5e308) == ends(1.5)


def test_a_notebook_shows_the_text_of_what_has_no_value():
    assert ss.Function("no.such.module:f")._repr_svg_() is None
    assert (Linear(0, 1, 5) * ss.Exponential(1.0, 1e9))._repr_svg_() is None


def assert_replaceable(schedule: Schedule) -> None:
    for field in dataclasses.fields(schedule):
        for name in {field.name, field.name.rstrip("_")}:
            assert dataclasses.replace(schedule, **{name: getattr(schedule, field.name)}) == schedule


@every_shape
@given(data=st.data())
def test_a_shape_can_be_replaced_field_by_field(cls, data):
    assert_replaceable(data.draw(SHAPES[cls].drawn))
    for name, value in SHAPES[cls].arguments.items():
        made = cls(**SHAPES[cls].arguments)
        assert dataclasses.replace(made, **{name: value}) == made


@given(trees)
def test_a_tree_can_be_replaced_field_by_field(schedule):
    assert_replaceable(schedule)


def test_a_field_that_is_replaced_is_checked_and_the_others_stay():
    assert dataclasses.replace(Staircase(0.1, 0.5, 4), factor=0.2) == Staircase(0.1, 0.2, 4)
    assert dataclasses.replace(Staircase(0.1, 0.5, 4), every=9) == Staircase(0.1, 0.5, 9)
    assert dataclasses.replace(Staircase(0.1, 0.5, 4), every_=9) == Staircase(0.1, 0.5, 9)
    cycles = Linear(0, 1, 10).repeat(3, 0.5, 2.0)
    assert dataclasses.replace(cycles, stretch=1.5) == Linear(0, 1, 10).repeat(3, 0.5, 1.5)
    assert dataclasses.replace(cycles, times=2) == Linear(0, 1, 10).repeat(2, 0.5, 2.0)
    with pytest.raises(ss.StepsizeError, match=r"Staircase\(every=...\) must be a whole number"):
        dataclasses.replace(Staircase(0.1, 0.5, 4), every=0)


def test_a_schedule_keeps_no_hold_of_what_it_was_made_from():
    given_values = [0.1, 0.2]
    table = Table(given_values)
    given_values[0] = 5.0
    assert table(0) == 0.1
    sampled = table.sample()
    sampled[:] = 7.0
    assert table.sample().tolist() == [0.1, 0.2]


# Horizons.


def updates(horizon: Horizon) -> int:
    """One epoch, played through: the samples dealt to processes, cut in micro-batches, gathered in groups."""
    processes = range(horizon.processes)
    samples = list(range(horizon.samples))
    if horizon.drop_last:
        del samples[len(samples) - len(samples) % horizon.processes :]
    else:
        samples += samples[: -len(samples) % horizon.processes]
    counts = set()
    for process in processes:
        share, micro_batches = samples[process :: horizon.processes], []
        while share:
            micro_batches.append(share[: horizon.batch])
            share = share[horizon.batch :]
        if horizon.drop_last:
            micro_batches = [batch for batch in micro_batches if len(batch) == horizon.batch]
        made, waiting = 0, 0
        for number, _ in enumerate(micro_batches, start=1):
            waiting += 1
            if waiting == horizon.accumulation or number == len(micro_batches):
                made, waiting = made + 1, 0
        counts.add(made)
    (count,) = counts
    return count


def half_up(number: Fraction) -> int:
    below = number.numerator // number.denominator
    return below + (number - below >= Fraction(1, 2))


@given(horizons)
def test_a_horizon_counts_the_updates_that_training_makes(horizon):
    assert horizon.epoch_steps == updates(horizon)
    assert horizon.steps == half_up(Fraction(str(horizon.epochs)) * updates(horizon))


@given(horizons, st.decimals(0, 50, places=3))
@example(Horizon(5, 1, 1), 0.5)
@example(Horizon(5, 1, 1), 0.3)
def test_units_are_rounded_half_up(horizon, amount):
    exact = Fraction(str(amount))
    assert horizon.of(f"{amount}ep") == half_up(exact * horizon.epoch_steps)
    assert horizon.of(f"{amount}%") == half_up(exact * horizon.steps / 100)
    assert horizon.of(f" {amount} ") == half_up(exact)


def test_seven_tenths_of_an_epoch_is_the_same_in_a_number_and_in_a_text():
    assert Horizon(5, 1, 0.7).steps == Horizon(5, 1, 1).of("0.7ep") == 4


@given(horizons, st.sampled_from(["1ep", "10%", "7", " 50 % "]))
def test_a_length_with_a_unit_is_read_against_the_horizon(horizon, length):
    n = horizon.of(length)
    assume(n > 0)
    assert parse(f'Linear(0, 1, "{length}")', horizon) == Linear(0, 1, n)
    assert parse(f"Constant(1).head('{length}')", horizon) == ss.Constant(1).head(n)
    assert parse(f'Constant(1).cooldown("{length}", "{length}", 0)', horizon) == ss.Constant(1).cooldown(n, n, 0)
    assert parse(f'Exponential(0.1, 0.5, per="{length}")', horizon) == ss.Exponential(0.1, 0.5, n)
    assert parse(f'MultiStep(0.1, 0.5, ("{length}", "{length}"))', horizon) == ss.MultiStep(0.1, 0.5, (n, n))
    assert parse(f'Knots((("0", 0.1), ("{length}", 0.2)))', horizon) == Knots(((0, 0.1), (n, 0.2)))
    assert parse(f'wsd(0.3, "{length}", 0, 1)', horizon) == ss.wsd(0.3, n, 0, 1)


RUN_OF_100 = Horizon(samples=1000, batch=10, epochs=1)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('Linear(0, 1, "10%") >> Cosine(1, 0, "rest")', "Linear(0, 1, 10) >> Cosine(1, 0, 90)"),
        ('Linear(0, 1, "rest") >> Cosine(1, 0, 25)', "Linear(0, 1, 75) >> Cosine(1, 0, 25)"),
        ('Cosine(1, 0, "rest")', "Cosine(1, 0, 100)"),
        ('Linear(0, 1, 4) >> Cosine(1, 0, "rest").every(8)', "Linear(0, 1, 4) >> Cosine(1, 0, 12).every(8)"),
        ('wsd(0.3, 10, "rest", 20)', "wsd(0.3, 10, 70, 20)"),
        ('Constant(0.3).cooldown("rest", "20%")', "Constant(0.3).cooldown(80, 20)"),
        ('warmup_cosine(0.3, 10, "rest")', "warmup_cosine(0.3, 10, 100)"),
        ('Linear(0, 1, 30).repeat(2) >> Constant(1, " rest ")', "Linear(0, 1, 30).repeat(2) >> Constant(1, 40)"),
        ('sgdr(0.1, "rest", 4)', "sgdr(0.1, 25, 4)"),
        ('sgdr(0.1, "rest", 2, stretch=1.5)', "sgdr(0.1, 40, 2, stretch=1.5)"),
        ('Linear(0, 1, 4) >> sgdr(0.1, "rest", 3, stretch=1.4)', "Linear(0, 1, 4) >> sgdr(0.1, 22, 3, stretch=1.4)"),
        ('sgdr(0.1, "rest", 4, stretch=0.5)', "sgdr(0.1, 53, 4, stretch=0.5)"),
        ('Linear(0, 1, "rest").tail(30)', "Linear(0, 1, 130).tail(30)"),
        ('Linear(0, 1, 20) + Cosine(1, 0, "rest")', "Linear(0, 1, 20) + Cosine(1, 0, 100)"),
    ],
)
def test_rest_is_what_makes_the_whole_as_long_as_the_run(text, meaning):
    assert parse(text, RUN_OF_100) == parse(meaning)
    assert parse(text, RUN_OF_100).steps == 100


@given(st.integers(0, 40), st.integers(1, 6), st.floats(0.5, 2.0), st.integers(1, 300), st.integers(1, 4))
def test_rest_is_found_wherever_there_is_one(before, times, stretch, cycle, n):
    """Also where cycles are rounded to whole steps, so that the length is no straight line in the rest."""
    assume(cycle * stretch ** (times - 1) >= 0.5)
    text = f'Constant(1).head({before}) >> Cosine(1, 0, "rest").repeat({times}, 1, {stretch!r}).every({n})'
    made = parse(text.replace('"rest"', str(cycle)))
    horizon = Horizon(samples=made.steps, batch=1, epochs=1)
    assert parse(text, horizon).steps == made.steps
