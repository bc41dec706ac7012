"""Clocks other than steps: samples and tokens with a horizon, and seconds, which all processes agree on."""

import copy
import itertools
import json
import math
import time

import pytest
from driven import in_two_processes, saved, sgd, update

import stepsize as ss
from stepsize.errors import ArgumentError, DriverError, StateError, StepError
from stepsize.pytorch import CooldownOnDemand, Scheduler

HORIZON = ss.Horizon(samples=1000, batch=100, epochs=2, accumulation=2, tokens_per_sample=8)
HOUR = 'Linear(0.0, 0.3, "30min") >> Linear(0.3, 0.0, "0.5h")'


@pytest.fixture
def now(monkeypatch):
    """The time, which a test sets."""
    time_is = [0.0]
    monkeypatch.setattr("stepsize.pytorch.clock.time.monotonic", lambda: time_is[0])
    return time_is


# Samples and tokens.


@pytest.mark.parametrize(
    ("clock", "meaning"),
    [
        ("steps", "Linear(0.0, 0.3, 1) >> Linear(0.3, 0.0, 5) >> Linear(0.0, 0.3, 3) >> Constant(0.3, 1)"),
        ("samples", "Linear(0.0, 0.3, 200) >> Linear(0.3, 0.0, 1000) >> Linear(0.0, 0.3, 500) >> Constant(0.3, 300)"),
        (
            "tokens",
            "Linear(0.0, 0.3, 1600) >> Linear(0.3, 0.0, 8000) >> Linear(0.0, 0.3, 4000) >> Constant(0.3, 2400)",
        ),
    ],
)
def test_a_text_with_units_is_read_in_what_the_clock_counts(clock, meaning):
    text = 'Linear(0, 0.3, "10%") >> Linear(0.3, 0, "1ep") >> Linear(0, 0.3, "4ktok") >> Constant(0.3, "rest")'
    scheduler = Scheduler(sgd(), text, horizon=HORIZON, clock=clock)
    assert scheduler.schedules["lr"] == ss.parse(meaning)
    scheduler.replan('Linear(0.3, 0, "100%")')
    assert scheduler.schedules["lr"].steps == HORIZON.of("100%", clock)


@pytest.mark.parametrize(("clock", "each"), [("samples", 1), ("tokens", 8)])
def test_under_auto_an_update_counts_what_it_uses(clock, each):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, 'Linear(0.4, 0, "100%")', horizon=HORIZON, clock=clock, auto=True)
    positions = []
    for _ in range(HORIZON.steps):
        update(optimizer)
        positions.append(scheduler.position)
        assert scheduler.get_last_lr() == [pytest.approx(0.4 * (1 - positions[-1] / (2000 * each)))]
    assert positions == [each * n for n in (200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000)]


@pytest.mark.parametrize(
    ("horizon", "positions"),
    [
        (ss.Horizon(1000, ss.Piecewise((100, 300), (350,)), 1), [100, 200, 300, 400, 700, 1000]),
        (ss.Horizon(250, 100, 2), [100, 200, 250, 350, 450, 500]),
    ],
    ids=["a growing batch", "a part of a batch at the end of an epoch"],
)
def test_under_auto_an_update_counts_the_samples_of_its_batch(horizon, positions):
    optimizer = sgd()
    end = positions[-1]
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, end), horizon=horizon, clock="samples", auto=True)
    found = []
    for _ in range(horizon.steps):
        update(optimizer)
        found.append(scheduler.position)
    assert found == positions


def test_an_update_that_begins_past_the_horizon_is_warned_of_once():
    scheduler = Scheduler(sgd(), ss.Linear(1.0, 0.0, 16_000), horizon=HORIZON, clock="tokens")
    scheduler.seek(14_800)
    scheduler.advance(1600)  # the last update may be larger than what was left
    with pytest.warns(UserWarning, match="token 18000 is past the end of the horizon, 16000 tokens") as caught:
        scheduler.advance(1600)
    assert caught[0].filename == __file__
    scheduler.advance(1600)


