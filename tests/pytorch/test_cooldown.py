"""A cooldown on demand: by the program, a deadline or a signal, and agreed by all processes."""

import gc
import json
import os
import signal
import time

import pytest
import torch
from driven import in_two_processes
from torch.optim import SGD

import stepsize as ss
from stepsize.errors import ArgumentError, StateError
from stepsize.pytorch import CooldownOnDemand, Scheduler


def scheduler(**more):
    return Scheduler(SGD([torch.zeros(1, requires_grad=True)]), ss.Constant(0.4), **more)


def train(driver, cooldown, updates, each=lambda step: None):
    """The rates of the updates, until the cooldown has ended."""
    rates = []
    for step in range(updates):
        rates += driver.get_last_lr()
        driver.optimizer.step()
        driver.step()
        each(step)
        if cooldown.due():
            break
    return rates


def test_nothing_happens_without_a_request():
    driver = scheduler()
    assert train(driver, CooldownOnDemand(driver, 4), 10) == [0.4] * 10


def test_the_cooldown_comes_down_to_its_end_and_stays_due():
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 4, 0.2)
    cooldown.request()
    assert train(driver, cooldown, 99) == [0.4, *(pytest.approx(rate) for rate in (0.4, 0.35, 0.3, 0.25))]
    assert driver.get_last_lr() == [0.2]
    assert cooldown.due()


@pytest.mark.parametrize("earlier", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_signal_without_a_handler_of_its_own_requests_the_cooldown_too(earlier):
    before = signal.signal(signal.SIGUSR1, earlier)
    try:
        driver = scheduler()
        cooldown = CooldownOnDemand(driver, 2, on_signal=signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert train(driver, cooldown, 10) == [0.4, 0.4, 0.2]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_requests_the_cooldown_and_the_earlier_handler_is_called():
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append("earlier"))
    try:
        driver = scheduler()
        cooldown = CooldownOnDemand(driver, 2, on_signal=signal.SIGUSR1)
        rates = train(driver, cooldown, 10, lambda step: step == 3 and os.kill(os.getpid(), signal.SIGUSR1))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert rates == [0.4] * 5 + [0.2]
    assert heard == ["earlier"]


def test_a_deadline_leaves_time_for_the_cooldown():
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 20, shape="cosine", deadline=1.0)
    began = time.monotonic()
    rates = train(driver, cooldown, 10_000, lambda _: time.sleep(0.005))
    assert time.monotonic() - began < 3.0
    assert cooldown.ends_at == len(rates)
    assert rates[-20:] == ss.Constant(0.4).cooldown(0, 20, shape="cosine").sample(20).tolist()


def test_a_cooldown_that_has_begun_is_resumed():
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 4)
    cooldown.request()
    train(driver, cooldown, 3)
    saved = json.loads(json.dumps([driver.state_dict(), cooldown.state_dict()]))
    again = scheduler()
    resumed = CooldownOnDemand(again, 4)
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    assert train(again, resumed, 99) == train(driver, cooldown, 99) == [pytest.approx(0.2), pytest.approx(0.1)]
    with pytest.raises(StateError, match="not a valid state of stepsize"):
        resumed.load_state_dict({"steps": 3})
    for wrong in ({"ends_at": -3}, {"ends_at": True}, {"version": 2}, {"asked": 1}, {"kind": "Another"}):
        with pytest.raises(StateError, match="not a valid state of stepsize"):
            resumed.load_state_dict({**saved[1], **wrong})


def test_a_cooldown_outlives_a_resume_that_keeps_the_plan():
    driver = scheduler(on_change="keep")
    cooldown = CooldownOnDemand(driver, 4)
    cooldown.request()
    train(driver, cooldown, 3)
    again = scheduler(on_change="keep")
    again.load_state_dict(driver.state_dict())
    resumed = CooldownOnDemand(again, 4)
    resumed.load_state_dict(cooldown.state_dict())
    assert train(again, resumed, 99) == train(driver, cooldown, 99) == [pytest.approx(0.2), pytest.approx(0.1)]


def test_a_cooldown_that_begins_within_a_second_ends_a_whole_number_of_seconds_after_the_next():
    driver = scheduler(clock="seconds")
    cooldown = CooldownOnDemand(driver, 4)
    cooldown.request()
    driver.advance(0.5)
    assert not cooldown.due()
    assert cooldown.ends_at == 5
    driver.advance(4.4)
    assert not cooldown.due()
    driver.advance(0.1)
    assert cooldown.due()
    assert driver.get_last_lr() == [0.0]


