"""A scheduler that knows how long the run is meant to be."""

import warnings

import pytest
from driven import PLAN, rates_used, sgd, update

import stepsize as ss
from stepsize.pytorch import Scheduler


def test_pain_5_a_schedule_that_does_not_last_as_long_as_the_horizon_is_warned_of():
    with pytest.warns(UserWarning, match="lasts 20 updates, but the horizon has 30; write .stretch\\(30\\)"):
        Scheduler(sgd(), PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=3))


def test_pain_5_an_update_past_the_horizon_is_warned_of_once():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    rates_used(optimizer, scheduler, 20)
    with pytest.warns(UserWarning, match="update 21 is past the end of the horizon, 20") as warned:
        scheduler.step()
    assert warned[0].filename == __file__
    scheduler.step()


def test_a_step_for_each_epoch_is_warned_of_once_at_the_second_update():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    for _ in range(3):
        update(optimizer)
        scheduler.step()
    update(optimizer)
    with pytest.warns(
        UserWarning, match=r"two updates were made at step 3; call scheduler.step\(\) after each"
    ) as warned:
        optimizer.step()
    assert warned[0].filename == __file__
    update(optimizer)


def test_an_update_that_is_made_again_after_a_seek_or_a_load_is_not_warned_of():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    state = scheduler.state_dict()
    for back in (lambda: scheduler.seek(0), lambda: scheduler.load_state_dict(state)):
        update(optimizer)
        scheduler.step()
        back()
        update(optimizer)
        back()


def test_two_optimizers_make_one_update_each_before_a_step_and_no_horizon_asks_for_steps():
    first, second, alone, of_samples = sgd(), sgd(), sgd(), sgd()
    scheduler = Scheduler([first, second], PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    for _ in range(3):
        update(first)
        update(second)
        scheduler.step()
    others = [
        Scheduler(alone, PLAN),
        Scheduler(of_samples, ss.Constant(0.1), horizon=ss.Horizon(samples=100, batch=10, epochs=2), clock="samples"),
    ]
    for _ in range(3):
        update(alone)
        update(of_samples)
    assert [each.position for each in others] == [0, 0]


def test_a_warning_under_auto_points_at_the_users_own_line():
    optimizer = sgd()
    Scheduler(optimizer, PLAN, auto=True, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    for _ in range(20):
        update(optimizer)
    with pytest.warns(UserWarning, match="update 21 is past the end") as warned:
        optimizer.step()
    assert warned[0].filename == __file__


def test_steps_with_a_horizon_and_several_keys_are_those_of_the_plan():
    optimizer = sgd(0.1, 0.2)
    decay = ss.Linear(0.1, 0.0, 20)
    scheduler = Scheduler(optimizer, PLAN, relative=True, weight_decay=decay, horizon=ss.Horizon(200, 10, 1))
    for step in range(20):
        assert scheduler.get_last_lr() == [PLAN(step) * 0.1, PLAN(step) * 0.2]
        assert [group["weight_decay"] for group in optimizer.param_groups] == [decay(step)] * 2
        update(optimizer)
        scheduler.step()


def test_a_warning_of_the_horizon_that_is_an_error_comes_after_the_rates_are_written():
    optimizer = sgd(0.1)
    horizon = ss.Horizon(samples=4, batch=2, epochs=1)
    scheduler = Scheduler(optimizer, ss.Linear(0.0, 0.2, 2) >> ss.Exponential(0.2, 0.5), horizon=horizon)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            update(optimizer)
            scheduler.step()
        update(optimizer)
        with pytest.raises(UserWarning, match="past the end of the horizon, 2 updates"):
            scheduler.step()
        assert (scheduler.position, scheduler.get_last_lr()) == (3, [0.1])
        update(optimizer)
        scheduler.step()
    assert scheduler.get_last_lr() == [0.05]