def test_a_schedule_that_ends_an_update_or_more_apart_from_the_horizon_is_warned_of():
    Scheduler(sgd(), ss.Linear(1.0, 0.0, 1999), horizon=HORIZON, clock="samples")
    with pytest.warns(UserWarning, match="lasts 1800 samples, but the horizon has 2000; write .stretch\\(2000\\)"):
        Scheduler(sgd(), ss.Linear(1.0, 0.0, 1800), horizon=HORIZON, clock="samples")
    with pytest.warns(
        UserWarning, match=r"lasts 2200 samples, but the horizon has 2000; .* or correct Horizon\(samples=1"
    ):
        Scheduler(sgd(), ss.Linear(1.0, 0.0, 2200), horizon=HORIZON, clock="samples")


REFUSED = {
    "auto without a horizon": (
        {"clock": "tokens", "auto": True},
        "Scheduler(auto=...) must be left out if the clock counts tokens and there is no horizon, got True; "
        "give horizon=..., or report the tokens of each update with advance(n)",
    ),
    "a horizon without tokens": (
        {"clock": "tokens", "horizon": ss.Horizon(200, 10, 1)},
        "a Horizon with tokens_per_sample if the clock counts tokens",
    ),
    "a horizon for seconds": (
        {"clock": "seconds", "horizon": ss.Horizon(9, 1, 1)},
        "must be left out if the clock counts seconds, got Horizon(samples=9, batch=1, epochs=1.0, accumulation=1, "
        'p...; write lengths as times, such as "30min"',
    ),
    "another clock": ({"clock": "epochs"}, 'clock=...) must be "steps" or "samples" or "tokens" or "seconds"'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_clock_has_no_use_for_is_refused(case):
    given, message = REFUSED[case]
    with pytest.raises(ArgumentError) as refusal:
        Scheduler(sgd(), ss.Constant(0.1), **given)
    assert message in str(refusal.value)


# Seconds.


def test_a_schedule_of_seconds_is_a_function_of_real_time():
    scheduler = Scheduler(sgd(), HOUR, clock="seconds")
    for seconds, position in [(0.5, 0.5), (899.25, 899.75), (1800, 2699.75), (10_000.0, 12_699.75)]:
        scheduler.advance(seconds)
        assert scheduler.position == position
        assert scheduler.get_last_lr() == [ss.parse(HOUR, clock="seconds")(position)]
    scheduler.seek(900.5)
    assert scheduler.get_last_lr() == [pytest.approx(0.3 * 900.5 / 1800)]


def test_the_time_is_measured_if_it_is_left_out(now):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, HOUR, clock="seconds")
    now[0] = 2.5
    scheduler.advance()
    now[0] = 4.0
    scheduler.advance()
    assert scheduler.position == 4.0
    with scheduler.paused():
        now[0] = 100.0
        scheduler.advance()
    now[0] = 101.5
    scheduler.advance()
    assert scheduler.position == 5.5
    now[0] = 103.0
    scheduler.advance(0.5)
    now[0] = 103.25
    scheduler.advance()
    assert scheduler.position == 6.25
    again = Scheduler(sgd(), HOUR, clock="seconds")
    now[0] = 200.0
    copied = copy.deepcopy((optimizer, scheduler))[1]
    again.load_state_dict(scheduler.state_dict())
    now[0] = 200.25
    again.advance()
    copied.advance()
    assert (again.position, copied.position) == (6.5, 6.5)
    scheduler.seek(50.0)
    now[0] = 201.0
    scheduler.advance()
    assert scheduler.position == 50.75


def test_under_auto_each_update_takes_its_time(now):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, HOUR, clock="seconds", auto=True)
    for second in (1.5, 3.0, 4.25):
        now[0] = second
        update(optimizer)
        assert scheduler.position == second
        assert scheduler.get_last_lr() == [pytest.approx(0.3 * second / 1800)]


def test_real_time_passes():
    scheduler = Scheduler(sgd(), HOUR, clock="seconds")
    time.sleep(0.01)
    scheduler.advance()
    assert 0.01 <= scheduler.position < 10.0


@pytest.mark.parametrize("wrong", [-1e-9, -1, math.nan, math.inf, True, "1s"])
def test_a_clock_that_does_not_run_forward_is_refused(wrong):
    scheduler = Scheduler(sgd(), HOUR, clock="seconds")
    scheduler.advance(10)
    with pytest.raises(ArgumentError, match=r"^advance\(n=\.\.\.\) must be a finite number >= 0, got "):
        scheduler.advance(wrong)
    assert scheduler.position == 10.0


