"""Lengths in epochs, in percent and as the rest, in a text that is read against a horizon."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from refusals import HORIZON, refused

import stepsize as ss
from stepsize import Horizon, Knots, Linear, parse
from stepsize.errors import ParseError
from strategies import horizons


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
def test_rest_makes_the_schedule_as_long_as_the_run(text, meaning):
    assert parse(text, RUN_OF_100) == parse(meaning)
    assert parse(text, RUN_OF_100).steps == 100


@given(st.integers(0, 40), st.integers(1, 6), st.floats(0.5, 2.0), st.integers(1, 300), st.integers(1, 4))
def test_rest_is_found_if_it_exists(before, times, stretch, cycle, n):
    """Also if cycles are rounded to whole steps, so that the length is not linear in the rest."""
    assume(cycle * stretch ** (times - 1) >= 0.5)
    text = f'Constant(1).head({before}) >> Cosine(1, 0, "rest").repeat({times}, 1, {stretch!r}).every({n})'
    made = parse(text.replace('"rest"', str(cycle)))
    horizon = Horizon(samples=made.steps, batch=1, epochs=1)
    assert parse(text, horizon).steps == made.steps


UNITS = {
    'Linear(0, 1, "3 days")': 'a length must be a number with a unit such as "3ep" (epochs), "10%"',
    'Linear(0, 1, "0ep")': " steps is 0 steps; write a longer length, or a number of steps",
    'Linear(0, 1, "0.2%")': '"0.2%" of 200 steps is 0 steps; write a longer length, or a number of steps',
    'Exponential(1, 0.5, "0.2%")': '"0.2%" of 200 steps is 0 steps',
    'Piecewise((1, 2), ("0.2%",))': '"0.2%" of 200 steps is 0 steps',
    'Linear(0, 1, "' + "9" * 5000 + '")': "a length must be a number with a unit",
    'Linear(0, 1, "' + "9" * 30 + '")': "at most 2**53",
    'Constant("10%")': "Constant(value=...) must be a finite number, got '10%'",
    'Knots((("0", "10%"), ("100%", 0.1)))': "Knots(points[0]=...) must be a finite number, got '10%'",
    'noam("10%", 400)': "noam(d_model=...) must be a whole number of at least 1, got '10%'; write a number",
    'Linear(0, 1, 4).repeat("10%")': "Repeat(times=...) must be a whole number of at least 1, or inf, got '10%'",
    'cyclic(0, 1, 5, 5, times="1ep")': "cyclic(times=...) must be a whole number of at least 1, or inf, got '1ep'",
    'sgdr(0.1, 50, "rest")': "sgdr(times=...) must be a whole number of at least 1, or inf, got 'rest'",
    'Linear(0, 1, "rest") >> Linear(1, 0, "rest")': '"rest" may be used only once',
    'Linear(0, 1, 200) >> Linear(1, 0, "rest")': 'nothing is left for "rest"',
    'Linear(0, 1, 500) >> Linear(1, 0, "rest")': "the other phases take 500 of the 200 steps",
    'Linear(0, 1, 300) >> sgdr(1, "rest", 2, stretch=1.5)': "the other phases take 300 of the 200 steps",
    'sgdr(0.1, "rest", 9, stretch=2)': 'no whole number of steps for "rest" makes the schedule 200 steps long',
    'Linear(0, 1, 300) + Linear(1, 0, "rest")': '"rest" does not determine the length',
    'Linear(0, 1, 100).tail("rest").shift(150)': "Tail(n=...) must be at most the schedule's 100 steps",
    'Linear(0, 1, 300).tail("rest")': '"rest" does not determine the length',
    'Exponential(0.1, 0.5, "rest")': '"rest" does not determine the length',
    'Linear(0, 1, "rest") >> Constant(1)': '"rest" does not determine the length',
    'Linear(0, 1, "rest").stretch(100)': '"rest" does not determine the length',
    'Linear(0, 1, 4) >> Linear(1, 0, "rest").every(9)': 'no whole number of steps for "rest" makes the schedule 200',
}


@pytest.mark.parametrize("text", UNITS, ids=lambda text: text[:50])
def test_a_length_that_does_not_fit_its_horizon_is_refused_with_the_place(text):
    refused(ParseError, UNITS[text], lambda: parse(text, HORIZON))


def test_a_phase_that_may_be_left_out_may_round_to_no_steps():
    assert parse('warmup(Constant(1), "0.2%")', HORIZON) == parse("warmup(Constant(1), 0)")
