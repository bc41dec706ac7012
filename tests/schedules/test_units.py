"""Lengths in epochs, in percent and as the rest, in a text that is read against a horizon."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from refusals import HORIZON, refused

import stepsize as ss
from stepsize import Horizon, Knots, Linear, parse
from stepsize.errors import ArgumentError, ParseError
from strategies import horizons


@given(horizons, st.sampled_from(["1ep", "10%", "7", " 50 % ", "0.02ksp", " 700 tok "]))
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


@pytest.mark.parametrize("clock", ["steps", "samples", "tokens"])
def test_a_length_is_read_on_the_clock_of_the_schedule(clock):
    horizon = Horizon(samples=60_000, batch=256, epochs=10, tokens_per_sample=128)
    read = parse('Linear(0, 1, "1.5Mtok") >> Cosine(1, 0, "rest")', horizon, clock=clock)
    warmup = horizon.of("1.5Mtok", clock)
    assert read == Linear(0, 1, warmup) >> ss.Cosine(1, 0, horizon.of("100%", clock) - warmup)


def test_a_time_is_a_length_on_a_clock_of_seconds():
    text = 'Linear(0, 1, "45s") >> Constant(1, "2.5min") >> Linear(1, 0, "2h") >> Constant(0, "100")'
    assert parse(text, clock="seconds") == parse(
        "Linear(0, 1, 45) >> Constant(1, 150) >> Linear(1, 0, 7200) >> Constant(0, 100)"
    )


GROWING = Horizon(samples=1000, batch=ss.Piecewise((10, 20), (500,)), epochs=2, tokens_per_sample=4)


def test_left_of_reclock_and_in_its_batch_lengths_are_in_samples():
    """And "rest" is the rest of the samples, before and after the whole schedule is put into steps."""
    text = '(Linear(0, 1, "200sp") >> Cosine(1, 0, "rest")).reclock(Constant(10, "0.5ep") >> Constant(20))'
    expected = (Linear(0, 1, 200) >> ss.Cosine(1, 0, 1800)).reclock(ss.Constant(10, 500) >> ss.Constant(20))
    assert parse(text, GROWING) == expected
    assert parse(text, GROWING).steps == GROWING.steps == 125
    text = 'Linear(0, 1, 5) >> Linear(1, 0, "800tok").reclock(Piecewise((10, 20), ("10%",))) >> Constant(1, "rest")'
    parts = (Linear(0, 1, 5), Linear(1, 0, 200).reclock(ss.Piecewise((10, 20), (200,))), ss.Constant(1, 100))
    assert parse(text, GROWING).parts == parts


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
    'Linear(0, 1, "2Btok")': (
        "a length must be in steps, epochs, percent or samples if the horizon has no tokens_per_sample, got '2Btok'; "
        'write samples, as in "500ksp"'
    ),
    'Linear(0, 1, "2btok")': "a length must be a number with a unit such as",
    'Linear(0, 1, "2Gsp")': "a length must be a number with a unit such as",
    'Linear(0, 1, "2kep")': "a length must be a number with a unit such as",
    'Linear(0, 1, "4sp")': '"4sp" is 0 steps; write a longer length, or a number of steps',
    'Linear(0, 1, "30min")': "got '30min'; a time needs a scheduler with clock=\"seconds\"",
    'Linear(0, 1, "0.1sp").reclock(2)': '"0.1sp" is 0 samples; write a longer length, or a number of samples',
    'Linear(0, 1, 9).reclock("rest")': "Reclock(batch=...) must be a whole number of at least 1, got 'rest'",
    "Linear(0, 1, 9).reclock(Piecewise((1, 0.5), (5,)))": "it is 0.5 at sample 5",
    '(Linear(0, 1, "rest") >> Linear(1, 0, "rest")).reclock(3)': '"rest" may be used only once',
    'Linear(0, 1, "3 days")': 'a length must be a number with a unit such as "3ep" (epochs), "10%"',
    'Linear(0, 1, "0ep")': '"0ep" of an epoch of 100 steps is 0 steps; write a longer length, or a number of steps',
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
    'Linear(0, 1, 300) + Linear(1, 0, "rest")': (
        '"rest" does not determine the length of Linear(0.0, 1.0, 300) + Linear(1.0, 0.0, 200); write a length such as '
        '"50%"'
    ),
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


@pytest.mark.parametrize("length", ["1ep", "100sp", "400tok"])
def test_under_a_batch_size_that_changes_only_steps_and_percent_are_lengths_in_steps(length):
    message = refused(
        ParseError,
        "a length must be in steps or percent if the batch size is a schedule, got ",
        lambda: parse(f'Linear(0, 1, "{length}")', GROWING),
    )
    assert "give lengths in samples to a schedule with .reclock(batch), which turns them into steps" in message
    assert parse('Linear(0, 1, "10%") >> Constant(1, "rest")', GROWING).steps == GROWING.steps
    assert parse(f'Linear(0, 1, "{length}")', GROWING, clock="samples").steps in (100, 1000)


@pytest.mark.parametrize("length", ["1ep", "10%", "5ksp", "rest", "2 days", "-1s"])
def test_on_a_clock_of_seconds_a_length_is_a_time(length):
    expected = 'a length must be a time such as "45s", "30min", "2h" or "2000" (seconds), got '
    message = refused(ParseError, expected, lambda: parse(f'Linear(0, 1, "{length}")', clock="seconds"))
    why = '; a clock of seconds has no horizon, so no epochs, percent or "rest"'
    assert (why in message) == (length in ("1ep", "10%", "5ksp", "rest"))
    refused(ParseError, '"0.4s" is 0 seconds', lambda: parse('Linear(0, 1, "0.4s")', clock="seconds"))


@pytest.mark.parametrize("horizon", [None, HORIZON])
def test_a_time_on_another_clock_is_refused_with_or_without_a_horizon(horizon):
    for time in ("3min", "45s", "2h"):
        advice = f"got '{time}'; a time needs a scheduler with clock=\"seconds\""
        refused(ParseError, advice, lambda: parse(f'Linear(0, 1, "{time}")', horizon))  # noqa: B023


def test_the_clock_of_a_text_is_one_of_four():
    refused(ArgumentError, 'parse(clock=...) must be "steps"', lambda: parse("x", clock="days"))


def test_a_phase_that_may_be_left_out_may_round_to_no_steps():
    assert parse('warmup(Constant(1), "0.2%")', HORIZON) == parse("warmup(Constant(1), 0)")
