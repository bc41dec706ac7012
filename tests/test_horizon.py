"""A horizon counts the updates that training makes, and turns lengths with a unit into steps."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import HORIZON, refused

from stepsize import Constant, Horizon, Piecewise
from stepsize.errors import ArgumentError
from strategies import batches, horizons

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


@given(horizons, st.decimals(0, 50, places=3), st.sampled_from(["", "k", "M", "B", "T"]))
@example(Horizon(100, 10, 1, tokens_per_sample=8), Decimal("0.3"), "k")
def test_samples_are_parts_of_an_epoch_and_tokens_parts_of_a_sample(horizon, amount, many):
    exact = Fraction(str(amount)) * {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}[many]
    each = horizon.tokens_per_sample
    epochs = exact / horizon.epoch_samples
    assert horizon.of(f"{amount}{many}sp") == half_up(epochs * horizon.epoch_steps)
    assert horizon.of(f"{amount} {many}tok") == half_up(epochs * horizon.epoch_steps / each)
    assert horizon.of(f"{amount}{many}sp", "samples") == half_up(exact)
    assert horizon.of(f"{amount}{many}tok", "samples") == half_up(exact / each)
    assert horizon.of(f"{amount}{many}sp", "tokens") == half_up(exact * each)
    assert horizon.of(f"{amount}{many}tok", "tokens") == half_up(exact)


@given(horizons)
def test_the_updates_of_an_epoch_use_its_samples(horizon):
    """One after another, as a scheduler with auto=True counts them."""
    for clock, each in ("samples", 1), ("tokens", horizon.tokens_per_sample):
        position, epoch = 0, each * horizon.epoch_samples
        for _ in range(2 * horizon.epoch_steps):
            position = horizon.after_update(position, clock)
        assert position == 2 * epoch
        assert horizon.of("2ep", clock) == 2 * epoch
        assert horizon.of("100%", clock) == half_up(Fraction(str(horizon.epochs)) * epoch)
    assert horizon.after_update(7) == 8


@given(batches, st.integers(1000, 1200), st.integers(1, 12), st.booleans())
def test_a_horizon_counts_the_updates_of_a_batch_size_that_is_a_schedule(batch, samples, quarters, drop_last):
    """The stream of samples is cut where the schedule says, across the ends of epochs."""
    total = half_up(Fraction(samples * quarters, 4))
    horizon = Horizon(samples, batch, quarters / 4, drop_last=drop_last)
    used = [0]
    while used[-1] < total:
        used.append(used[-1] + int(batch(used[-1])))
    incomplete = used[-1] > total
    assert horizon.steps == len(used) - 1 - (incomplete and drop_last)
    positions = [0]
    for _ in used[1:]:
        positions.append(horizon.after_update(positions[-1], "samples"))
    assert positions == [*used[:-1], total]
    assert horizon.after_update(total, "samples") == total + batch(total)


def test_megatrons_ramp_is_counted_exactly():
    ramp = Piecewise((768, 1536), (250_000_000,))
    first = math.ceil(250_000_000 / 768)
    horizon = Horizon(samples=600_000_000, batch=ramp, epochs=1, tokens_per_sample=2048)
    assert horizon.steps == first + math.ceil((600_000_000 - first * 768) / 1536)
    assert Horizon(100_000_000, ramp, 6).steps == horizon.steps
    assert Horizon(100_000_000, ramp, 6).epoch_steps == math.ceil(100_000_000 / 768)
    assert horizon.of("100%", "tokens") == 600_000_000 * 2048


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
        "Horizon(batch=...) must be at most one process's share of the samples when drop_last=True, got 11; "
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
    "a batch that becomes zero": (
        lambda: Horizon(10, Piecewise((2, 0), (4,)), 1),
        "Horizon(batch=...) must be a whole number of at least 1 at every sample, got Piecewise((2.0, 0.0), (4,)); it "
        "is 0.0 at sample 4",
    ),
    "a batch with a fraction": (lambda: Horizon(10, Piecewise((2, 2.5), (4,)), 1), "it is 2.5 at sample 4"),
    "a batch schedule over two processes": (
        lambda: Horizon(10, Constant(2), 1, processes=2),
        "Horizon(processes=...) must be 1 if batch is a schedule, got 2; the schedule gives the samples of a whole",
    ),
    "a batch schedule larger than the run": (
        lambda: Horizon(10, Constant(11), 1, drop_last=True),
        "Horizon(epochs=...) must be long enough for one update",
    ),
    "half a token": (lambda: Horizon(10, 2, 1, tokens_per_sample=0.5), "tokens_per_sample=...) must be a whole number"),
    "tokens of unknown samples": (
        lambda: HORIZON.of("2Btok"),
        'write samples, as in "500ksp", or give tokens_per_sample to the',
    ),
    "a time": (lambda: HORIZON.of("30min"), "got '30min'; a time needs a scheduler with clock=\"seconds\""),
    "an unknown unit": (
        lambda: HORIZON.of("3 days"),
        'a length must be a number with a unit such as "3ep" (epochs), "10%" (of the run), "500ksp" (samples), "2Btok" '
        "(tokens) or \"2000\" (steps), got '3 days'",
    ),
    "a negative length": (lambda: HORIZON.of("-3ep"), "a length must be a number with a unit"),
    "an exponent": (lambda: HORIZON.of("1e3"), "a length must be a number with a unit"),
    "a length in other digits": (lambda: HORIZON.of("٣ep"), "a length must be a number with a unit"),
    "a number where a unit is": (lambda: HORIZON.of(5), '"2000" (steps), got 5'),
    "the text of a schedule for a batch": (
        lambda: Horizon(10, "Constant(2)", 1),
        "Horizon(batch=...) must be a whole number of at least 1, got 'Constant(2)'; for a schedule, write parse(",
    ),
    "the class of a schedule for a batch": (
        lambda: Horizon(10, Constant, 1),
        "Horizon(batch=...) must be a whole number",
    ),
    "a position below 0": (lambda: HORIZON.after_update(-1), "after_update(position=...) must be a whole number"),
    "a position in unknown tokens": (
        lambda: HORIZON.after_update(0, "tokens"),
        "Horizon(tokens_per_sample=...) must be given for a clock of tokens",
    ),
    "a length of 5,000 digits": (lambda: HORIZON.of("9" * 5000), "a length must be a number with a unit"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_invalid_argument_is_refused(case):
    make, fragment = ARGUMENTS[case]
    message = refused(ArgumentError, fragment, make)
    assert "\n" not in message
    assert len(message) < 300
