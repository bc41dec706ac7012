"""Restarts: their lengths, their heights, and ones without end."""

import math

from closeness import assert_close, on_whole_steps
from hypothesis import assume, given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Cosine, Linear, Schedule, Table
from strategies import SHAPES, lasting, steps, trees, values

INF = math.inf


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
def test_an_endless_repeat_is_periodic_at_any_step(table, step):
    endless = Table(table).repeat(INF)
    assert endless.steps == INF
    assert endless(step) == endless([step])[0] == table[int(step) % len(table)]


def test_endless_growing_cycles_go_on_to_the_last_step_there_is():
    endless = Table((1.0, 0.5)).repeat(INF, 1.0, 2.0)
    assert endless([0, 1, 2, 3, 4, 6, 8, 10, 14]).tolist() == [1.0, 0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5, 1.0]
    assert endless(2**53) in (1.0, 0.5)
    assert endless(1e300) in (1.0, 0.5)


def test_ten_thousand_cycles_of_different_lengths_are_allowed():
    assert Linear(0, 1, 4).repeat(10_000, 1, 1.0001)(3) == 0.75
