"""Recipes, where their sentence says more than the shapes they are made of."""

import math

from closeness import assert_close
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import refused

import stepsize as ss
from stepsize import Constant, Cosine, Geometric, Linear
from stepsize.errors import ArgumentError
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


@given(st.integers(0, 9), st.integers(0, 200), st.floats(0, 1))
def test_an_inverse_square_root_is_at_its_peak_at_the_end_of_the_warmup(warmup_steps, step, init):
    line = init + (0.3 - init) * step / max(warmup_steps, 1)
    decay = 0.3 * math.sqrt(warmup_steps / max(step, 1)) if warmup_steps else 0.3 / math.sqrt(step + 1)
    assert_close(ss.inverse_sqrt(0.3, warmup_steps, init)(step), line if step < warmup_steps else decay)


@given(st.floats(0.01, 2), lengths, st.floats(0, 1), st.sampled_from(["linear", "cosine", "1-sqrt"]))
def test_one_cycle_lasts_the_run_and_passes_the_peak(peak, total, fraction, way):
    made = ss.one_cycle(peak, total, fraction, shape=way)
    assert made.steps == total
    assert max(made(step) for step in range(total + 1)) == peak
    if 0 < math.floor(fraction * total + 0.5) < total:
        assert made(0) == peak / 25
        assert made(total) == peak / 25 / 1e4


@given(lengths, st.floats(0, 1), st.sampled_from(["linear", "cosine", "rex(0.7)"]))
def test_the_momentum_of_one_cycle_turns_with_the_rate(total, fraction, way):
    rate, momentum = (
        ss.one_cycle(0.5, total, fraction, shape=way),
        ss.one_cycle_momentum(total, 0.9, 0.8, fraction, way),
    )
    assert momentum.steps == total
    assert momentum(total) == (0.9 if momentum(0) == 0.8 or fraction * total + 0.5 < total else 0.8)
    assert [s for s in range(total + 1) if rate(s) == 0.5] == [s for s in range(total + 1) if momentum(s) == 0.8]


def test_half_a_step_of_a_cycle_belongs_to_its_warmup():
    for total, up in ((5, 3), (7, 4)):
        assert ss.one_cycle(0.5, total, 0.5, 0.1, 0.2) == Cosine(0.1, 0.5, up) >> Cosine(0.5, 0.2, total - up)


def test_stable_phases_of_wsds_follow_each_decay_at_the_peak():
    made = ss.wsds(0.3, 2, (4, 0, 5), (2, 3, 0), final_lr=0.1, shape="cosine")
    down = [Cosine(0.3, 0.1, 2), Cosine(0.3, 0.1, 3)]
    assert made == Linear(0, 0.3, 2) >> Constant(0.3, 4) >> down[0] >> down[1] >> Constant(0.3, 5)
    assert ss.wsds(0.3, 2, (7,), (3,)) == ss.wsd(0.3, 2, 7, 3)
    refused(ArgumentError, "as many lengths as stable_steps has: 2, got (1,)", lambda: ss.wsds(0.3, 2, (4, 5), (1,)))
    refused(ArgumentError, "got 4; write stable_steps=(4,)", lambda: ss.wsds(0.3, 2, 4, (1,)))
    refused(ArgumentError, "the sum of the phases of wsds", lambda: ss.wsds(0.3, 0, (0,), (0,)))


def test_an_infinite_schedule_is_ended_later_or_by_itself():
    endless = ss.infinite(0.3, 0.1, 2, 4)
    assert endless == Linear(0, 0.3, 2) >> Cosine(0.3, 0.1, 4) >> Constant(0.1)
    ended = ss.infinite(0.3, 0.1, 2, 4, 94, 20, final_lr=0.001)
    assert endless.cooldown(100, 20, 0.001, "exponential").sample().tolist() == ended.sample().tolist()
    assert ss.infinite(0.3, 0.1, 0, 0, 5, 2) == Constant(0.1, 5) >> Geometric(0.1, 0.3 / 10, 2)
    refused(
        ArgumentError,
        "infinite(anneal_steps=...) must be 0 if stable_steps is inf, got 3; give both lengths",
        lambda: ss.infinite(0.3, 0.1, 2, 4, anneal_steps=3),
    )


@given(trees, phases, values, phases, lengths, values)
def test_rewarm_leaves_the_schedule_where_it_is(schedule, at, peak, up, down, final):
    made = ss.rewarm(schedule, at, peak, up, down, final)
    assert made.steps == at + up + down
    assert [made(step) for step in range(at)] == [schedule(step) for step in range(at)]
    assert made(at) == (schedule(at) if up else peak)
    assert made(at + up) == peak
    assert made(at + up + down) == final


def test_cycles_go_up_first():
    message = "cyclic(low=...) must be at most high = 0.1, got 0.3; exchange the two"
    for mode in ("triangular2", "exp_range"):
        refused(ArgumentError, message, lambda: ss.cyclic(0.3, 0.1, 2, 2, mode=mode))  # noqa: B023  (called at once)
    refused(ArgumentError, "Triangle(low=...) must be at most high = 0.1", lambda: ss.cyclic(0.3, 0.1, 2, 2))
    assert ss.cyclic(0.1, 0.1, 2, 2, mode="triangular2")(1) == 0.1
