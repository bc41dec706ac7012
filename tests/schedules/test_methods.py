"""The methods of a schedule, against their formulas."""

import math

from closeness import assert_close, on_whole_steps
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Constant, Cosine, Linear, Table
from strategies import RUN, SHAPES, ended, lasting, lengths, many_steps, phases, steps, trees, values


@given(trees, values, values, many_steps)
def test_clip_keeps_the_value_within_its_bounds_to_the_last_bit(schedule, a, b, at):
    low, high = sorted([a, b])
    clipped = schedule.clip(low, high)
    assert clipped.steps == schedule.steps
    for step, many in zip(at, clipped(at), strict=True):
        assert clipped(step) == min(max(schedule(step), low), high)
        assert low <= many <= high


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


def test_head_at_a_jump_holds_the_value_after_it():
    assert (Linear(0, 1, 10) >> Constant(5)).head(10)([9, 10, 11]).tolist() == [0.9, 5, 5]


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


@given(st.one_of(*(SHAPES[c].drawn for c in (Linear, Cosine, ss.Knots, ss.Triangle))), st.floats(0.2, 4.0), steps)
def test_warp_bends_the_clock(schedule, power, step):
    warped = schedule.warp(power)
    assert warped.steps == schedule.steps
    z = min(step / schedule.steps, 1.0)
    assert_close(warped(step), schedule(schedule.steps * z**power), schedule)


@given(trees, st.floats(0.01, 100.0))
def test_warp_keeps_the_length_and_both_ends(schedule, power):
    schedule = ended(schedule)
    warped = schedule.warp(power)
    assert warped.steps == schedule.steps
    assert warped(0) == schedule(0 if schedule.steps else 1)
    assert warped(warped.steps) == warped(10 * warped.steps) == schedule(schedule.steps)


@given(trees)
def test_warp_to_the_power_of_one_is_the_schedule(schedule):
    schedule = lasting(schedule)
    assert on_whole_steps(schedule.warp(1)) == on_whole_steps(schedule)


def test_a_warped_schedule_jumps_where_it_should():
    """(70 / 100)^2 100 is 49 and not a bit less, for one step as for many."""
    steps, floors = list(range(101)), [t * t // 100 for t in range(101)]
    warped = Table(range(101)).head(100).warp(2)
    assert [warped(step) for step in steps] == warped(steps).tolist() == floors
    for length in (10**6, 10**12 + 39):
        jump = length // 4
        rooted = ss.Piecewise((1, 2), (jump,)).head(length).warp(0.5)
        at = [jump * jump // length - 1, -(-jump * jump // length)]
        assert [rooted(step) for step in at] == rooted(at).tolist() == [1, 2]


def test_an_infinite_bound_length_or_number_may_be_written_out():
    line = Linear(0.0, 1.0, 5)
    for long, short in (
        (line.clip(0.1, math.inf), line.clip(0.1)),
        (Constant(0.3, math.inf), Constant(0.3)),
        (ss.cyclic(0.1, 0.3, 2, 2, math.inf), ss.cyclic(0.1, 0.3, 2, 2)),
        (ss.infinite(0.3, 0.1, 2, 3, math.inf), ss.infinite(0.3, 0.1, 2, 3)),
    ):
        assert long == short
    assert ss.parse("Linear(0, 1, 5).clip(0.1, inf)") == line.clip(0.1)