@pytest.mark.parametrize("auto", [False, True])
def test_a_measured_time_that_runs_backwards_is_refused(now, auto):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, HOUR, clock="seconds", auto=auto)
    scheduler.seek(10.0)
    now[0] = -2.5
    with pytest.raises(StepError, match=r"the clock ran backwards by 2.5 seconds; measure them and call advance\(n\)"):
        update(optimizer) if auto else scheduler.advance()
    assert scheduler.position == 10.0


def test_a_clock_of_seconds_is_not_stepped():
    scheduler = Scheduler(sgd(), HOUR, clock="seconds")
    with pytest.raises(DriverError, match=r"counts seconds; call advance\(\) after each update"):
        scheduler.step()
    with pytest.raises(ArgumentError, match=r"advance\(n=\.\.\.\) must be a whole number of at least 0, got None"):
        Scheduler(sgd(), ss.Constant(0.1)).advance()


@pytest.mark.parametrize("clock", ["steps", "samples", "seconds"])
def test_under_auto_nothing_is_reported_so_that_nothing_counts_twice(clock):
    horizon = None if clock == "seconds" else ss.Horizon(samples=100, batch=10, epochs=1)
    optimizer = sgd()
    scheduler = Scheduler(optimizer, ss.Constant(0.1), auto=True, clock=clock, horizon=horizon)
    update(optimizer)
    position = scheduler.position
    with pytest.raises(
        DriverError, match=r"under auto=True the optimizer's updates move the position; use seek\(\) to"
    ):
        scheduler.advance(1)
    assert scheduler.position == position


def test_the_elapsed_time_is_in_the_state():
    scheduler = Scheduler(sgd(), HOUR, clock="seconds")
    scheduler.advance(0.1)
    scheduler.advance(0.2)
    state = json.loads(json.dumps(scheduler.state_dict()))
    assert (state["clock"], state["position"]) == ("seconds", 0.1 + 0.2)
    again = Scheduler(sgd(), HOUR, clock="seconds")
    again.load_state_dict(saved(state))
    assert (again.position, again.get_last_lr()) == (scheduler.position, scheduler.get_last_lr())
    with pytest.raises(StateError, match="the state counts 'seconds', but this scheduler counts steps"):
        Scheduler(sgd(), HOUR.replace('"30min"', "9").replace('"0.5h"', "9")).load_state_dict(state)
    for wrong in (-1.0, math.nan, "1"):
        with pytest.raises(StateError, match="the state's position must be a finite number >= 0"):
            again.load_state_dict({**state, "position": wrong})


def test_a_change_of_plan_begins_at_the_next_whole_second():
    scheduler = Scheduler(sgd(), ss.Constant(0.4), clock="seconds")
    scheduler.advance(9.5)
    scheduler.cool_down(10)
    assert scheduler.schedules["lr"] == ss.Constant(0.4).cooldown(10, 10)
    scheduler.replan('Linear(0.4, 0.2, "1min")')
    assert scheduler.schedules["lr"] == ss.Constant(0.4).cooldown(10, 10).head(10) >> ss.Linear(0.4, 0.2, 60)
    cooldown = CooldownOnDemand(scheduler, 10)
    cooldown.request()
    assert not cooldown.due()
    assert cooldown.ends_at == 20


def measured_seconds(rank):
    """The positions and rates of both ways of measuring, in processes of which the second is slower."""
    scheduler = Scheduler(sgd(), ss.Linear(0.4, 0.0, 10), clock="seconds")
    optimizer = sgd()
    automatic = Scheduler(optimizer, ss.Linear(0.4, 0.0, 10), clock="seconds", auto=True)
    found = []
    for _ in range(5):
        time.sleep(0.02 * (rank + 1))
        scheduler.advance()
        update(optimizer)
        found += [scheduler.position, *scheduler.get_last_lr(), automatic.position, *automatic.get_last_lr()]
    return found


def test_all_processes_are_at_the_same_second(tmp_path):
    first, second = in_two_processes(measured_seconds, tmp_path)
    assert first == second
    assert all(before < after for before, after in itertools.pairwise(first[::4]))
    assert first[-4] >= 0.1
