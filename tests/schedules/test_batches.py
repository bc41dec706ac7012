"""Schedules of samples under a batch size that is a schedule, against an update at a time."""

import math
import time

import numpy as np
import pytest
from closeness import assert_close
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import refused

import stepsize as ss
from stepsize import Constant, Cosine, Linear, Piecewise
from stepsize.errors import ArgumentError, StepError
from strategies import batches, ended, shapes, trees

MEGATRON = Piecewise((768, 1536), (250_000_000,))


def samples_before(batch: ss.Schedule, updates: int) -> list[int]:
    """The samples used before each update, one after another."""
    used = [0]
    for _ in range(updates):
        used.append(used[-1] + int(batch(used[-1])))
    return used


@given(trees, batches, st.lists(st.integers(0, 60), min_size=1, max_size=12))
@example(Linear(0.0, 1.0, 9), ss.Table((1, 2, 1, 3)), list(range(9)))
def test_reclock_reads_the_schedule_at_the_samples_used(schedule, batch, at):
    schedule = ended(schedule)
    reclocked = schedule.reclock(batch)
    used = samples_before(batch, 60)
    expected = [schedule(used[step]) for step in at]
    assert [reclocked(step) for step in at] == expected
    for value, one in zip(reclocked(at), expected, strict=True):
        assert_close(value, one, schedule)


@given(shapes, batches)
def test_reclock_is_as_long_as_it_takes_to_use_the_samples(schedule, batch):
    schedule = ended(schedule)
    steps = schedule.reclock(batch).steps
    used = samples_before(batch, int(schedule.steps) + 1)
    assert steps == next(step for step, samples in enumerate(used) if samples >= schedule.steps)
    assert schedule.reclock(batch)(steps) == schedule(schedule.steps)


@given(batches, st.integers(0, 40), st.floats(0.0, 1.0, exclude_max=True))
def test_between_two_steps_samples_are_used_at_a_constant_pace(batch, step, part):
    used = samples_before(batch, step + 1)
    line = Linear(0.0, 1000.0, 1000)
    expected = used[step] + part * (used[step + 1] - used[step])
    assert line.reclock(batch)(step + part) == pytest.approx(min(expected, 1000.0), abs=1e-9)


@given(batches)
def test_a_batch_size_reclocked_by_itself_is_the_batch_of_each_step(batch):
    if batch.steps < math.inf:
        assert batch.reclock(batch).sample(30).tolist() == np.diff(samples_before(batch, 30)).tolist()


def test_the_linear_rule_is_a_product():
    sizes = Piecewise((256, 1024), (2560,))
    rate = Cosine(0.1, 0.0, 5120).reclock(sizes) * (sizes.reclock(sizes) / 256)
    assert rate([0, 10]).tolist() == [0.1, pytest.approx(0.4 * Cosine(1, 0, 5120)(2560))]


def test_a_number_is_a_constant_batch():
    assert Linear(1, 0, 1000).reclock(256) == Linear(1, 0, 1000).reclock(Constant(256))
    assert (
        Linear(1, 0, 1000).reclock(np.int64(256)).sample().tolist() == Linear(1, 0, 1000)([0, 256, 512, 768]).tolist()
    )


def test_billions_of_samples_and_trillions_of_tokens_take_no_loop():
    began = time.perf_counter()
    assert Cosine(1, 0, 375_000_000).reclock(MEGATRON).steps == 325_521 + math.ceil(
        (375_000_000 - 325_521 * 768) / 1536
    )
    in_tokens = 2048 * MEGATRON.every(2048)
    whole = Linear(1, 0, 375_000_000 * 2048).reclock(in_tokens)
    assert whole.steps == Cosine(1, 0, 375_000_000).reclock(MEGATRON).steps
    assert Linear(1, 0, 2**53).reclock(Constant(1, 2**52) >> Constant(2**51)).steps == 2**52 + 2
    assert whole(325_521) == Linear(1, 0, 375_000_000)(325_521 * 768)
    assert time.perf_counter() - began < 1.0


def test_a_schedule_of_unknown_form_is_followed_an_update_at_a_time():
    doubling = ss.Staircase(1, 2, 8).head(60)
    assert Linear(1, 0, 100).reclock(doubling).steps == next(
        step for step, samples in enumerate(samples_before(doubling, 99)) if samples >= 100
    )


REFUSED = {
    "zero": (
        Piecewise((100, 0), (250,)),
        "Reclock(batch=...) must be a whole number of at least 1 at every sample, got Piecewise((100.0, 0.0), (250,)); "
        "it is 0.0 at sample 250",
    ),
    "negative": (Constant(5, 10) >> Constant(-5), "it is -5.0 at sample 10"),
    "a part of a sample": (Piecewise((100, 150, 12.5), (250, 300)), "it is 12.5 at sample 300"),
    "a part of a sample between updates": (Piecewise((100, 0.5, 200), (10, 20)), "it is 0.5 at sample 10"),
    "a ramp": (Linear(100, 200, 999), "it is 110.0100100100"),
    "a number that is zero": (0, "Reclock(batch=...) must be a whole number of at least 1, got 0"),
    "a number that is not whole": (2.5, "must be a whole number of at least 1, got 2.5; write 2 or 3"),
    "not a number": ("256", "Reclock(batch=...) must be a whole number of at least 1, got '256'; write 256 without"),
    "endless": (
        ss.Staircase(1, 1, 8),
        "must be constant between jumps, or have an end, got Staircase(1.0, 1.0, 8); end the schedule or the batch "
        "with .head(n), or write the batch with Piecewise",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_batch_that_cannot_be_drawn_is_refused_with_the_place(case):
    batch, fragment = REFUSED[case]
    schedule = Constant(0.1) if case == "endless" else Linear(1, 0, 500)
    refused(ArgumentError, fragment, lambda: schedule.reclock(batch))


def test_a_batch_of_unknown_form_has_a_limit(monkeypatch):
    monkeypatch.setattr("stepsize.schedules.batches._MAX_UPDATES", 1000)
    message = "constant between jumps, or end within 1000 updates, got Staircase(1.0, 1.0, 8); write it with Piecewise"
    refused(ArgumentError, message, lambda: Linear(1, 0, 1001).reclock(ss.Staircase(1, 1, 8)))
    assert Linear(1, 0, 1000).reclock(ss.Staircase(1, 1, 8)).steps == 1000


def test_in_an_array_library_samples_are_whole_numbers():
    """Single precision cannot tell neighbouring samples apart beyond 2**24."""
    import jax
    import torch

    first = math.ceil(250_000_000 / 768)
    plan = Piecewise((1.0, 2.0, 3.0), (first * 768, first * 768 + 1536)).reclock(MEGATRON)
    steps = np.array([0, first - 1, first, first + 1, first + 2])
    assert plan(steps).tolist() == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert jax.jit(jax.vmap(plan))(steps).tolist() == plan(steps).tolist()
    assert plan(torch.tensor(steps)).tolist() == plan(steps).tolist()


def test_more_samples_than_the_library_counts_are_refused():
    import jax

    tokens = Linear(1, 0, 2**40).reclock(2**22)
    said = (
        "Linear(1.0, 0.0, 1099511627776).reclock(Constant(4194304.0)) uses 1099511627776 samples, and the step's "
        "library counts to 2147483647; end it with .head(n), or let JAX count further with jax_enable_x64"
    )
    refused(StepError, said, lambda: tokens(jax.numpy.array(5)))
    with jax.enable_x64(True):
        assert float(tokens(jax.numpy.array(2**17))) == 0.5
