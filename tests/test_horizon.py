"""A horizon counts the updates that training makes, and turns lengths with a unit into steps."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import HORIZON, refused

from stepsize import Horizon
from stepsize.errors import ArgumentError
from strategies import horizons

INF = math.inf


def updates(horizon: Horizon) -> int:
    """The updates of one epoch, counted: samples dealt to processes, cut into micro-batches, gathered in groups."""
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


ARGUMENTS = {
    "no samples": (lambda: Horizon(0, 1, 1), "Horizon(samples=...) must be a whole number of at least 1, got 0"),
    "half a batch": (
        lambda: Horizon(10, 1.5, 1),
        "Horizon(batch=...) must be a whole number of at least 1, got 1.5; write 1 or 2",
    ),
    "no epochs": (lambda: Horizon(10, 1, 0), "Horizon(epochs=...) must be a finite number > 0, got 0"),
    "endless epochs": (lambda: Horizon(10, 1, INF), "Horizon(epochs=...) must be a finite number > 0, got inf"),
    "a dropped only batch": (
        lambda: Horizon(10, 11, 1, drop_last=True),
        "10 samples over 1 processes do not fill one batch",
    ),
    "less than an update": (
        lambda: Horizon(10, 10, 0.4),
        "Horizon(epochs=...) must be long enough for one update, got 0.4",
    ),
    "drop_last as a word": (
        lambda: Horizon(10, 1, 1, drop_last="yes"),
        "drop_last=...) must be a boolean, got 'yes'",
    ),
    "an unknown unit": (
        lambda: HORIZON.of("3 days"),
        'a length must be a number with a unit such as "3ep" (epochs), "10%"',
    ),
    "a negative length": (lambda: HORIZON.of("-3ep"), "a length must be a number with a unit"),
    "an exponent": (lambda: HORIZON.of("1e3"), "a length must be a number with a unit"),
    "a length in other digits": (lambda: HORIZON.of("٣ep"), "a length must be a number with a unit"),
    "a number where a unit is": (lambda: HORIZON.of(5), '"2000" (steps), got 5'),
    "a length of 5,000 digits": (lambda: HORIZON.of("9" * 5000), "a length must be a number with a unit"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_invalid_argument_is_refused(case):
    make, fragment = ARGUMENTS[case]
    message = refused(ArgumentError, fragment, make)
    assert "\n" not in message
    assert len(message) < 300