def test_a_deadline_is_kept_on_a_clock_of_tokens(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("stepsize.pytorch.cooldown.time.monotonic", lambda: now[0])
    driver = scheduler(clock="tokens")
    cooldown = CooldownOnDemand(driver, 20_000, deadline=100.0)
    while not cooldown.due():
        driver.optimizer.step()
        driver.advance(1000)
        now[0] += 1.0
    assert 98.0 <= now[0] <= 100.0


def test_a_deadline_is_kept_if_the_processes_agree_rarely(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("stepsize.pytorch.cooldown.time.monotonic", lambda: now[0])
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 20, deadline=100.0, every=15)
    while not cooldown.due():
        driver.optimizer.step()
        driver.step()
        now[0] += 1.0
    assert 80.0 <= now[0] <= 100.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 4, "shape": "square"},
        {"steps": 4, "shape": "exponential"},  # its end must not be 0
        {"steps": 4, "deadline": -1},
        {"steps": 4, "every": 0},
    ],
)
def test_wrong_arguments_are_refused_at_once(wrong):
    with pytest.raises(ArgumentError, match=r"^CooldownOnDemand"):
        CooldownOnDemand(scheduler(), **wrong)


def test_a_scheduler_without_a_scheduled_rate_is_refused_at_once():
    driver = Scheduler(scheduler().optimizer, weight_decay=0.1)
    with pytest.raises(ArgumentError, match="the plan has no 'lr'"):
        CooldownOnDemand(driver, 4)


def rates_of_a_cooldown(rank):
    """The rates of a training in which process 1 requests the cooldown after its fifth update."""
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 4, every=3)
    return train(driver, cooldown, 100, lambda step: rank == 1 and step == 4 and cooldown.request())


def test_all_processes_begin_at_the_same_step(tmp_path):
    rates, found = in_two_processes(rates_of_a_cooldown, tmp_path)
    assert rates == found == [0.4] * 6 + [0.4, pytest.approx(0.3), 0.2, pytest.approx(0.1)]


def test_the_signal_handler_is_restored_when_the_cooldown_is_gone():
    before = signal.getsignal(signal.SIGUSR2)
    cooldown = CooldownOnDemand(scheduler(), 2, on_signal=signal.SIGUSR2)
    assert signal.getsignal(signal.SIGUSR2) is not before
    del cooldown
    gc.collect()
    assert signal.getsignal(signal.SIGUSR2) is before


def test_a_signal_handler_that_came_later_is_kept():
    before = signal.getsignal(signal.SIGUSR2)
    try:
        cooldown = CooldownOnDemand(scheduler(), 2, on_signal=signal.SIGUSR2)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        del cooldown
        gc.collect()
        assert signal.getsignal(signal.SIGUSR2) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_request_that_has_not_begun_is_not_lost_in_a_checkpoint():
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 2)
    cooldown.request()
    again = CooldownOnDemand(driver, 2)
    again.load_state_dict(json.loads(json.dumps(cooldown.state_dict())))
    assert train(driver, again, 9) == [0.4, 0.4, 0.2]


def test_wrong_schedulers_and_signals_are_refused():
    with pytest.raises(ArgumentError, match=r"a stepsize.pytorch.Scheduler"):
        CooldownOnDemand(scheduler().optimizer, 2)
    for wrong in (9999, "SIGUSR1"):
        with pytest.raises(ArgumentError, match="a signal, such as"):
            CooldownOnDemand(scheduler(), 2, on_signal=wrong)
    with pytest.raises(
        ArgumentError, match=r"a signal that a process may handle, such as signal.SIGUSR1, got .*SIGKILL"
    ):
        CooldownOnDemand(scheduler(), 2, on_signal=signal.SIGKILL)


def test_after_a_resume_the_pace_is_that_of_the_updates_made_since(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("stepsize.pytorch.cooldown.time.monotonic", lambda: now[0])
    driver = scheduler()
    cooldown = CooldownOnDemand(driver, 20, deadline=100.0)
    driver.seek(100_000)  # as loading a state does

    def second(_):
        now[0] += 1.0

    rates = train(driver, cooldown, 1000, second)
    assert (len(rates), now[0]) == (100, 100.0)
