"""Recipes, where their sentence says more than the shapes they are made of."""

import math

from closeness import assert_close
from hypothesis import example, given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Linear
from strategies import lengths, phases, trees, values


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
