"""A schedule is a value: it compares by value, is frozen, and shares no data with its caller."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_trips import read

import stepsize as ss
from stepsize import Cosine, Knots, Linear, Schedule, Staircase, Table, to_dict
from strategies import RUN, SHAPES, every_shape, many_steps, trees


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


@given(trees)
def test_nothing_about_a_schedule_can_be_set(schedule):
    for name in ("steps", "_depth", "new", *(f.name for f in dataclasses.fields(schedule))):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(schedule, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'steps'"):
        del schedule.steps


@given(trees, many_steps)
def test_calling_drawing_and_writing_do_not_change_a_schedule(schedule, at):
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


def test_a_schedule_shares_no_data_with_its_arguments_or_samples():
    given_values = [0.1, 0.2]
    table = Table(given_values)
    given_values[0] = 5.0
    assert table(0) == 0.1
    sampled = table.sample()
    sampled[:] = 7.0
    assert table.sample().tolist() == [0.1, 0.2]
